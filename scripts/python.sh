#!/usr/bin/env bash
# Prints the Python of a virtual environment that has what tests/oracle/requirements.txt lists, of pinned versions from PyPI
# (5 GB); makes it where it is missing. Fails, and says so, where PyPI cannot be reached.
# HEED_VENV is the environment's folder; ~/.cache/heed/venv unless given.
set -uo pipefail
cd "$(dirname "$0")/.."
venv=${HEED_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/heed/venv}
wanted=tests/oracle/requirements.txt
scripts/deps.sh python3-venv || exit 1

if ! cmp -s $wanted "$venv/installed"; then
  if ! { [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"; } >&2 ||
    ! "$venv/bin/pip" install --quiet --disable-pip-version-check -r $wanted >&2; then
    echo "PyPI cannot be reached, or lacks what $wanted names: NOTHING WAS COMPARED with other programs" >&2
    exit 1
  fi
  cp $wanted "$venv/installed"
fi
echo "$venv/bin/python"
