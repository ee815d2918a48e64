#!/usr/bin/env bash
# Runs Tidemark's main job on real data, from nothing to a summary, and ends by itself:
# a Python process serves a rain model over forty years of weather, Tidemark watches it over ZeroMQ,
# and when it decides so the model is retrained. Installs and builds what is missing first.
#
#   bash deploy/demo.sh [--pace SECONDS] [--batches N]     passed on to the serving process
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/setup.sh
set_up deploy/requirements.txt

say "building tidemark (a first build takes a few minutes)"
swift build -c release --product tidemark
TIDEMARK=$(swift build -c release --show-bin-path)/tidemark

WORK=$(mktemp -d)
DAEMON='' WATCHER='' DRAIN=''
clean_up() {
  local process
  for process in $WATCHER $DAEMON $DRAIN; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$WORK"
}
trap clean_up EXIT

say "starting the daemon"
mkfifo "$WORK/log"
"$TIDEMARK" serve --config deploy/weather/demo.yaml 2>"$WORK/log" &
DAEMON=$!
exec 3<"$WORK/log"
INGEST=''
while IFS= read -r -t 30 line <&3; do
  printf '%s\n' "$line" | tee -a "$WORK/daemon.log"
  if [[ $line =~ ingest=([^ ]+)\ .*output=([^ ]+) ]]; then
    INGEST=${BASH_REMATCH[1]} OUTPUT=${BASH_REMATCH[2]}
    if [[ $line =~ http=([^ ]+) ]]; then say "while it runs: http://${BASH_REMATCH[1]}"; fi
    break
  fi
done
[ -n "$INGEST" ] || fail "The daemon did not become ready; its words are above."
cat <&3 >>"$WORK/daemon.log" &
DRAIN=$!

say "serving, 30 days a batch; alerts and decisions as they come"
"$PYTHON" deploy/weather/watch.py --output "$OUTPUT" --ready "$WORK/ready" --summary "$WORK/watch.json" &
WATCHER=$!
STATUS=0
"$PYTHON" deploy/weather/serve_model.py --ingest "$INGEST" --output "$OUTPUT" \
  --record "$WORK/record.json" --watcher-ready "$WORK/ready" "$@" || STATUS=$?

# The daemon ends first, so that its last outputs reach the watcher.
kill -TERM "$DAEMON" && wait "$DAEMON" || STATUS=$?
DAEMON=''
kill -TERM "$WATCHER" && wait "$WATCHER" || STATUS=$?
WATCHER=''
wait "$DRAIN" || true
DRAIN=''

say "what came of it"
"$PYTHON" deploy/weather/summarise.py --record "$WORK/record.json" --watcher "$WORK/watch.json" || STATUS=$?
printf '\nthe daemon'"'"'s own account:\n  %s\n' "$(tail -n 1 "$WORK/daemon.log")"
exit "$STATUS"
