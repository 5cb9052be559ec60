"""What each fault does to a request: one check for one row of the table."""

import concurrent.futures
import json
import time

from look import check, ms

BODY = 32 * 1024
RATE = 64 * 1024  # the catalog's 64KiB/s


@check(sent="GET /profiles/7, which no scenario is about")
def no_fault(look):
    reply = look.send("/profiles/7")
    look.answered(reply, 200, None)
    look.took(reply.seconds, 0)
    look.seen = f"{reply.status} after {ms(reply.seconds)}"


@check("delay-fixed", sent="GET /delay/fixed")
def delay_fixed(look):
    reply = look.send("/delay/fixed")
    look.answered(reply, 200, "delay")
    look.took(reply.seconds, 0.2)
    for call in look.calls():
        look.took(call.at - reply.began, 0.2, "the way to the upstream")
    look.upstream_saw(1)
    look.seen = f"{reply.status} after {ms(reply.seconds)} (declared 200 ms)"


def drawn(look, path):
    """Delays that are drawn: `chaosctl explain` says beforehand how long each will be."""
    pairs = []
    for _ in range(2):
        request_id = look.new_id()
        declared = look.proxy.told(path, request_id)["request_delay_us"] / 1e6
        reply = look.send(path, request_id)
        look.answered(reply, 200, "delay")
        look.took(reply.seconds, declared)
        pairs.append(f"{ms(reply.seconds)} (drawn {declared * 1000:.1f})")
    look.seen = "200 after " + ", ".join(pairs)


for shape in ("uniform", "normal", "lognormal", "pareto", "percentiles"):
    check(f"delay-{shape}", sent=f"GET /delay/{shape}, twice")(lambda look, path=f"/delay/{shape}": drawn(look, path))


@check("delay-response", sent="GET /delay/response")
def delay_response(look):
    reply = look.send("/delay/response")
    look.answered(reply, 200, "delay")
    look.upstream_saw(1)
    for call in look.calls():
        back = reply.began + reply.seconds - call.at
        look.took(back, 0.2, "the way back")
        look.seen = f"{reply.status} after {ms(reply.seconds)}; at the upstream after {ms(call.at - reply.began)}"


@check("abort-http", sent="GET /abort/http")
def abort_http(look):
    reply = look.send("/abort/http")
    look.answered(reply, 503, "abort")
    look.must(reply.body == b"try later", f"the body is {reply.body!r}")
    after = reply.headers["retry-after"]
    look.must(after == "1", f"retry-after is {after}")
    look.upstream_saw(0)
    look.seen = f"{reply.status} \"{reply.body.decode()}\", retry-after: {after}; upstream: nothing"


@check("abort-grpc", sent="POST /shop.Profiles/Get, application/grpc")
def abort_grpc(look):
    message = {"content-type": "application/grpc", "te": "trailers"}
    reply = look.send("/shop.Profiles/Get", method="POST", headers=message, body=bytes(5))
    look.answered(reply, 200, "abort")
    status, text = reply.headers["grpc-status"], reply.headers["grpc-message"]
    look.must((status, text) == ("14", "profiles are away"), f"grpc-status {status}, grpc-message {text}")
    look.upstream_saw(0)
    look.seen = f"grpc-status: {status}, grpc-message: {text}"


@check("drop-reset", sent="GET /drop/reset")
def drop_reset(look):
    reply = look.send("/drop/reset")
    look.dropped(reply, None, "closed")
    look.took(reply.seconds, 0)
    look.upstream_saw(0)
    look.seen = f"connection closed after {ms(reply.seconds)}; upstream: nothing"


@check("drop-hang", sent="GET /drop/hang, client waits 1 s")
def drop_hang(look):
    reply = look.send("/drop/hang", patience=1)
    look.dropped(reply, None, "timeout")
    look.upstream_saw(0)
    look.seen = f"nothing in {ms(reply.seconds)}; upstream: nothing"


