#!/usr/bin/env bash
# Compares heed with other packages, of pinned versions in a virtual environment: Hugging Face's open the folders that heed
# trained, and heed what they made; llama.cpp runs its GGUF files; a page shows the attention that they computed; ids are
# those of their tokenizers; BLEU and chrF are sacrebleu's; TensorBoard's reader opens the event files of runs. The last line
# is "N passed, N failed, N skipped"; without PyPI that is one skipped, said aloud.
# Usage: scripts/interop.sh [PRESET [MEGABYTES]]   (of CMakePresets.json; release unless given. Of text to compare ids on,
#   0.5 unless given; from 10 on the speed is judged as well)
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 2 "$@"
preset=${1:-release} megabytes=${2:-0.5}
build=build
[ "$preset" = release ] || build=build-$preset
python=$(scripts/python.sh) || { echo "skipped: all: no PyPI, whose packages these are"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

scripts/build.sh --preset "$preset" trained probe scores heed_program || exit 1

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/heed" "$place/theirs"
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
{
  $build/tests/trained "$place/heed" && $python tests/oracle/opened.py heed $build/heed "$place/heed"
  $python tests/oracle/run_gguf.py $build/heed "$place/heed"
  $python tests/oracle/folders.py "$place/theirs" &&
    $python tests/oracle/opened.py theirs $build/tests/probe "$place/theirs"
  $python tests/oracle/tokens.py $build/heed "$megabytes"
  $python tests/oracle/metrics.py compare $build/tests/scores
  $python tests/oracle/pages.py $build/heed "$place/pages"
  $python tests/oracle/events.py $PWD/$build/heed "$place/runs"
} 2>&1 | tee "$place/log"
awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; parts++ }
     END { failed += 7 - parts; printf "%d passed, %d failed, 0 skipped\n", passed, failed; exit failed > 0 }' "$place/log"
