#!/usr/bin/env python3
"""Two Envoys with Squall and a Prometheus that scrapes them, with traffic: to look at metrics, rules and alerts, and at the dashboard.

Everything listens on free ports of the loopback interface and ends with Ctrl-C. Where there is a Grafana (GRAFANA_HOME, or Debian's and
Grafana's own package), it is started with the dashboard in it; else the script says how to import it.

Needs what `make setup prometheus build` makes. PROMETHEUS, ENVOY and GRAFANA_HOME name programs of your own.
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHAOSCTL, MODULE = ROOT / "target/release/chaosctl", ROOT / "target/squall.wasm"
RULES = [str(ROOT / "dashboards/prometheus" / name) for name in ("recording-rules.yaml", "alerts.yaml")]
# Becomes the program that it is given, which then gets SIGTERM when the parent dies, even by SIGKILL (PR_SET_PDEATHSIG).
DIES_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
START_LIMIT = 60
# Requests per second of each path and service.
TRAFFIC = {"/profiles/7": 20, "/auth/login": 10, "/search": 15}


class CannotRun(Exception):
    """Something that the demo needs is not there."""


def output_of(*command):
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if ran.returncode != 0:
        raise CannotRun(f"{' '.join(command[:3])} ended with {ran.returncode}:\n{ran.stderr.strip()}")
    return ran.stdout


class Program:
    """A child with a log, ended by its handle."""

    def __init__(self, folder, name, *command, **options):
        self.name, self.log = name, pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", DIES_WITH_PARENT, *map(str, command)], cwd=folder,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)

    def until(self, what, look):
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                if (found := look()) is not None:
                    return found
            except (OSError, ValueError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        end = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise CannotRun(f"{self.name}: waited in vain for {what}; the end of its log:\n{end}")

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Service(http.server.BaseHTTPRequestHandler):
    """The services behind the proxies: a few milliseconds, then a row of JSON."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        time.sleep(random.uniform(0.002, 0.02))
        body = b'{"name": "Ada"}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def get(address, path, headers=None):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def envoy(folder, binary, service, upstream):
    """An Envoy in front of a service: its program, where it listens and where its metrics are."""
    bootstrap, admin = pathlib.Path(folder) / f"{service}.yaml", pathlib.Path(folder) / f"{service}.admin"
    bootstrap.write_text(output_of(
        str(CHAOSCTL), "render", "envoy", "--catalog", str(HERE / "catalog.yaml"), "--mission", str(HERE / "mission.yaml"),
        "--module", str(MODULE), "--namespace", "demo", "--service", service, "--upstream", upstream,
        "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"))
    program = Program(folder, service, binary, "-c", bootstrap, "--admin-address-path", admin, "--disable-hot-restart",
                      "--concurrency", "2", "--log-level", "info")
    admin = program.until("its admin interface", lambda: admin.read_text().strip() or None)

    def listener():
        if not get(admin, "/ready")[1].startswith("LIVE"):
            return None
        place = json.loads(get(admin, "/listeners?format=json")[1])["listener_statuses"][0]["local_address"]["socket_address"]
        return f"{place['address']}:{place['port_value']}"

    return program, program.until("its listener", listener), admin


def prometheus(folder, binary, targets):
    """A Prometheus with Squall's rules: its program and its address."""
    config = {"global": {"scrape_interval": "5s", "evaluation_interval": "5s"}, "rule_files": RULES,
              "scrape_configs": [{"job_name": service, "metrics_path": "/stats/prometheus",
                                  "static_configs": [{"targets": [admin]}]} for service, admin in targets.items()]}
    file = pathlib.Path(folder) / "prometheus.json"
    file.write_text(json.dumps(config))
    program = Program(folder, "prometheus", binary, f"--config.file={file}", f"--storage.tsdb.path={folder}/data",
                      "--web.listen-address=127.0.0.1:0")

    def address():
        found = re.search(r'"Listening on" address="?([0-9.:]+)', program.log.read_text())
        return found[1] if found and get(found[1], "/-/ready")[0] == 200 else None

    return program, program.until("its address", address)


