#!/usr/bin/env bash
# Provides a Rust compiler for wasm32-unknown-unknown and writes the choice to .cache/wasm-toolchain.env,
# which wasm-cargo.sh reads. In order: the target the compiler already has, the target from rustup, and
# Debian's rustc-web, whose standard library is compiled from source with Debian's linker.
# Exit codes: 0 there is one; 2 there is none, and the commands to run by hand were printed.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly TARGET=wasm32-unknown-unknown
readonly CHOICE=.cache/wasm-toolchain.env
readonly PACKAGES=(rustc-web cargo-web rust-web-src lld-19)
readonly DEBIAN_LIBRARY=/usr/lib/rustlib/src/rust/library
# The same as rust-version in Cargo.toml.
readonly OLDEST=1.95

has_target() {
    local directory
    directory=$(rustc --print target-libdir --target "$TARGET" 2>/dev/null) || return 1
    compgen -G "$directory/libcore-*.rlib" >/dev/null
}

has_debian() {
    [[ -x /usr/bin/cargo && -x /usr/bin/rustc && -d $DEBIAN_LIBRARY ]] || return 1
    [[ -n $(debian_linker) ]] || return 1
    local version
    version=$(/usr/bin/rustc --version | cut -d ' ' -f 2)
    [[ $(printf '%s\n' "$OLDEST" "$version" | sort -V | head -n 1) == "$OLDEST" ]]
}

debian_linker() {
    compgen -G "/usr/bin/wasm-ld*" | sort -V | tail -n 1 || true
}

# $1: rustup or debian; $2: what to tell. An unchanged choice keeps its file, and with it its time stamp.
choose() {
    local kind=$1 text
    text="WASM_TOOLCHAIN=$kind"
    if [[ $kind == debian ]]; then
        text+=$'\n'"WASM_LINKER=$(debian_linker)"
    fi
    mkdir -p .cache
    if [[ ! -f $CHOICE || $(<"$CHOICE") != "$text" ]]; then
        echo "$text" >"$CHOICE"
    fi
    echo "wasm target: $2"
    exit 0
}

add_with_rustup() {
    command -v rustup >/dev/null || return 1
    echo "wasm target: rustup target add $TARGET"
    rustup target add "$TARGET" && has_target
}

install_debian() {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    echo "wasm target: rustup brought no $TARGET; installing Debian's ${PACKAGES[*]} instead"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${PACKAGES[@]}" >/dev/null && has_debian
}

main() {
    # SQUALL_WASM_TOOLCHAIN=debian tries the fall-back on a machine that has the target.
    if [[ ${SQUALL_WASM_TOOLCHAIN:-} != debian ]]; then
        has_target && choose rustup "$TARGET is there ($(rustc --version))"
        add_with_rustup && choose rustup "$TARGET added with rustup ($(rustc --version))"
    fi
    has_debian && choose debian "using Debian's $(/usr/bin/rustc --version), standard library from source"
    install_debian && choose debian "installed Debian's $(/usr/bin/rustc --version), standard library from source"
    cat >&2 <<TEXT
wasm target: no Rust $OLDEST or later for $TARGET, and none could be fetched. Run by hand one of:
    rustup target add $TARGET
    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${PACKAGES[*]}
TEXT
    exit 2
}

main "$@"
