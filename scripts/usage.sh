# shellcheck shell=bash
# Sourced as `. scripts/usage.sh MOST "$@"`: --help prints the head of the script, and an option, which has to be one that
# the script took before, or more arguments than MOST are refused.
usage() { sed -n '2,/^set/p' "${BASH_SOURCE[0]%/*}/${0##*/}" | sed '$d; s/^# \{0,1\}//'; }
refuse() { echo "${0##*/}: $1; $(usage | sed -n '/Usage:/,$ { s/.*Usage:/usage:/; p }')" >&2; exit 2; }

for argument in "${@:2}"; do
  case $argument in
    -h|--help) usage; exit 0 ;;
    -*) refuse "there is no option '$argument'" ;;
  esac
done
[ $# -le $(($1 + 1)) ] || refuse "'${*: -1}' is one argument too many"
