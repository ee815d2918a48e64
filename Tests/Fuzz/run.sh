#!/usr/bin/env bash
# Fuzzes what decodes, under AddressSanitizer: whole messages in both encodings, and descriptors.
#
#   bash Tests/Fuzz/run.sh             half a minute each, as the tests do
#   bash Tests/Fuzz/run.sh --hour      half an hour each
#   bash Tests/Fuzz/run.sh --seed N    the same inputs again
#
# New inputs that reach new code are kept in .build/found; `--minimize` merges them into the corpus.
# An input that stops the decoder is written to .build/crash-…, and the status is then not 0.
set -euo pipefail
cd "$(dirname "$0")"

seconds=30
seed=$((RANDOM * 32768 + RANDOM + 1))
minimize=''
while [ $# -gt 0 ]; do
  case $1 in
    --hour) seconds=1800 ;;
    --seed)
      seed=${2:?--seed needs a number}
      shift
      ;;
    --minimize) minimize=yes ;;
    *)
      echo "run.sh: unknown option $1; see its head" >&2
      exit 64
      ;;
  esac
  shift
done

export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
swift build -c release
binaries=$(swift build -c release --show-bin-path)
for target in message descriptor; do
  program=$binaries/$([ $target = message ] && echo MessageFuzzer || echo DescriptorFuzzer)
  found=.build/found/$target
  mkdir -p "$found"
  if [ -n "$minimize" ]; then
    "$program" -merge=1 "Corpus/$target" "$found"
    continue
  fi
  echo "fuzzing ${target}s for $seconds s, seed $seed"
  "$program" -seed="$seed" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=2048 \
    -artifact_prefix=.build/crash- -verbosity=0 -print_final_stats=1 "$found" "Corpus/$target" 2>&1 |
    grep -v '^stat::slowest\|^stat::average\|^"\|^#####'
done
