#!/usr/bin/env bash
# SLURM and munge from Debian's packages, for tests/cluster. They are installed, not started.
set -euo pipefail
programs=(munged slurmctld slurmd sbatch srun scontrol)
missing() { for program in "${programs[@]}"; do command -v "$program" >/dev/null || return 0; done; return 1; }

missing || exit 0
[ "$(id -u)" = 0 ] || { echo "not root"; exit 1; }
command -v apt-get >/dev/null || { echo "no apt-get"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends munge slurmctld slurmd slurm-client; } \
    >"$log" 2>&1 || { echo "apt-get: $(tail -n 1 "$log")"; exit 1; }
rm -f "$log"
