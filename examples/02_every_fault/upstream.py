"""The upstream behind Envoy: answers every path, and remembers what it was asked, by request id.

A request with `?bytes=N` gets a body of N times `x`, one with `?events=N` so many server-sent events, one with `?frames=N`
so many empty gRPC messages, every other one a row of JSON. The answer's header
`x-upstream-saw` tells the request as it arrived here.
"""

import http.server
import json
import threading
import time
import urllib.parse

ROW = json.dumps({"name": "Ada", "balance": 100, "currency": "EUR"})


class Call:
    """One request as it arrived: its headers at `at`, all of its body at `complete` (monotonic seconds)."""

    def __init__(self, handler, at, body):
        self.path, self.headers, self.body = handler.path, handler.headers, body
        self.at, self.complete = at, time.monotonic()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart

    def answer(self):
        at = time.monotonic()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.remember(self.headers.get("x-request-id"), Call(self, at, body))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        kind, text = "application/json", ROW
        if "bytes" in query:
            kind, text = "text/plain", "x" * int(query["bytes"][0])
        elif "events" in query:
            kind, text = "text/event-stream", "".join(f"data: {n}\n\n" for n in range(int(query["events"][0])))
        elif "frames" in query:
            kind, text = "application/grpc", "\0" * 5 * int(query["frames"][0])
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.send_header("etag", '"1"')
        self.send_header("x-upstream-saw", f"{self.command} {self.path} x-tenant={self.headers.get('x-tenant', 'absent')}")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Upstream(http.server.ThreadingHTTPServer):
    """Serves on a free port of the loopback interface until it is closed."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls, self.lock = {}, threading.Lock()
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def remember(self, request_id, call):
        with self.lock:
            self.calls.setdefault(request_id, []).append(call)

    def calls_of(self, request_id):
        with self.lock:
            return list(self.calls.get(request_id, []))

    def handle_error(self, request, client_address):
        """A connection that Envoy cuts is part of the show."""
