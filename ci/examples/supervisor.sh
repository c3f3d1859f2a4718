#!/usr/bin/env bash
# The example supervisor: it ends all it runs.
set -euo pipefail
examples=${CARGO_TARGET_DIR:-target}/release/examples
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkfifo "$folder/clock"
"$examples"/supervisor --grace 2 'once=echo done' "clock=echo tick > '$folder/clock'; exec sleep 60" > "$folder/lines" &
server=$!
timeout 20 grep -q tick "$folder/clock"
for _ in $(seq 100); do grep -q '^once: done$' "$folder/lines" && break; sleep 0.1; done
kill -TERM $server
timeout 20 tail --pid=$server -f /dev/null
wait $server
grep -c '^once: done$' "$folder/lines"
echo "supervisor ended all it ran"
