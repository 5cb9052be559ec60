#!/usr/bin/env bash
# Formatting, clippy natively and for the wasm target, the arrow, and, where they are installed, shellcheck
# and cargo-deny. Runs all of them before it fails. Exit codes: 0 nothing found; 1 a finding; 2 a tool is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

findings=0
check() {
    echo "lint: $1"
    shift
    "$@" || findings=$((findings + 1))
}

# $1: cargo subcommand; $2: the rustup component that brings it.
component() {
    if cargo "$1" --version >/dev/null 2>&1; then
        return
    fi
    if ! { command -v rustup >/dev/null && rustup component add "$2"; }; then
        echo "lint: cargo $1 is missing; run: rustup component add $2" >&2
        exit 2
    fi
}

left_out() {
    echo "lint: $1 is not installed, so this check is left out; to have it: $2"
}

component fmt rustfmt
component clippy clippy

check "formatting" cargo fmt --all --check
check "formatting of the benchmark's empty filter" cargo fmt --manifest-path bench/empty_filter/Cargo.toml --check
check "clippy" cargo clippy --locked --release --workspace --all-targets --all-features -- -D warnings
check "clippy, wasm target" tools/setup/wasm-cargo.sh clippy --locked --profile wasm -p squall -p squall-control -p squall-adapter -- -D warnings
check "the arrow" tools/setup/check-arrow.sh
check "the arrow's check can fail" tools/setup/check-arrow-selftest.sh

if command -v shellcheck >/dev/null; then
    check "shell scripts" shellcheck tools/setup/*.sh .ci/run
else
    left_out shellcheck "apt-get install -y shellcheck"
fi
if command -v cargo-deny >/dev/null; then
    check "licences, advisories, bans, sources" cargo deny --locked --workspace check
else
    left_out cargo-deny "cargo install --locked cargo-deny"
fi

if ((findings > 0)); then
    echo "lint: $findings of the checks found something" >&2
    exit 1
fi
echo "lint: nothing found"
