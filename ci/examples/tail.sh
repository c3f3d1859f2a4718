#!/usr/bin/env bash
# The example tail: a file and a FIFO at once.
set -euo pipefail
examples=${CARGO_TARGET_DIR:-target}/release/examples
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkfifo "$folder/fifo"
echo "a line of a file" > "$folder/log"
timeout 20 "$examples"/tail "$folder/log" "$folder/fifo" > "$folder/shown" &
tail=$!
timeout 20 bash -c 'echo "a line of a FIFO" > "$1"' - "$folder/fifo"
for _ in $(seq 100); do [ "$(grep -c '^a line of' "$folder/shown")" = 2 ] && break; sleep 0.1; done
kill $tail
wait $tail || true
cat "$folder/shown"
test "$(grep -c '^a line of' "$folder/shown")" = 2
