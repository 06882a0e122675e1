#!/usr/bin/env bash
# Trains over MPI what one process trains, and lets processes die: installs Open MPI, builds with -DHEED_MPI=ON in
# build-mpi, and shows it all on this machine. The last line is "N passed, N failed, N skipped".
# Usage: scripts/mpi.sh
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/usage.sh 0 "$@"
scripts/deps.sh libopenmpi-dev openmpi-bin python3 || exit 1
configure=(-S . -B build-mpi -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEED_MPI=ON -DHEED_TUTORIAL=OFF)
command -v ccache >/dev/null && configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake "${configure[@]}" >/dev/null && cmake --build build-mpi --target heed_program world -- --quiet ||
  { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

root=$PWD heed=$PWD/build-mpi/heed world=$PWD/build-mpi/tests/world
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
passed=0 failed=0
check() {  # check WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then passed=$((passed + 1)); echo "ok: $what"; else failed=$((failed + 1)); echo "FAILED: $what"; fi
}

echo "== programs outside the tree, against the installed static library"
cmake --install "$root/build-mpi" --prefix "$place/prefix" --component dev >log
with_pkg_config() {  # with_pkg_config [FLAG]
  # shellcheck disable=SC2046  # its words are flags
  g++ -O2 "$root/tests/consumer/processes.cpp" -o processes $(PKG_CONFIG_PATH=$place/prefix/lib/pkgconfig pkg-config --cflags --libs "$@" heed) &&
    mpirun -np 2 ./processes
}
check "pkg-config" with_pkg_config
check "pkg-config --static" with_pkg_config --static
found() {
  cmake -S "$root/tests/consumer" -B found -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$place/prefix" >log &&
    cmake --build found --target processes >log && mpirun -np 2 found/processes
}
check "find_package" found

for n in 2 3; do
  echo "== weights, losses and moments of $n processes, step by step"
  mpirun -np $n "$world" >output
  cat output
  [[ $(grep ' passed, ' output) =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]] || [[ "0 passed, 1 failed" =~ ^(0).*(1) ]]
  passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
done

echo "== heed gpt train: one process with a batch of 12, and others with its parts"
python3 - >text <<'PYTHON'
import random
random.seed(1)
words = "the cat dog sat on mat a big red ran to hill and saw some bird".split()
print("\n".join(" ".join(random.choice(words) for _ in range(9)) for _ in range(3000)))
PYTHON
train() {  # train OUT N BATCH THREADS [OPTION...]: 100 steps
  local out=$1 n=$2 batch=$3 threads=$4
  shift 4
  mpirun -np "$n" --bind-to none "$heed" gpt train --text text --preset cpu --steps 100 --batch "$batch" \
    --threads "$threads" --out "$out" "$@" 2>>log || tail -n 3 log
}
train one 1 12 2
train two 2 6 1
train sharded 2 6 1 --shard-optimizer
train four 4 3 1 --shard-optimizer
python3 - <<'PYTHON' | tee table
import json
def losses(run):
    return {r["step"]: r["loss"] for r in map(json.loads, open(run + "/metrics.jsonl")) if "loss" in r}
def last(run):
    return [r["seconds"] * 10 for r in map(json.loads, open(run + "/times.jsonl")) if "seconds" in r][-1]
runs = ["one", "two", "sharded", "four"]
all_losses = {run: losses(run) for run in runs}
print("step  " + "".join(f"{run:>12}" for run in runs))
for step in all_losses["one"]:
    print(f"{step:4}  " + "".join(f"{all_losses[run][step]:12.7f}" for run in runs))
print("ms    " + "".join(f"{last(run):12.2f}" for run in runs))
worst = max(abs(all_losses[run][s] - l) for run in runs for s, l in all_losses["one"].items())
print(f"worst difference {worst:.2g}")
raise SystemExit(worst > 1e-5)
PYTHON
check "the same losses to 1e-5 over 100 steps" test "${PIPESTATUS[0]}" = 0

echo "== a process that dies"
long=(gpt train --text text --preset micro --steps 100000 --batch 4 --threads 1 --save-every 20 --out dying)
mpirun -np 2 "$heed" "${long[@]}" 2>death &
job=$!
until [ -e dying/training.safetensors ]; do
  kill -0 $job 2>/dev/null || break
  sleep 0.1
done
victim=$(pgrep -f "^$heed gpt train.*--out dying" | tail -n 1)
start=$(date +%s%N)
kill -KILL "$victim"
wait $job
code=$?
seconds=$(awk "BEGIN { printf \"%.2f\", ($(date +%s%N) - $start) / 1e9 }")
grep -a 'rank\|Rank' death | head -n 2
echo "all ended $seconds s after one was killed, with exit code $code"
check "a killed process ends all within 10 s, with its name" \
  test "$code" -ne 0 -a "${seconds%.*}" -lt 10 -a -n "$(grep -a 'process rank [01] with PID' death)"

echo "== its checkpoint, with other numbers of processes"
sed -i 's/"steps": *[0-9]*/"steps": 400/' dying/config.json
mpirun -np 3 "$heed" gpt train --resume --out dying 2>refused
check "8 windows are not shared by 3 processes" grep -q "takes 8 windows a step and mpirun started 3 processes" refused
cp -r dying other
"$heed" gpt train --resume --out dying 2>&1 | tail -n 1
mpirun -np 4 "$heed" gpt train --resume --threads 1 --shard-optimizer --out other 2>&1 | tail -n 1
python3 - <<'PYTHON'
import json
a, b = ([r["val_loss"] for r in map(json.loads, open(run + "/metrics.jsonl")) if "val_loss" in r][-1] for run in ("dying", "other"))
print(f"val_loss {a:.6f} by one process, {b:.6f} by four")
raise SystemExit(abs(a - b) > 1e-4)
PYTHON
check "a run of 2 goes on with 1 and with 4 processes to the same loss" test $? = 0

echo "== what is refused"
mpirun -np 2 "$heed" seq2seq train --steps 1 --out none 2>refused
check "seq2seq train in two processes" grep -q "need one, as only gpt train shares its work" refused
mpirun -np 2 "$heed" gpt train --text text --steps 1 --out one 2>refused
check "a model that is there already" grep -q "rank 0.*'one' holds a model" refused

echo "$passed passed, $failed failed, 0 skipped"
exit $((failed > 0))
