#!/usr/bin/env bash
# The example cp: a large file, and a copy that is stopped.
set -euo pipefail
examples=${CARGO_TARGET_DIR:-target}/release/examples
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

head -c 100000000 /dev/urandom > "$folder/large"
"$examples"/cp --progress "$folder/large" "$folder/copy"
cmp "$folder/large" "$folder/copy"
mkfifo "$folder/fifo"
"$examples"/cp --progress "$folder/fifo" "$folder/copy" &
copy=$!
exec 3> "$folder/fifo"
echo "a beginning" >&3
kill -INT $copy
wait $copy && exit 1
cmp "$folder/large" "$folder/copy"
echo "cp was stopped and left the target as it was"
