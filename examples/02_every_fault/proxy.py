"""Envoy with Squall, as `chaosctl` renders it, on free ports of the loopback interface; and requests to it."""

import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHAOSCTL = ROOT / "target/release/chaosctl"
MODULE = ROOT / "target/squall.wasm"
FILES = ["--catalog", str(HERE / "catalog.yaml"), "--mission", str(HERE / "mission.yaml")]
# Becomes the program that it is given, which then gets SIGTERM when the parent dies, even by SIGKILL (PR_SET_PDEATHSIG).
DIES_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
START_LIMIT = 30
REPLY_LIMIT = 10


class CannotRun(Exception):
    """Something that the example needs is not there."""


def find_envoy():
    """The path of Envoy, once everything that is needed is there."""
    for needed in (CHAOSCTL, MODULE):
        if not needed.is_file():
            raise CannotRun(f"{needed.relative_to(ROOT)} is missing; run: make build")
    binary = pathlib.Path(output_of(str(ROOT / "tools/setup/envoy.sh"), "--path").strip())
    if not binary.is_file():
        raise CannotRun(f"there is no Envoy at {binary}; run: make setup, or set ENVOY to the path of yours")
    return binary


def output_of(*command):
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    if ran.returncode != 0:
        raise CannotRun(f"{' '.join(command[:3])} ended with {ran.returncode}:\n{ran.stderr.strip()}")
    return ran.stdout


def chaosctl(*arguments):
    return output_of(str(CHAOSCTL), *arguments)


class Reply:
    """What came back, or why nothing did. Times are seconds since the request was sent."""

    def __init__(self):
        self.began = time.monotonic()
        self.status = self.error = self.headers_after = self.seconds = None
        self.headers, self.body = http.client.HTTPMessage(), b""

    def mark(self):
        return self.headers["x-chaos-fault"]


class Proxy:
    """Started by `with`, and ended by its handle whatever happens."""

    def __init__(self, binary, upstream, folder):
        self.binary, self.upstream, self.folder, self.process = binary, upstream, pathlib.Path(folder), None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        bootstrap, admin = self.folder / "envoy.yaml", self.folder / "admin"
        self.key = self.folder / "demo.key"
        chaosctl("token", "--new-key", str(self.key))
        bootstrap.write_text(chaosctl(
            "render", "envoy", *FILES, "--caller-key", f"demo={self.key}", "--module", str(MODULE), "--namespace", "demo",
            "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", self.upstream.address,
        ))
        with open(self.folder / "access.log", "wb") as out, open(self.folder / "envoy.log", "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DIES_WITH_PARENT, str(self.binary), "-c", str(bootstrap),
                 "--admin-address-path", str(admin), "--disable-hot-restart", "--concurrency", "2",
                 "--log-level", "warning"],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )
        self.admin = self.until("Envoy's admin interface", lambda: admin.is_file() and admin.read_text() or None)
        self.address = self.until("Envoy's listener", self.listener)
        self.until("the mission", lambda: self.stat("chaos_active") or None)

    def end(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def until(self, what, look):
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                found = look()
            except (OSError, http.client.HTTPException):
                found = None
            if found is not None:
                return found
            time.sleep(0.02)
        raise CannotRun(f"waited in vain for {what}; {self.end_of_log()}")

    def end_of_log(self):
        log = (self.folder / "envoy.log").read_text(errors="replace").splitlines()
        return "the end of Envoy's log:\n" + "\n".join(log[-20:])

    def ask_admin(self, path):
        connection = http.client.HTTPConnection(self.admin, timeout=REPLY_LIMIT)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def listener(self):
        """The address that Envoy took, once it serves."""
        if not self.ask_admin("/ready").startswith("LIVE"):
            return None
        statuses = json.loads(self.ask_admin("/listeners?format=json"))["listener_statuses"]
        address = statuses[0]["local_address"]["socket_address"]
        return f"{address['address']}:{address['port_value']}"

    def stat(self, name, scenario=None):
        """Sum of the series of a metric, of one scenario or of all."""
        total = 0
        for line in self.ask_admin("/stats/prometheus").splitlines():
            found = re.match(r"(\w+)\{(.*)\} (\S+)$", line)
            if found and found[1] == name and (scenario is None or f'scenario="{scenario}"' in found[2]):
                total += float(found[3])
        return total

    def injected(self, scenarios, expected):
        """The faults that Envoy counted; its workers may be a moment behind the client."""
        limit = time.monotonic() + 2
        while True:
            count = sum(self.stat("chaos_faults_injected_total", scenario) for scenario in scenarios)
            if count == expected or time.monotonic() > limit:
                return int(count)
            time.sleep(0.02)

    def send(self, path, request_id, method="GET", headers=None, body=None, patience=REPLY_LIMIT):
        """One request on a connection of its own; `patience` is how many seconds its client waits for bytes."""
        reply = Reply()
        connection = http.client.HTTPConnection(self.address, timeout=patience)
        try:
            connection.request(method, path, body, {"x-request-id": request_id, **(headers or {})})
            response = connection.getresponse()
            reply.headers_after = time.monotonic() - reply.began
            reply.status, reply.headers = response.status, response.headers
            while piece := response.read1(1 << 16):
                reply.body += piece
            # Less than was announced is no error to `read1`.
            reply.error = "cut" if response.length else None
        except http.client.IncompleteRead as cut:
            reply.body, reply.error = reply.body + cut.partial, "cut"
        except socket.timeout:
            reply.error = "timeout"
        except (OSError, http.client.HTTPException) as closed:
            reply.error = f"closed ({type(closed).__name__})"
        finally:
            reply.seconds = time.monotonic() - reply.began
            connection.close()
        return reply

    def signed(self, fault, *more):
        """The headers that ask for a fault."""
        answer = chaosctl("token", "--key-file", str(self.key), "--name", "demo", "--fault", fault, *more, "--output", "json")
        return json.loads(answer)

    def told(self, path, request_id, headers=None):
        """What `chaosctl explain` says about such a request: the same decision as the filter's."""
        options = [word for name, value in (headers or {}).items() for word in ("--header", f"{name}: {value}")]
        # `--running` is for the scenario with a random trigger, which no other path meets.
        answer = chaosctl("explain", *FILES, "--path", path, "--request-id", request_id, *options,
                          "--running", "1s", "--output", "json")
        verdict = json.loads(answer)["verdict"]
        return verdict["inject"] if "inject" in verdict else {"request_delay_us": 0, "abort": None}
