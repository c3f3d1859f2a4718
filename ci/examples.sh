#!/usr/bin/env bash
# The examples, driven for real as a user would run them.
set -euo pipefail
cargo build --release --examples --locked
cargo run --release --locked --example handoff -- --quick
for example in ci/examples/*.sh; do
    echo "--- $example"
    bash "$example"
done
