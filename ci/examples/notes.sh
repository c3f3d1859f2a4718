#!/usr/bin/env bash
# The example notes: slow requests hold no others up.
set -euo pipefail
if ! command -v curl > /dev/null; then apt-get update -qq && apt-get install -y -qq curl; fi
examples=${CARGO_TARGET_DIR:-target}/release/examples
folder=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT

echo "a file" > "$folder/file.txt"
"$examples"/notes --addr 127.0.0.1:0 --db "$folder/notes.db" --dir "$folder" > "$folder/out" &
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
