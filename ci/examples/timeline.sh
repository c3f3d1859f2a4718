#!/usr/bin/env bash
# The example timeline: it leaves a trace.
set -euo pipefail
examples=${CARGO_TARGET_DIR:-target}/release/examples
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$examples"/timeline "$folder/timeline.pftrace"
test -s "$folder/timeline.pftrace"
