#!/usr/bin/env python3
"""Every fault of Squall, one request (or a few) for each, and what came of it.

Starts a small upstream and an Envoy with Squall on free ports of the loopback interface, runs mission.yaml with
catalog.yaml, asks for the path of every scenario, and compares what it sees with what the catalog declares:
never earlier, never more. It takes about 25 seconds, and ends what it started.

Needs what `make setup build` makes. The Envoy is the one that tools/setup/envoy.sh names (ENVOY=PATH for your own).
"""

import argparse
import json
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the folder stays as it is

import faults
import triggers
from look import CHECKS, Look
from proxy import FILES, CannotRun, Proxy, chaosctl, find_envoy
from upstream import Upstream

ROW = "{:<18} {:<42} {:<60} {}"
EXAMPLES = """examples:
  run.py                          all of them
  run.py --only delay             the scenarios that begin with `delay`
  run.py --only drop-reset --keep
                                  one of them; then Envoy stays, for requests of your own:
  curl -i http://ADDRESS/abort/http

exit codes:
  0  every fault did as declared
  1  one did not; the table says which, and what differs
  2  could not run: something is missing, or a wrong argument

scenarios:
"""


def arguments():
    width, lines = 0, [" "]
    for name in names():
        if len(lines[-1]) + len(name) > 95:
            lines.append(" ")
        lines[-1] += f" {name}"
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES + "\n".join(lines), formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAME", action="append", default=[],
                        help="run the scenarios that begin with NAME; may be repeated")
    parser.add_argument("--keep", action="store_true",
                        help="leave Envoy and the upstream running until Ctrl-C, and print their addresses")
    options = parser.parse_args()
    for prefix in options.only:
        if not any(name.startswith(prefix) for name in names()):
            parser.error(f"no scenario begins with {prefix!r}; --help lists them")
    return options


def names():
    return [name for scenarios, _, _ in CHECKS for name in scenarios]


def chosen(only):
    for scenarios, sent, function in CHECKS:
        if not only or any(name.startswith(prefix) for name in scenarios for prefix in only):
            yield scenarios, sent, function


def every_scenario_has_a_check():
    declared = {row["name"] for row in json.loads(chaosctl("list", *FILES[:2], "--output", "json"))}
    if declared != set(names()):
        raise CannotRun(f"catalog and checks differ in: {', '.join(sorted(declared ^ set(names())))}")


def run(proxy, only):
    """Prints a row as soon as it is known; gives the number of faults and of those that differ."""
    count = differing = 0
    print(ROW.format("FAULT", "SENT", "SEEN", "AS DECLARED"), flush=True)
    for scenarios, sent, function in chosen(only):
        look = Look(proxy, scenarios)
        function(look)
        look.ledger()
        count += len(scenarios)
        differing += bool(look.wrong)
        label = scenarios[0] if len(scenarios) == 1 else scenarios[0].split("-")[0] if scenarios else "none"
        print(ROW.format(label, sent, look.seen, "NO" if look.wrong else "yes"), flush=True)
        for text in look.wrong:
            print(f"    differs: {text}", flush=True)
    return count, differing


def keep(proxy):
    try:
        print(f"\nEnvoy      http://{proxy.address}/ and then the path of a scenario, such as /delay/fixed")
        print(f"metrics    http://{proxy.admin}/stats/prometheus")
        print(f"upstream   http://{proxy.upstream.address}/")
        print(f"log        {proxy.folder}/envoy.log, access.log")
        print("The mission lasts 15 minutes; caps-total may be used up by now. Ctrl-C ends it all.", flush=True)
        # Not one long wait: a signal that comes just before it would only be seen after it.
        while proxy.process.poll() is None:
            time.sleep(0.2)
        raise CannotRun(f"Envoy ended by itself; {proxy.end_of_log()}")
    except KeyboardInterrupt:
        print()


def main():
    options = arguments()
    # Through the same way out as Ctrl-C, so that Envoy ends too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        binary = find_envoy()
        every_scenario_has_a_check()
        with tempfile.TemporaryDirectory(prefix="squall-faults-") as folder, Upstream() as upstream:
            print(f"upstream at http://{upstream.address}, starting Envoy", flush=True)
            with Proxy(binary, upstream, folder) as proxy:
                print(f"Envoy at http://{proxy.address}, the mission runs\n", flush=True)
                count, differing = run(proxy, options.only)
                seconds = time.monotonic() - began
                if differing:
                    print(f"\n{proxy.end_of_log()}", file=sys.stderr)
                    print(f"\ndiffers: {differing} row(s) are not as declared ({seconds:.1f} s)", flush=True)
                else:
                    print(f"\nok: {count} scenarios as declared ({seconds:.1f} s)", flush=True)
                if options.keep:
                    keep(proxy)
                return 1 if differing else 0
    except CannotRun as reason:
        print(f"run.py: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nended", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