@check("drop-truncate", sent="GET /drop/truncate?bytes=5000")
def drop_truncate(look):
    reply = look.send("/drop/truncate?bytes=5000")
    look.dropped(reply, 200, "cut")
    look.must(len(reply.body) == 1000, f"{len(reply.body)} bytes, declared 1000")
    look.upstream_saw(1)
    length = reply.headers["content-length"]
    look.seen = f"{reply.status}, content-length {length}, {len(reply.body)} bytes, then closed"


@check("throttle-response", sent=f"GET /throttle/response?bytes={BODY}")
def throttle_response(look):
    reply = look.send(f"/throttle/response?bytes={BODY}")
    look.answered(reply, 200, "throttle")
    look.must(len(reply.body) == BODY, f"{len(reply.body)} bytes of {BODY}")
    look.took(reply.seconds, BODY / RATE)
    look.seen = f"headers after {ms(reply.headers_after)}, {len(reply.body)} bytes after {ms(reply.seconds)}"


@check("throttle-request", sent=f"POST /throttle/request, {BODY} bytes")
def throttle_request(look):
    reply = look.send("/throttle/request", method="POST", body=b"x" * BODY)
    look.answered(reply, 200, "throttle")
    look.upstream_saw(1)
    for call in look.calls():
        look.must(len(call.body) == BODY, f"the upstream got {len(call.body)} bytes of {BODY}")
        look.took(call.complete - reply.began, BODY / RATE, "the body's way to the upstream")
        look.seen = f"{reply.status}; upstream: {len(call.body)} bytes after {ms(call.complete - reply.began)}"


@check("mutate-request", sent="GET /mutate/request, x-tenant: 7")
def mutate_request(look):
    reply = look.send("/mutate/request", headers={"x-tenant": "7", "authorization": "Bearer t"})
    look.answered(reply, 200, "mutate")
    look.upstream_saw(1)
    for call in look.calls():
        found = (call.path, call.headers["x-tenant"], call.headers["authorization"])
        look.must(found == ("/v0/users", "none", None), f"the upstream saw {found}")
        look.must(call.headers["x-chaos-fault"] == "mutate", "the upstream saw no mark")
        look.seen = f"upstream: {call.path}, x-tenant: {found[1]}, authorization: {found[2] or 'absent'}"


@check("mutate-response", sent="GET /mutate/response")
def mutate_response(look):
    reply = look.send("/mutate/response")
    look.answered(reply, 500, "mutate")
    found = (reply.headers["content-type"], reply.headers["etag"])
    look.must(found == ("text/html", None), f"content-type and etag are {found}")
    look.upstream_saw(1)
    look.seen = f"{reply.status}, content-type: {found[0]}, etag: {found[1] or 'absent'}"


@check("mutate-replace", sent="GET /mutate/replace")
def mutate_replace(look):
    reply = look.send("/mutate/replace")
    look.answered(reply, 200, "mutate")
    found = (reply.body, reply.headers["content-length"])
    look.must(found == (b"<h1>oops</h1>", "13"), f"body and content-length are {found}")
    look.seen = f"{reply.status} {reply.body.decode()}, content-length: {found[1]}"


@check("mutate-merge", sent="GET /mutate/merge")
def mutate_merge(look):
    reply = look.send("/mutate/merge")
    look.answered(reply, 200, "mutate")
    body = reply.body.decode(errors="replace")
    look.must(body == '{"currency":"XXX","name":"Ada"}' and json.loads(body), f"the body is {body}")
    look.seen = f"{reply.status} {body}"


@check("mutate-corrupt", sent="GET /mutate/corrupt?bytes=1000, one id")
def mutate_corrupt(look):
    request_id = look.new_id()
    replies = [look.send("/mutate/corrupt?bytes=1000", request_id) for _ in range(2)]
    for reply in replies:
        look.answered(reply, 200, "mutate")
        look.must(len(reply.body) == 1000, f"{len(reply.body)} bytes of 1000")
    look.must(replies[0].body == replies[1].body, "the same id got other bytes")
    changed = sum(byte != ord("x") for byte in replies[0].body)
    # 10 % of 1,000: a fair draw is outside these bounds once in a million.
    look.must(53 <= changed <= 150, f"{changed} bytes of 1000 are changed, declared 10 %")
    look.seen = f"{len(replies[0].body)} bytes, {changed} of them changed, the same ones twice"


