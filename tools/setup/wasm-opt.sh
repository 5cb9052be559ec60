#!/usr/bin/env bash
# Makes the linked module smaller with Binaryen's wasm-opt: 9 % of its size and 3 % of the instructions of a request.
#   wasm-opt.sh                 fetch it if needed and possible, then say in one line what is used
#   wasm-opt.sh INPUT OUTPUT    write the smaller module; a plain copy where there is no wasm-opt
# Order: $WASM_OPT, `wasm-opt` in PATH, Debian's package `binaryen`. The filter works without; only its size budget is
# for the smaller module.
# Exit codes: 0 done, or there is none and the command to run by hand was printed; 2 wasm-opt failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly OLDEST=108
# What the Rust target uses. Nothing newer, so that every Envoy since 1.30 reads the module.
readonly FEATURES=(--enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext
    --enable-multivalue --enable-reference-types)
# Until nothing changes any more. The first 1024 bytes of memory hold nothing (they are the end of the stack), so that an
# offset may be added by the load itself: 0.7 %.
readonly PASSES=(-Oz --converge --low-memory-unused --reorder-functions)

chosen() {
    if [[ -n ${WASM_OPT:-} ]]; then
        command -v "$WASM_OPT"
    else
        command -v wasm-opt
    fi
}

install_debian() {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    echo "wasm-opt: installing Debian's binaryen (3 MB)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends binaryen >/dev/null 2>&1 && return 0
    apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends binaryen >/dev/null 2>&1
}

# Prints the version when it is new enough.
usable() {
    local version
    version=$("$1" --version 2>/dev/null | grep -oE '[0-9]+' | head -n 1) || return 1
    ((${version:-0} >= OLDEST)) && echo "$version"
}

find() {
    local binary
    binary=$(chosen) || return 1
    usable "$binary" >/dev/null && echo "$binary"
}

if (($# == 2)); then
    if binary=$(find); then
        # Beside the output first: nobody shall see half a module.
        if ! "$binary" "${FEATURES[@]}" "${PASSES[@]}" "$1" -o "$2.tmp"; then
            echo "wasm-opt: $binary failed" >&2
            exit 2
        fi
        mv "$2.tmp" "$2"
        echo "$2: $(stat -c %s "$2") bytes after wasm-opt"
    else
        cp "$1" "$2"
    fi
    exit 0
fi
find >/dev/null || install_debian || true
if binary=$(find); then
    echo "wasm-opt: using $binary (version $(usable "$binary"))"
else
    echo "wasm-opt: none of version $OLDEST or later, so the module stays a tenth larger; to have it:"
    echo "    sudo apt-get install -y binaryen"
fi
