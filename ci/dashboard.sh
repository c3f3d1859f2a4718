#!/usr/bin/env bash
# The dashboard in a real browser. With a folder as argument, screenshots for docs/ are put there.
set -euo pipefail
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$CHROMIUM" ] || ! command -v npm > /dev/null; then
    echo "SKIPPED: the dashboard was NOT tested in a browser: there is no chromium, or no npm" >&2
    exit 0
fi
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --example dashboard
PLAYWRIGHT=$(realpath "$target")/playwright
npm install --silent --no-audit --no-fund --prefix "$PLAYWRIGHT" playwright-core@1.65.1

out=$(mktemp)
"$target/debug/examples/dashboard" 127.0.0.1:0 > "$out" &
example=$!
# Killed by the test at its end; the shell need not say so.
disown "$example"
trap 'kill $example 2>/dev/null || true; rm -f "$out"' EXIT
for _ in $(seq 100); do grep -q 'http://' "$out" && break; sleep 0.1; done
EXAMPLE_PID=$example CHROMIUM=$CHROMIUM PLAYWRIGHT=$PLAYWRIGHT \
    node tests/dashboard/browser.mjs "$(grep -o 'http://[0-9.:]*' "$out" | head -n 1)" "$@"
