"""Which requests get a fault, when, and how many: one check for one row of the table."""

import concurrent.futures
import datetime
import time

from look import check, ms


@check("sample", sent="GET /sample of 12 users, twice each")
def sample(look):
    hit = 0
    for user in range(12):
        headers = {"x-user-id": f"user-{user}"}
        told = look.proxy.told("/sample", look.new_id(), headers)
        for _ in range(2):
            reply = look.send("/sample", headers=headers)
            look.answered(reply, *((503, "abort") if told["abort"] else (200, None)))
        hit += told["abort"] is not None
    look.must(0 < hit < 12, f"{hit} of 12 users")
    look.seen = f"{hit} of 12 users get 503, the same ones again"


@check("attempts", sent="GET /attempts, as first and second try")
def attempts(look):
    replies = [look.send("/attempts", headers={"x-envoy-attempt-count": n}) for n in ("1", "2")]
    look.answered(replies[0], 503, "abort")
    look.answered(replies[1], 200, None)
    look.seen = f"first try {replies[0].status}, second try {replies[1].status}"


@check("first", sent="GET /first of 2 orders, 4 times each")
def first(look):
    seen = []
    for order in (look.new_id(), look.new_id()):
        replies = [look.send("/first", headers={"x-order": order}) for _ in range(4)]
        for number, reply in enumerate(replies):
            look.answered(reply, *((503, "abort") if number < 2 else (200, None)))
        seen.append(", ".join(str(reply.status) for reply in replies))
    look.seen = "; ".join(seen)


@check("protection", sent="GET /protection; and three protected")
def protection(look):
    plain = look.send("/protection")
    spared = [
        look.send("/protection", headers={"user-agent": "kube-probe/1.30"}),
        look.send("/protection", headers={"x-on-call": "ada"}),
        look.send("/healthz"),
    ]
    look.answered(plain, 503, "abort")
    for reply in spared:
        look.answered(reply, 200, None)
    look.seen = f"{plain.status}; probe, x-on-call, /healthz: {', '.join(str(reply.status) for reply in spared)}"


@check("protection-lifted", sent="GET /livez, as a probe")
def protection_lifted(look):
    reply = look.send("/livez", headers={"user-agent": "kube-probe/1.30"})
    look.answered(reply, 503, "abort")
    look.seen = f"{reply.status}: allow_protected means probes too"


@check("requested", sent="GET /requested, asking 5 times")
def requested(look):
    signed = look.proxy.signed
    asked = signed("delay=200ms;abort=429")
    forged = {**asked, "x-chaos-fault": "delay=200ms;abort=503"}
    replies = [look.send("/requested", headers=headers) for headers in (
        asked, signed("abort=503", "--baggage"), {}, forged, signed("abort=500"))]
    look.answered(replies[0], 429, "delay,abort")
    look.took(replies[0].seconds, 0.2)
    look.answered(replies[1], 503, "abort")
    for reply in replies[2:]:
        look.answered(reply, 200, None)
    look.seen = f"{replies[0].status} after {ms(replies[0].seconds)}, {replies[1].status}; unasked, forged, over limit: 200"


@check("window-morning", "window-afternoon", "window-later", sent="GET /window/morning, /afternoon, /later")
def window(look):
    def morning():
        return datetime.datetime.now(datetime.timezone.utc).hour < 12

    before = morning()
    replies = [look.send(f"/window/{part}") for part in ("morning", "afternoon", "later")]
    if before != morning():  # the half of the day changed meanwhile: ask again in the new one
        return window(look)
    look.answered(replies[0], *((503, "abort") if before else (200, None)))
    look.answered(replies[1], *((200, None) if before else (503, "abort")))
    look.answered(replies[2], 200, None)
    look.seen = f"{', '.join(str(reply.status) for reply in replies)} in the {'morning' if before else 'afternoon'} (UTC)"


