#!/usr/bin/env bash
# Builds the documentation into site/: open site/index.html, no server and no network are needed.
# Installs the tools into an environment of their own, .venv-docs, with the uv of envs/setup.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

envs/setup.sh
here="$PWD, $(.venv/bin/python -V)"
expected=$(sha256sum envs/docs.txt envs/docs.sh)
if [ "$(cat .venv-docs/made-for 2>/dev/null)" != "$here" ]; then
    .uv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-docs
    echo "$here" >.venv-docs/made-for
fi
if [ "$(cat .venv-docs/installed 2>/dev/null)" != "$expected" ]; then
    .uv/bin/uv pip sync --python .venv-docs --require-hashes --quiet envs/docs.txt
    echo "$expected" >.venv-docs/installed
fi
NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet "$@"
