#!/usr/bin/env bash
# Loss curves with products in bf16 beside those in f32: the same run in both, of three seeds. Fails where the mean loss of
# a hundred steps, or the validation loss at the end, differs by more than 0.01. Minutes for `cpu`, hours for `baby`.
# Usage: scripts/precision.sh [PRESET [STEPS [HEED [TEXT]]]]   (default: cpu 500 build/heed, and heed's own text)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 4 "$@"
preset=${1:-cpu} steps=${2:-500} heed=${3:-build/heed}
text=(); [ -z "${4:-}" ] || text=(--text "$4")
[ -n "${3:-}" ] || scripts/build.sh heed_program
scripts/deps.sh python3
case $("$heed" info --json) in *'"bf16":null'*) echo "precision.sh: $("$heed" info | grep bf16)" >&2; exit 1 ;; esac
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for seed in 1 2 3; do
  for precision in f32 bf16; do
    "$heed" gpt train "${text[@]}" --preset "$preset" --steps "$steps" --seed "$seed" --precision $precision \
      --evaluate-every "$steps" --out "$out/$precision$seed" 2> "$out/err" || { cat "$out/err" >&2; exit 1; }
  done
done
python3 - "$out" <<'PY'
import json, math, sys
worst = 0
for seed in (1, 2, 3):
    f32, bf16 = ([json.loads(line) for line in open(f"{sys.argv[1]}/{p}{seed}/metrics.jsonl")] for p in ("f32", "bf16"))
    losses = [(a["loss"], b["loss"]) for a, b in zip(f32, bf16) if "loss" in a]
    windows = [losses[i:i + 10] for i in range(0, len(losses), 10)]  # logged every 10 steps
    apart = [sum(b - a for a, b in w) / len(w) for w in windows]
    last = [[line for line in lines if "val_loss" in line][-1]["val_loss"] for lines in (f32, bf16)]
    assert len(f32) == len(bf16) and all(map(math.isfinite, apart + last)), "a run ended early, or its losses are not finite"
    worst = max([worst, abs(last[1] - last[0])] + [abs(d) for d in apart])
    print(f"seed {seed}: bf16 - f32 of each hundred steps " + " ".join(f"{d:+.4f}" for d in apart) +
          f", of one step {max(abs(b - a) for a, b in losses):.4f} at most; validation {last[0]:.4f} and {last[1]:.4f}")
print(f"largest difference {worst:.4f}, allowed 0.01")
sys.exit(worst > 0.01)
PY
