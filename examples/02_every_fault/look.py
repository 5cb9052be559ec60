"""What one check sent, saw and missed; and the list of all checks, by scenario."""

EARLY, LATE = 0.0005, 2.0  # seconds: what Squall promises, and what a loaded machine may take
CHECKS = []


def check(*scenarios, sent):
    """Registers a check of these scenarios; `sent` is what its row of the table says."""

    def register(function):
        CHECKS.append((scenarios, sent, function))
        return function

    return register


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


class Look:
    def __init__(self, proxy, scenarios):
        self.proxy, self.scenarios = proxy, scenarios
        self.sent = self.faults = 0
        self.seen, self.wrong = "", []

    def id(self):
        return f"{(self.scenarios or ['none'])[0]}-{self.sent}"

    def new_id(self):
        """The same ids in every run: with the mission's seed they decide every draw."""
        self.sent += 1
        return self.id()

    def send(self, path, request_id=None, **how):
        reply = self.proxy.send(path, request_id or self.new_id(), **how)
        reply.path = path
        return reply

    def must(self, holds, otherwise):
        if not holds:
            self.wrong.append(otherwise)

    def took(self, seconds, declared, what="it"):
        self.must(seconds >= declared - EARLY, f"{what} took {ms(seconds)}, declared {ms(declared)}: too early")
        self.must(seconds <= declared + LATE, f"{what} took {ms(seconds)}, declared {ms(declared)}: too late")

    def answered(self, reply, status, fault):
        """A whole answer with this status, and marked with this fault, or with none."""
        self.faults += len(fault.split(",")) if fault else 0
        what = f"{reply.path}: {reply.status}, fault {reply.mark()}, {reply.error or 'whole'}"
        self.must((reply.status, reply.mark(), reply.error) == (status, fault, None),
                  f"{what}; declared {status}, fault {fault}")

    def dropped(self, reply, status, how):
        """No answer, or no end of one; such a reply has no mark, but Envoy counts it."""
        self.faults += 1
        self.must(reply.status == status and (reply.error or "").startswith(how),
                  f"{reply.path}: {reply.status}, {reply.error or 'whole'}; declared {status}, {how}")

    def ledger(self):
        """Every fault that was seen is counted, and no other."""
        count = self.proxy.injected(self.scenarios, self.faults)
        self.must(count == self.faults, f"Envoy counted {count} faults, declared {self.faults}")

    def calls(self):
        """How the upstream saw the latest request."""
        return self.proxy.upstream.calls_of(self.id())

    def upstream_saw(self, wanted):
        self.must(len(self.calls()) == wanted, f"the upstream saw {len(self.calls())} requests, declared {wanted}")
