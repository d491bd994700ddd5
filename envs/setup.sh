#!/usr/bin/env bash
# Installs the packages of envs/requirements.txt that are missing from .venv; if none is missing, it
# does nothing. It needs Python 3.11 or newer with pip, and uses the package index that pip uses.
set -euo pipefail
cd "$(dirname "$0")/.."

export PIP_ROOT_USER_ACTION=ignore
# The interpreter behind an activated environment: .venv itself has no pip.
python=$("${PYTHON:-python3}" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $python is older than Python 3.11: name a newer one, PYTHON=python3.12 $0" >&2
    exit 1
}
"$python" -m pip --version >/dev/null || {
    echo "setup: $python has no pip: install it, on Debian or Ubuntu: apt install python3-pip" >&2
    exit 1
}

# Recreate an environment that was moved, belongs to another Python, or has lost its Python.
here="$PWD, $("$python" -V)"
expected=$(sha256sum envs/requirements.txt envs/setup.sh)
same=$([ "$(cat .venv/made-for 2>/dev/null)" = "$here" ] && .venv/bin/python -c "" 2>/dev/null && echo yes || true)
if [ "$same" ] && [ "$(cat .venv/installed 2>/dev/null)" = "$expected" ]; then
    exit 0
fi

# Install uv into its own folder, which needs neither the venv module nor a writable system Python.
if [ ! -x .uv/bin/uv ] || [ "$(cat .uv/uv.txt 2>/dev/null)" != "$(cat envs/uv.txt)" ]; then
    rm -rf .uv
    "$python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
        --target .uv -r envs/uv.txt
    cp envs/uv.txt .uv/
fi
if [ ! "$same" ]; then
    .uv/bin/uv venv --quiet --clear --python "$python" .venv
    echo "$here" >.venv/made-for
fi
# Compile the bytecode once; where writing bytecode is disabled, every job would compile its imports.
.uv/bin/uv pip sync --python .venv --require-hashes --compile-bytecode --quiet envs/requirements.txt
# The command runs the library of this checkout; the library itself is not installed.
cat >.venv/bin/lmc-ot <<END
#!$PWD/.venv/bin/python
import sys

sys.path.insert(0, "$PWD/workflow/scripts")
from lmc_ot.cli import main

sys.exit(main())
END
chmod +x .venv/bin/lmc-ot
echo "$expected" >.venv/installed
