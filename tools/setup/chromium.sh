#!/usr/bin/env bash
# Provides the Chromium in which the tests look at the cockpit.
# Order: $CHROMIUM, `chromium`, `chromium-browser` or `google-chrome` in PATH, else Debian's package `chromium`.
#   chromium.sh    install it if needed and possible, then say in one line what is used
# Exit codes: 0 there is one; 2 there is none, and the commands to run by hand were printed.
set -euo pipefail

chosen() {
    if [[ -n ${CHROMIUM:-} ]]; then
        command -v "$CHROMIUM"
    else
        command -v chromium || command -v chromium-browser || command -v google-chrome
    fi
}

install_debian() {
    [[ -z ${CHROMIUM:-} ]] && command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    echo "chromium: installing Debian's chromium (about 100 MB)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends chromium >/dev/null 2>&1 && return 0
    apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends chromium >/dev/null 2>&1
}

chosen >/dev/null || install_debian || true
if binary=$(chosen) && version=$("$binary" --version 2>/dev/null); then
    echo "chromium: using $binary ($version)"
else
    cat >&2 <<TEXT
chromium: there is none that runs${CHROMIUM:+ at CHROMIUM=$CHROMIUM}. Run by hand one of:
    sudo apt-get install -y --no-install-recommends chromium
    make CHROMIUM=/path/to/chromium TARGET    # with a Chromium or Chrome of your own
TEXT
    exit 2
fi
