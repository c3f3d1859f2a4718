#!/usr/bin/env bash
# Unit, scenario and end-to-end tests, doctests included; then once more on kernels without membarrier, as far as that can be played.
set -euo pipefail
cargo test --workspace --all-features --locked
HANDOVER_NO_MEMBARRIER=1 cargo test --locked --test 'scenario_*'