@check("stream-stall", sent="GET /stream/stall?events=5, waits 1 s")
def stream_stall(look):
    reply = look.send("/stream/stall?events=5", patience=1)
    look.dropped(reply, 200, "timeout")
    look.must(reply.body == b"data: 0\n\ndata: 1\n\n", f"the body is {reply.body!r}")
    look.seen = f"200, {reply.body.count(b'data')} of 5 events, then nothing in {ms(reply.seconds)}"


@check("stream-reset", sent="GET /stream/reset?events=5")
def stream_reset(look):
    reply = look.send("/stream/reset?events=5")
    look.dropped(reply, 200, "cut")
    look.must(reply.body == b"data: 0\n\ndata: 1\n\n", f"the body is {reply.body!r}")
    look.seen = f"200, {reply.body.count(b'data')} of 5 events, then closed"


@check("stream-end", sent="POST /shop.Profiles/List?frames=3, gRPC")
def stream_end(look):
    message = {"content-type": "application/grpc", "te": "trailers"}
    reply = look.send("/shop.Profiles/List?frames=3", method="POST", headers=message, body=bytes(5))
    look.answered(reply, 200, "stream")
    status, text = reply.headers["grpc-status"], reply.headers["grpc-message"]
    look.must((status, text, reply.body) == ("14", "no more", b""), f"grpc-status {status}, {text}, {reply.body!r}")
    look.upstream_saw(1)
    look.seen = f"grpc-status: {status}, grpc-message: {text}, no message"


@check("pressure-cpu", sent="GET /pressure/cpu")
def pressure_cpu(look):
    reply = look.send("/pressure/cpu")
    look.answered(reply, 200, "cpu")
    look.took(reply.seconds, 0.02)
    look.seen = f"{reply.status} after {ms(reply.seconds)} (declared 20 ms of a worker)"


@check("pressure-memory", sent="GET /pressure/memory")
def pressure_memory(look):
    reply = look.send("/pressure/memory")
    look.answered(reply, 200, "memory")
    held = look.proxy.stat("chaos_memory_held_bytes") / (1 << 20)
    look.must(held in (8, 16), f"{held} MiB are held, declared 8 in each of two workers")
    look.seen = f"{reply.status}; chaos_memory_held_bytes: {held:.0f} MiB"


@check("pressure-slots", sent="GET /pressure/concurrency, 3 at once")
def pressure_concurrency(look):
    ids = [look.new_id() for _ in range(3)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda request_id: look.send("/pressure/concurrency", request_id), ids))
    seconds = time.monotonic() - began
    full = [reply for reply in replies if reply.status == 503]
    passed = [reply for reply in replies if reply.status != 503]
    for reply in full:
        look.answered(reply, 503, "concurrency")
        look.took(reply.seconds, 0)
    for reply in passed:
        look.answered(reply, 200, "concurrency,delay")
    # On a machine that is stalled they may come one after the other, and then the queue is never full.
    look.must(len(full) <= 1, f"{len(full)} found the queue full")
    look.took(seconds, 0.3 * len(passed), f"{len(passed)} turns, one at a time,")
    times = " and ".join(ms(seconds) for seconds in sorted(reply.seconds for reply in passed))
    look.seen = f"200 after {times}; {len(full)} times 503 at once"


@check("one-of", sent="GET /one-of, 12 times")
def one_of(look):
    counts = {"delay": 0, "503": 0, "429": 0}
    for _ in range(12):
        request_id = look.new_id()
        told = look.proxy.told("/one-of", request_id)
        reply = look.send("/one-of", request_id)
        if told["abort"]:
            status = told["abort"]["abort"]["status"]
            look.answered(reply, status, "abort")
            counts[str(status)] += 1
        else:
            look.answered(reply, 200, "delay")
            look.took(reply.seconds, 0.1)
            counts["delay"] += 1
    look.must(all(counts.values()), f"one of the three never came: {counts}")
    look.seen = f"{counts['delay']} delayed, {counts['503']} times 503, {counts['429']} times 429"
