#!/usr/bin/env bash
# Prints the Python of a virtual environment that has what a file lists, of pinned versions from PyPI; makes it where it is
# missing. Fails, and says so, where PyPI cannot be reached.
# Usage: scripts/python.sh [REQUIREMENTS]   (tests/oracle/requirements.txt, 5 GB, unless given)
# HEED_VENV is the environment's folder; ~/.cache/heed/venv unless given, and -NAME of the requirements' folder behind it for
# other requirements: venv-book. A line "# pip: OPTIONS" in the file is for pip.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 1 "$@"
wanted=${1:-tests/oracle/requirements.txt}
venv=${HEED_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/heed/venv}
[ $# = 0 ] || venv+=-$(basename "$(dirname "$wanted")")
scripts/deps.sh python3-venv || exit 1

if ! cmp -s "$wanted" "$venv/installed"; then
  # shellcheck disable=SC2046
  if ! { [ -x "$venv/bin/python" ] || python3 -m venv "$venv"; } >&2 ||
    ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $(sed -n 's/^# pip: //p' "$wanted") -r "$wanted" >&2; then
    echo "PyPI cannot be reached, or lacks what $wanted names: NOTHING WAS DONE that needs it" >&2
    exit 1
  fi
  cp "$wanted" "$venv/installed"
fi
echo "$venv/bin/python"
