#!/usr/bin/env bash
# `wasm-link.sh COMPILED MODULE [OPTION]`: links a compiled module and makes it smaller, unless that has been done.
# OPTION goes to target/release/wasm-link. Exit codes: 0 done; 2 the link step or wasm-opt failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly COMPILED=$1 MODULE=$2 LINK=target/release/wasm-link OPT=tools/setup/wasm-opt.sh
if [[ ! ($COMPILED -nt $MODULE || $LINK -nt $MODULE || $OPT -nt $MODULE) ]]; then
    echo "$MODULE is up to date"
    exit 0
fi
# Before wasm-opt.
readonly LINKED=${COMPILED%.wasm}.linked.wasm
"$LINK" "${@:3}" "$COMPILED" "$LINKED"
"$OPT" "$LINKED" "$MODULE"