def grafana(folder, source):
    """A Grafana with the dashboard, where there is one: its program and its address."""
    home = next((home for home in map(pathlib.Path, filter(None, (os.environ.get("GRAFANA_HOME"), "/usr/share/grafana")))
                 if home.is_dir()), None)
    binary = shutil.which("grafana") or (home and shutil.which("grafana", path=str(home / "bin")))
    if not home or not binary:
        return None, None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = pathlib.Path(folder) / "grafana"
    for kind, text in {
        "datasources": {"apiVersion": 1, "datasources": [
            {"name": "Prometheus", "type": "prometheus", "url": f"http://{source}", "isDefault": True}]},
        "dashboards": {"apiVersion": 1, "providers": [
            {"name": "squall", "type": "file", "options": {"path": str(ROOT / "dashboards")}}]},
    }.items():
        (place / "provisioning" / kind).mkdir(parents=True)
        (place / "provisioning" / kind / "squall.yaml").write_text(json.dumps(text))
    settings = {"GF_SERVER_HTTP_ADDR": "127.0.0.1", "GF_SERVER_HTTP_PORT": str(port), "GF_PATHS_DATA": str(place / "data"),
                "GF_PATHS_LOGS": str(place / "log"), "GF_PATHS_PROVISIONING": str(place / "provisioning"),
                "GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Admin",
                "GF_ANALYTICS_REPORTING_ENABLED": "false", "GF_ANALYTICS_CHECK_FOR_UPDATES": "false"}
    program = Program(folder, "grafana", binary, "server", "--homepath", home, env={**os.environ, **settings})
    address = f"127.0.0.1:{port}"
    return program, program.until("its address", lambda: address if get(address, "/api/health")[0] == 200 else None)


def load(address, path, rate, ended):
    """Requests of one path until the end, each on a connection of its own; a fault is no failure."""
    while not ended.wait(random.expovariate(rate)):
        threading.Thread(target=lambda: quiet(address, path), daemon=True).start()


def quiet(address, path):
    try:
        get(address, path)
    except (OSError, http.client.HTTPException):
        pass


def samples(address, expression):
    path = "/api/v1/query?query=" + "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in expression)
    return json.loads(get(address, path)[1])["data"]["result"]


def wait_for(programs, seconds, source):
    """Until Ctrl-C, or for so many seconds; then what the rules say."""
    limit = time.monotonic() + seconds if seconds else None
    while limit is None or time.monotonic() < limit:
        for program in programs:
            if program.process.poll() is not None:
                raise CannotRun(f"{program.name} ended by itself: {program.log}")
        time.sleep(0.2)
    rows = samples(source, "sum by (service, scenario, group) (squall:chaos_requests_total)")
    for row in rows:
        labels = row["metric"]
        print(f"{labels['service']:<14} {labels['scenario']:<16} {labels['group']:<10} {row['value'][1]:>6} requests")
    if not rows:
        raise CannotRun("the recording rules have no data")


def find(script, what):
    found = output_of(str(ROOT / "tools/setup" / script), "--path").split()
    if not found:
        raise CannotRun(f"there is no {what}")
    return found[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, help="end by itself after so long, and print what Prometheus has [default: Ctrl-C]")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    programs, ended = [], threading.Event()
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    upstream.daemon_threads = True
    try:
        for needed in (CHAOSCTL, MODULE):
            if not needed.is_file():
                raise CannotRun(f"{needed.relative_to(ROOT)} is missing; run: make build")
        envoy_binary, prometheus_binary = find("envoy.sh", "Envoy"), find("prometheus.sh", "Prometheus")
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        behind = f"127.0.0.1:{upstream.server_address[1]}"
        with tempfile.TemporaryDirectory(prefix="squall-observability-") as folder:
            try:
                show(folder, programs, ended, envoy_binary, prometheus_binary, behind, options)
            finally:
                ended.set()
                for program in reversed(programs):
                    program.end()
        return 0
    except CannotRun as reason:
        print(f"run.py: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nended", file=sys.stderr)
        return 0


def show(folder, programs, ended, envoy_binary, prometheus_binary, behind, options):
    targets = {}
    for service in ("user-service", "shop-service"):
        program, address, admin = envoy(folder, envoy_binary, service, behind)
        programs.append(program)
        targets[service] = admin
        print(f"{service:<14} http://{address}/profiles/7, /auth/login, /search; metrics http://{admin}/stats/prometheus")
        for path, rate in TRAFFIC.items():
            threading.Thread(target=load, args=(address, path, rate, ended), daemon=True).start()
    program, source = prometheus(folder, prometheus_binary, targets)
    programs.append(program)
    print(f"Prometheus     http://{source}/graph?g0.expr=service_error_rate&g0.tab=0, alerts http://{source}/alerts")
    program, place = grafana(folder, source)
    if program:
        programs.append(program)
        print(f"Grafana        http://{place}/d/squall-chaos-cockpit")
    else:
        print("Grafana        there is none here; in yours: Dashboards, New, Import, dashboards/chaos-cockpit.json,\n"
              f"               with a Prometheus data source at http://{source}")
    print(f"logs           {folder}\nThe mission: baseline for 30 s, a minute at 25 %, then 100 % for an hour. Ctrl-C ends it all.", flush=True)
    wait_for(programs, options.seconds, source)


if __name__ == "__main__":
    sys.exit(main())
