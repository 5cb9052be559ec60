#!/usr/bin/env bash
# Shows that check-arrow.sh can fail: breaks the arrow in a copy of the workspace, once in every way it
# guards against, and expects each breach to be named. Exit codes: 0 all were; 1 one was missed.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly CHECK="$PWD/tools/setup/check-arrow.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The copy's manifests change, so its lock file must be allowed to; everything it needs is downloaded already.
export ARROW_CARGO_FLAGS=--offline

fresh_copy() {
    rm -rf "$scratch/copy"
    mkdir "$scratch/copy"
    tar -c --exclude target Cargo.toml Cargo.lock src tests bench tools examples | tar -x -C "$scratch/copy"
}

# $1: what is broken; $2: words that the check must answer with. The copy is broken already.
expect_breach() {
    local answer status=0
    answer=$("$CHECK" "$scratch/copy" 2>&1) || status=$?
    if [[ $status != 1 || $answer != *"$2"* ]]; then
        printf 'arrow self-test: not noticed: %s (exit code %s)\n%s\n' "$1" "$status" "$answer" >&2
        exit 1
    fi
}

# $1: a manifest; $2: the line to put under its [dependencies].
add_dependency() {
    sed -i "s|^\[dependencies\]\$|[dependencies]\n$2|" "$scratch/copy/$1"
}

fresh_copy
"$CHECK" "$scratch/copy" >/dev/null

add_dependency src/chaosctl/Cargo.toml 'proxy-wasm.workspace = true'
expect_breach "chaosctl uses proxy-wasm" "proxy-wasm is used by 'chaosctl squall squall-adapter squall-control'"

fresh_copy
add_dependency src/chaosctl/Cargo.toml 'squall = { path = "../.." }'
expect_breach "chaosctl depends on squall" "chaosctl depends on squall"

fresh_copy
add_dependency src/control/Cargo.toml 'squall = { path = "../.." }'
expect_breach "the control module depends on squall" "squall-control depends on squall"

fresh_copy
add_dependency src/chaosctl/Cargo.toml 'squall-control.workspace = true'
expect_breach "chaosctl depends on the control module" "chaosctl depends on squall-control"

fresh_copy
sed -i '/^squall-adapter/d' "$scratch/copy/src/control/Cargo.toml"
expect_breach "the control module without the adapter" "squall-control does not depend on squall-adapter"

fresh_copy
add_dependency src/policy/Cargo.toml 'wasm-link = { path = "../../tools/wasm_link" }'
expect_breach "the policy depends on a crate of ours" "squall-policy depends on 'wasm-link'"

fresh_copy
sed -i '/^squall-policy/d' "$scratch/copy/src/chaosctl/Cargo.toml"
expect_breach "chaosctl without the policy" "chaosctl does not depend on squall-policy"

for line in 'use std::time::Instant;' 'fn now() { std::time::SystemTime::now(); }' 'use std::fs;' \
    'use std::{env, fmt};' 'use std::net::TcpStream;' 'use std::thread;' 'use proxy_wasm::hostcalls;' 'fn f() { getrandom::fill(&mut []); }'; do
    fresh_copy
    echo "$line" >>"$scratch/copy/src/policy/lib.rs"
    expect_breach "the policy says $line" "must be pure"
done

fresh_copy
printf '// std::fs is not used here\n#[cfg(test)]\nmod in_tests_it_may {\n    use std::fs;\n}\n' >>"$scratch/copy/src/policy/lib.rs"
"$CHECK" "$scratch/copy" >/dev/null
echo "arrow self-test: 16 breaches noticed, the allowed ones let through"
