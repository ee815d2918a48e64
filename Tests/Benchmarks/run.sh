#!/usr/bin/env bash
# Compiles the programs, then runs all benchmarks: less than twelve minutes, loopback only.
#   bash Tests/Benchmarks/run.sh [--report FILE] [--rounds N] [--only SECTION …] [--scale X] [--binary PATH]
#   bash Tests/Benchmarks/run.sh campaign [--report FILE] …     the counts of long runs: see campaign.py
#   bash Tests/Benchmarks/run.sh faults [--seed N] …            faults on purpose: see faults.py
#   bash Tests/Benchmarks/run.sh delivery [--rounds N] …        what delivery costs: see delivery.py
#   bash Tests/Benchmarks/run.sh evaluate [--seed N] [--quick]  how well the detectors detect: see evaluate.py
#   bash Tests/Benchmarks/run.sh footprint [--seconds S] …      what it takes of a machine: see footprint.py
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
programs=$here/.build/c

die() {
  printf 'run.sh: %s\n' "$1" >&2
  exit 1
}

compiler=${CC:-$(command -v clang || command -v cc || true)}
[ -n "$compiler" ] || die "no C compiler; apt-get install clang"
if pkg-config --exists libzmq 2>/dev/null; then
  read -ra flags <<<"$(pkg-config --cflags --libs libzmq)"
else
  flags=(-lzmq)
fi
mkdir -p "$programs"
compile=("$compiler" -O2 -std=gnu11 -D_GNU_SOURCE -Wall -Wextra)
for program in load load_framed load_reliable receive_loop raw_read latency echo; do
  "${compile[@]}" "$here/$program.c" -o "$programs/$program" "${flags[@]}" -lm ||
    die "$program.c does not compile; apt-get install libzmq3-dev"
done
"${compile[@]}" -shared -fPIC "$here/malloc_count.c" -o "$programs/malloc_count.so" ||
  die "malloc_count.c does not compile"

# The daemon and the kernels as the sources are now, not as they were built some day.
command -v swift >/dev/null || die "no Swift toolchain"
swift build --package-path "$root" -c release --product tidemark >&2
swift build --package-path "$here" -c release >&2

# The tests' environment if it is there, else any python3 that has what is needed, else one of our own.
needs='import sys, numpy, zmq; assert sys.version_info >= (3, 11)'
packages=(numpy pyzmq)
if [ "${1:-}" = evaluate ]; then
  needs+='; import matplotlib, scipy, river; assert river.__version__ == "0.26.1"'
  packages=(-r "$here/requirements.txt")
fi
for python in "$root/.venv/bin/python" "$(command -v python3 || true)" "$here/.build/venv/bin/python" ''; do
  if [ -z "$python" ] || { [ -x "$python" ] && "$python" -c "$needs" 2>/dev/null; }; then break; fi
done
if [ -z "$python" ]; then
  python3 -m venv "$here/.build/venv" || die "no Python environment; apt-get install python3-venv"
  "$here/.build/venv/bin/pip" install --quiet "${packages[@]}" || die "${packages[*]} could not be installed"
  python=$here/.build/venv/bin/python
  "$python" -c "$needs" || die "Python 3.11 or later is needed, with ${packages[*]}"
fi

program=run.py
case ${1:-} in
  campaign | faults | delivery | evaluate | footprint)
    program=$1.py
    shift
    ;;
esac
exec "$python" -B "$here/$program" "$@"
