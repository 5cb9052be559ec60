#!/usr/bin/env bash
# `check-arrow.sh [WORKSPACE]`: the arrow between the crates, which no convention would keep for long.
#   proxy-wasm <- squall, squall-adapter, squall-control;  squall-policy -> none of ours;
#   the modules (squall, squall-control), squall-adapter, chaosctl -> squall-policy;  the modules -> squall-adapter, and never each
#   other;  chaosctl never any of those three, nor they it;
#   src/policy reads no clock, file, socket, environment or random source, and starts no thread.
# Exit codes: 0 the arrow holds; 1 it does not, each breach on a line; 2 cargo could not answer.
# ARROW_CARGO_FLAGS replaces --locked (the self-test changes manifests).
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

breaches=0
breach() {
    echo "arrow: $1" >&2
    breaches=$((breaches + 1))
}

tree() {
    # shellcheck disable=SC2086 # several flags on purpose
    cargo tree ${ARROW_CARGO_FLAGS:---locked} --quiet --target all --prefix none --depth 1 "$@" || {
        echo "arrow: cargo tree $* failed" >&2
        exit 2
    }
}

# The direct dependencies of package $1 that lie in this workspace, one name per line.
ours() {
    local listing
    listing=$(tree -p "$1" -e normal,build,dev) || exit 2
    sed -n '2,$p' <<<"$listing" | awk -v root="$PWD" 'index($0, "(" root) { print $1 }' | sort -u
}

depends_on() {
    grep -qx "$2" <<<"$(ours "$1")"
}

check_crates() {
    local listing parents
    listing=$(tree --workspace -i proxy-wasm -e normal,build,dev) || exit 2
    parents=$(sed -n '2,$p' <<<"$listing" | awk 'NF { print $1 }' | sort -u | paste -sd ' ')
    [[ $parents == "squall squall-adapter squall-control" ]] ||
        breach "proxy-wasm is used by '${parents}', and only the modules may use it"
    local own
    own=$(ours squall-policy | paste -sd ' ')
    [[ -z $own ]] || breach "squall-policy depends on '$own', and may depend on no crate of this workspace"
    local crate
    for crate in squall squall-control squall-adapter chaosctl; do
        depends_on "$crate" squall-policy || breach "$crate does not depend on squall-policy"
    done
    for crate in squall squall-control; do
        depends_on "$crate" squall-adapter || breach "$crate does not depend on squall-adapter"
        ! depends_on squall-adapter "$crate" || breach "squall-adapter depends on $crate"
    done
    ! depends_on squall squall-control || breach "squall depends on squall-control"
    ! depends_on squall-control squall || breach "squall-control depends on squall"
    for crate in squall squall-control squall-adapter; do
        ! depends_on chaosctl "$crate" || breach "chaosctl depends on $crate"
        ! depends_on "$crate" chaosctl || breach "$crate depends on chaosctl"
    done
}

# Prints FILE:LINE: TEXT for everything impure outside comments, tests and the generator of the documentation.
impure() {
    # shellcheck disable=SC2016 # the program is awk's
    find src/policy -name '*.rs' -not -path '*/tests/*' -not -path '*/bin/*' -not -name 'tests.rs' -print0 |
        xargs -0 awk '
            FNR == 1 { skipping = 0; armed = 0 }
            skipping { if ($0 ~ /^}/) skipping = 0; next }
            /^#\[cfg\(test\)\]/ { armed = 1; next }
            armed && /^(pub(\(crate\))? )?mod [a-z_]+ *\{/ { skipping = 1; armed = 0; next }
            { armed = 0; code = $0; sub(/\/\/.*/, "", code) }
            code ~ /(^|[^A-Za-z0-9_])(SystemTime|Instant|getrandom|proxy_wasm)([^A-Za-z0-9_]|$)/ ||
            code ~ /(^|[^A-Za-z0-9_])std::(fs|net|env|thread|process|io)([^A-Za-z0-9_]|$)/ ||
            code ~ /(^|[^A-Za-z0-9_])std::\{(.*[^A-Za-z0-9_])?(fs|net|env|thread|process|io)([^A-Za-z0-9_]|$)/ {
                print FILENAME ":" FNR ": " $0
            }'
}

check_purity() {
    local found
    found=$(impure)
    while read -r line; do
        [[ -z $line ]] || breach "squall-policy must be pure, but $line"
    done <<<"$found"
}

check_crates
check_purity
if ((breaches > 0)); then
    echo "arrow: $breaches breach(es)" >&2
    exit 1
fi
echo "arrow: proxy-wasm <- squall, squall-control -> squall-adapter -> squall-policy <- chaosctl holds, and squall-policy is pure"
