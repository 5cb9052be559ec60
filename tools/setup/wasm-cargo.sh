#!/usr/bin/env bash
# `wasm-cargo.sh SUBCOMMAND ARGUMENTS...`: cargo for wasm32-unknown-unknown with the compiler that
# wasm-toolchain.sh chose. Runs in the caller's directory.
set -euo pipefail

CHOICE="$(dirname "$0")/../../.cache/wasm-toolchain.env"
if [[ ! -f $CHOICE ]]; then
    "$(dirname "$0")/wasm-toolchain.sh" >&2
fi
# shellcheck source=/dev/null
source "$CHOICE"

readonly TARGET=wasm32-unknown-unknown
subcommand=$1
shift
# Flags from outside are meant for the native build, and would replace those of .cargo/config.toml.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
# The messages of panics name source files: without this machine's folders the module is 3 KiB smaller, and the same everywhere.
# Joined with the flags of .cargo/config.toml.
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="--remap-path-prefix=$registry=/"

if [[ $WASM_TOOLCHAIN == rustup ]]; then
    exec cargo "$subcommand" --target "$TARGET" "$@"
fi
if [[ $subcommand == clippy ]]; then
    echo "clippy for $TARGET is left out: Debian's compiler brings none; run: rustup target add $TARGET"
    exit 0
fi
# Debian ships no compiled standard library for wasm, so it is built from Debian's source of it, which a
# stable compiler does only when told that it may use unstable options.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$WASM_LINKER
exec /usr/bin/cargo "$subcommand" --target "$TARGET" -Zbuild-std=std,panic_abort "$@"
