#!/usr/bin/env bash
# The examples, driven for real as a user would run them.
set -euo pipefail
if ! command -v curl > /dev/null; then apt-get update -qq && apt-get install -y -qq curl; fi
cargo build --release --examples --locked
cargo run --release --locked --example handoff -- --quick

folder=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT
echo "a file" > "$folder/file.txt"
target/release/examples/notes --addr 127.0.0.1:0 --db "$folder/notes.db" --dir "$folder" > "$folder/out" &
server=$!
for _ in $(seq 100); do grep -q 'http://' "$folder/out" && break; sleep 0.1; done
url=$(grep -o 'http://[0-9.:]*' "$folder/out" | head -n 1)
curl -sSf -H 'content-type: application/json' -d '{"title":"first","body":"written by ci"}' "$url/notes"; echo
for _ in 1 2 3 4; do curl -sSf "$url/slow?ms=1000" > /dev/null & done
curl -sSf --max-time 1 "$url/notes"; echo
test "$(curl -sSf "$url/files/file.txt")" = "a file"
kill -INT $server
wait $server
echo "notes ended cleanly"

head -c 100000000 /dev/urandom > "$folder/large"
target/release/examples/cp --progress "$folder/large" "$folder/copy"
cmp "$folder/large" "$folder/copy"
mkfifo "$folder/fifo"
target/release/examples/cp --progress "$folder/fifo" "$folder/copy" &
copy=$!
exec 3> "$folder/fifo"
echo "a beginning" >&3
kill -INT $copy
wait $copy && exit 1
cmp "$folder/large" "$folder/copy"
echo "cp was stopped and left the target as it was"

mkfifo "$folder/clock"
target/release/examples/supervisor --grace 2 'once=echo done' "clock=echo tick > '$folder/clock'; exec sleep 60" > "$folder/lines" &
server=$!
timeout 20 grep -q tick "$folder/clock"
for _ in $(seq 100); do grep -q '^once: done$' "$folder/lines" && break; sleep 0.1; done
kill -TERM $server
timeout 20 tail --pid=$server -f /dev/null
wait $server
grep -c '^once: done$' "$folder/lines"
echo "supervisor ended all it ran"
