#!/usr/bin/env bash
# Provides prometheus and promtool, with which the tests check metrics, rules, alerts and the dashboard.
# Order: $PROMETHEUS and $PROMTOOL, `prometheus` and `promtool` in PATH, else Debian's package `prometheus`.
#   prometheus.sh           install it if needed and possible, then say in one line what is used
#   prometheus.sh --path    print the path of prometheus, then of promtool, on one line; install nothing
# Exit codes: 0 there are both; 2 there are not, and the commands to run by hand were printed.
set -euo pipefail

# The program of that name: the given one, else that in PATH, as an absolute path.
chosen() {
    local given=$1 name=$2 found
    found=$(command -v "${given:-$name}") && realpath -s "$found"
}

both() {
    prometheus=$(chosen "${PROMETHEUS:-}" prometheus) && promtool=$(chosen "${PROMTOOL:-}" promtool)
}

# Installs without starting the package's service: it would listen on 9090 and scrape this machine. Debian asks
# policy-rc.d whether a service may start (101: no); a policy that is there already is left as it is and goes first.
install_debian() {
    [[ -z ${PROMETHEUS:-}${PROMTOOL:-} ]] && command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 1
    echo "prometheus: installing Debian's prometheus (about 130 MB unpacked), its service stays off" >&2
    export DEBIAN_FRONTEND=noninteractive
    local policy=/usr/sbin/policy-rc.d ours=no done=1
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        ours=yes
    fi
    if apt-get install -y --no-install-recommends prometheus >/dev/null 2>&1 ||
        { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends prometheus >/dev/null 2>&1; }; then
        done=0
        # Nor at the next boot, nor where a policy of the machine's own let it start.
        if [[ -d /run/systemd/system ]]; then
            systemctl disable --now prometheus >/dev/null 2>&1 || true
        fi
    fi
    [[ $ours == no ]] || rm -f "$policy"
    return "$done"
}

by_hand() {
    cat >&2 <<TEXT
prometheus: there is none that runs${PROMETHEUS:+ at PROMETHEUS=$PROMETHEUS}${PROMTOOL:+ at PROMTOOL=$PROMTOOL}. Run by hand one of:
    sudo apt-get install -y --no-install-recommends prometheus && sudo systemctl disable --now prometheus
    make PROMETHEUS=/path/to/prometheus PROMTOOL=/path/to/promtool TARGET    # with a release of your own
TEXT
    exit 2
}

if [[ ${1:-} == --path ]]; then
    both || by_hand
    echo "$prometheus $promtool"
    exit
fi
both || { install_debian && both; } || by_hand
# Prometheus prints its version on standard output or error, as the release likes.
version=$("$prometheus" --version 2>&1 | head -n 1) || by_hand
"$promtool" --version >/dev/null 2>&1 || by_hand
echo "prometheus: using $prometheus and $promtool ($version)"
