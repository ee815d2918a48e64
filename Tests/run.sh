#!/usr/bin/env bash
# Installs what is missing and runs every test: lint, unit and property tests, sanitizers over the
# socket tests, and the acceptance tests against the real binary with real Python clients.
#
#   bash Tests/run.sh           all of it
#   bash Tests/run.sh --quick   without the sanitizers and fuzzers, which build everything thrice more
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/setup.sh

QUICK=''
for option in "$@"; do
  case $option in
    --quick) QUICK=yes ;;
    *) fail "unknown option $option; see the head of Tests/run.sh" ;;
  esac
done
# The C++ example is compiled against cppzmq; what draws in a terminal is tested in one, and the dashboard in Chromium.
DEBIAN_PACKAGES+=(cppzmq-dev tmux chromium)
# Notifications are sent to a real Alertmanager, through libcurl, with certificates of our own; what is deployed is
# checked by promtool, amtool, systemd-analyze and strace, and run in namespaces by unshare and ip.
DEBIAN_PACKAGES+=(prometheus prometheus-alertmanager libcurl4 openssl systemd strace util-linux iproute2)
set_up Tests/requirements.txt

# Without it a crash can hang for minutes in the backtracer.
export SWIFT_BACKTRACE=enable=no

say "lint"
swift format lint --strict --recursive Package.swift Sources Tests

say "building (a first build takes a few minutes)"
swift build --build-tests

say "unit, golden, property and tidy tests"
swift test --skip-build

if [ -z "$QUICK" ]; then
  # libzmq is not instrumented, so ThreadSanitizer is told what of it to leave alone.
  say "socket and decoder tests under ThreadSanitizer"
  TIDEMARK_TEST_TARGETS=ZeroMQTests,DaemonTests TSAN_OPTIONS="suppressions=$PWD/Tests/tsan.supp halt_on_error=1" \
    swift test --scratch-path .build-tsan --sanitize thread --filter 'ZeroMQTests|DaemonTests'

  # Release, since a debug build hides an out-of-bounds raw load from AddressSanitizer.
  say "socket, decoder and kernel tests under AddressSanitizer"
  TIDEMARK_TEST_TARGETS=ZeroMQTests,DaemonTests,WireTests,StatisticsTests ASAN_OPTIONS=detect_leaks=0 \
    swift test --scratch-path .build-asan -c release -Xswiftc -enable-testing --sanitize address \
    --filter 'ZeroMQTests|DaemonTests|WireTests|StatisticsTests'
fi

FUZZING=''
if [ -z "$QUICK" ]; then
  # Each fuzzer has one core; the release build takes the other.
  say "fuzzing what decodes, one minute under AddressSanitizer"
  bash Tests/Fuzz/run.sh &
  FUZZING=$!
fi
swift build -c release --product tidemark
if [ -n "$FUZZING" ]; then wait "$FUZZING"; fi

say "acceptance tests: the real binary, real pyzmq clients, kill -9; and the Python client"
TIDEMARK=$(swift build -c release --show-bin-path)/tidemark \
  "$PYTHON" -m pytest -q -p no:cacheprovider Tests/Live Tests/Client
say "all tests passed"
