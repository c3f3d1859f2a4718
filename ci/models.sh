#!/usr/bin/env bash
# The loom models of the protocol, with their canaries: models with one fault, which must fail.
# Three preemptions find every fault that the canaries know; models with three threads set a lower bound themselves.
set -euo pipefail
export RUSTFLAGS="--cfg loom -D warnings"
export LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}"
# A folder of its own: other flags, so nothing of the ordinary build would be of use.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom"
cargo test --release --locked -p handover-blocking -p handover-executor -p handover-reactor --test 'loom_*'
