#!/usr/bin/env bash
# Chromium and a font from Debian's packages, for tests/browser.
set -euo pipefail
command -v chromium >/dev/null && exit 0
[ "$(id -u)" = 0 ] || { echo "not root"; exit 1; }
command -v apt-get >/dev/null || { echo "no apt-get"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } \
    >"$log" 2>&1 || { echo "apt-get: $(tail -n 1 "$log")"; exit 1; }
rm -f "$log"