@check("load", sent="GET /load, 4 at once")
def load(look):
    ids = [look.new_id() for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda request_id: look.send("/load", request_id), ids))
    delayed = [reply for reply in replies if reply.mark() == "delay"]
    for reply in replies:
        look.answered(reply, 200, reply.mark())
    for reply in delayed:
        look.took(reply.seconds, 0.5)
    # On a machine that is stalled they may come one after the other.
    look.must(len(delayed) >= 2, f"{len(delayed)} were delayed, declared at least 2")
    look.seen = f"{len(delayed)} delayed, {4 - len(delayed)} at once"


@check("randomize", sent="GET /randomize, again and again")
def randomize(look):
    """Four seconds hold one whole period: a second with the fault, a second without."""
    began, counts = time.monotonic(), {200: 0, 503: 0}
    while time.monotonic() < began + (4 if all(counts.values()) else 10):
        reply = look.send("/randomize")
        counts[reply.status] = counts.get(reply.status, 0) + 1
        look.answered(reply, *((503, "abort") if reply.status == 503 else (200, None)))
        time.sleep(0.02)
    look.must(all(counts.values()), f"in 10 s {counts[503]} aborted, {counts[200]} not")
    look.seen = f"in {time.monotonic() - began:.1f} s {counts[503]} times 503, {counts[200]} times 200"


@check("burst", sent="GET /burst, again and again")
def burst(look):
    """Until it has changed three times; a state that lasts for 20 times its mean is none."""
    began, statuses, changes = time.monotonic(), [], 0
    while changes < 3 and time.monotonic() < began + 40:
        reply = look.send("/burst")
        look.answered(reply, *((503, "abort") if reply.status == 503 else (200, None)))
        changes += bool(statuses) and statuses[-1] != reply.status
        statuses.append(reply.status)
        time.sleep(0.02)
    look.must(changes == 3, f"in 40 s {statuses.count(503)} aborted, {statuses.count(200)} not, {changes} changes")
    look.seen = f"in {time.monotonic() - began:.1f} s {statuses.count(503)} times 503, {statuses.count(200)} times 200"


@check("caps-total", sent="GET /caps/total, 5 times")
def caps_total(look):
    statuses = []
    for number in range(5):
        reply = look.send("/caps/total")
        look.answered(reply, *((503, "abort") if number < 3 else (200, None)))
        statuses.append(str(reply.status))
    look.seen = ", ".join(statuses)


@check("caps-per-second", sent="GET /caps/per-second, 6 times")
def caps_per_second(look):
    began = time.monotonic()
    replies = [look.send("/caps/per-second") for _ in range(6)]
    seconds = time.monotonic() - began
    aborted = sum(reply.status == 503 for reply in replies)
    for reply in replies:
        look.answered(reply, *((503, "abort") if reply.status == 503 else (200, None)))
    # So many whole seconds of the mission can a span touch.
    most = 2 * (int(seconds) + 2)
    look.must(2 <= aborted <= most, f"{aborted} of 6 in {seconds:.3f} s, declared 2 in each second")
    look.seen = f"{aborted} times 503, {6 - aborted} times 200 in {seconds * 1000:.0f} ms"


@check("caps-concurrent", sent="GET /caps/concurrent, 3 at once")
def caps_concurrent(look):
    ids = [look.new_id() for _ in range(3)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda request_id: look.send("/caps/concurrent", request_id), ids))
    seconds = time.monotonic() - began
    delayed = [reply for reply in replies if reply.mark() == "delay"]
    for reply in replies:
        look.answered(reply, 200, reply.mark())
    for reply in delayed:
        look.took(reply.seconds, 0.5)
    look.must(delayed, "none was delayed")
    # On a machine that is stalled they may come one after the other, and then each may have its turn.
    look.took(seconds, 0.5 * len(delayed), f"{len(delayed)} delays, one at a time,")
    look.seen = f"{len(delayed)} delayed, {3 - len(delayed)} at once"
