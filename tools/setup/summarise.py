"""Passes the output of `cargo test` through, with a heading per ring, and ends it with what it came to.

Run as `summarise.py COMMAND...`. The last line is `N passed, N failed, N skipped`. Exit codes: 0 all passed;
1 something failed, a test program died, or nothing ran.
"""

import json
import re
import subprocess
import sys

RINGS = {
    "squall-policy": "ring 1: the pure policy and the native tools",
    "squall-wasm-host": "ring 2: the compiled module in a small host",
    "squall-envoy-tests": "ring 3: a real Envoy",
}
FIRST_RING = RINGS["squall-policy"]
EXAMPLE = "the example"
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
PROGRAM = re.compile(r"^\s+Running .*\((?:.*/)?([^/]+)-[0-9a-f]{16}(?:\.exe)?\)$")
DOCTESTS = re.compile(r"^\s+Doc-tests (\S+)$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def rings_by_program():
    """The rings that a test program of each name may belong to (two packages may use the same name)."""
    answer = subprocess.run(
        ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"],
        capture_output=True, text=True, check=False,
    )
    rings = {}
    if answer.returncode != 0:
        return rings
    for package in json.loads(answer.stdout)["packages"]:
        ring = RINGS.get(package["name"], EXAMPLE if "/examples/" in package["manifest_path"] else FIRST_RING)
        for target in package["targets"]:
            rings.setdefault(target["name"].replace("-", "_"), set()).add(ring)
    return rings


def main(command):
    rings = rings_by_program()
    current, totals, per_ring = None, [0, 0, 0], {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    for raw in process.stdout:
        text = raw.decode("utf-8", "replace")
        plain = COLOUR.sub("", text.rstrip("\n"))
        program = PROGRAM.match(plain) or DOCTESTS.match(plain)
        if program:
            possible = rings.get(program[1].replace("-", "_"), {FIRST_RING})
            ring = current if current in possible else sorted(possible)[0]
            if ring != current:
                current = ring
                print(f"\n== {ring}", flush=True)
        sys.stdout.write(text)
        sys.stdout.flush()
        result = RESULT.match(plain)
        if result:
            counts = [int(number) for number in result.groups()]
            totals = [a + b for a, b in zip(totals, counts)]
            key = current or FIRST_RING
            per_ring[key] = [a + b for a, b in zip(per_ring.get(key, [0, 0, 0]), counts)]
    return report(process.wait(), totals, per_ring)


def report(status, totals, per_ring):
    print()
    for ring, counts in sorted(per_ring.items()):
        print(f"{ring}: {line(counts)}")
    passed, failed, skipped = totals
    if status != 0 and failed == 0:
        # Nothing else would show it: a program that aborts prints no result line.
        print(f"cargo ended with {status} although no test reported a failure: it did not compile, or a test program died")
        failed = 1
    if passed + failed == 0:
        print("no test ran, which is no success")
        status = 1
    print(line([passed, failed, skipped]))
    return 0 if status == 0 and failed == 0 else 1


def line(counts):
    passed, failed, skipped = counts
    return f"{passed} passed, {failed} failed, {skipped} skipped"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
