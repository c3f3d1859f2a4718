#!/usr/bin/env bash
# What the unmodified tokio-console shows of examples/console, and of examples/notes, read off its screen. It takes `tmux` and `tokio-console` in the PATH; HANDOVER_INSTALL_CONSOLE=1 installs the latter
# (four minutes on two CPUs). Without them the examples are built (a minute and a half), and the test says that it tested nothing.
set -euo pipefail
export CARGO_TARGET_DIR="$(realpath -m "${CARGO_TARGET_DIR:-target}")/console"
# The environment's RUSTFLAGS would replace those of examples/console/.cargo.
export RUSTFLAGS="${RUSTFLAGS:-} --cfg console_without_tokio_unstable"
if [ "${HANDOVER_INSTALL_CONSOLE:-}" = 1 ] && ! command -v tokio-console > /dev/null; then
    cargo install tokio-console --locked --root "$CARGO_TARGET_DIR"
    export PATH="$PATH:$CARGO_TARGET_DIR/bin"
fi
cd examples/console
cargo fmt --check
cargo test --locked
