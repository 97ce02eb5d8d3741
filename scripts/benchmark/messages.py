"""Messages: what the relay gets from an outbox into a mailbox, and what it costs that they lie in a file."""
import os
import shutil

from .figure import figure


def relay(bench, mode, *arguments, keep=None):
    """One run in a directory of its own; keep: one that is there and stays."""
    directory = keep or bench.path("relay")
    os.makedirs(directory, exist_ok=True)
    try:
        return bench.program("lockstep-bench-relay", "--mode", mode, "--dir", directory, *arguments)
    finally:
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)


@figure(at_least=0.8)
def relay_efficiency(bench):
    """Messages/s from a full outbox to their effects ÷ the smaller of what bounds it.

    The bounds: a mailbox that is fed by whole Delivers from memory, two under way; and the transaction of its inbox alone,
    row and effect. Sender and receiver are one process with two files, gRPC over loopback between them. 256 messages a
    Deliver, each with a key of its own and 250 bytes of payload.
    """
    messages = 20_000 if bench.quick else 100_000
    for _ in bench.each_round():
        inbox = relay(bench, "inbox", "--messages", messages)
        deliver = relay(bench, "deliver", "--messages", messages)
        relayed = relay(bench, "relay", "--messages", messages)
        yield relayed["rate"] / min(inbox["rate"], deliver["rate"]), {
            "relay/s": relayed["rate"], "mailbox/s": deliver["rate"], "inbox/s": inbox["rate"],
            "relay CPU us": relayed["cpu_us"], "mailbox CPU us": deliver["cpu_us"], "inbox CPU us": inbox["cpu_us"]}


@figure(unit="ms", at_most=20)
def relay_lag_p99(bench):
    """From the commit of a message to that of its effect, 99th percentile, at half of the relay's capacity.

    The capacity is what it gets from a full outbox in the same round. The messages are committed as they come, by the
    same store that marks those which were sent.
    """
    messages = 20_000 if bench.quick else 100_000
    for _ in bench.each_round():
        capacity = relay(bench, "relay", "--messages", messages)["rate"]
        lag = relay(bench, "lag", "--rate", capacity / 2, "--seconds", bench.window)
        yield lag["p99_us"] / 1e3, {"p50 ms": lag["p50_us"] / 1e3, "messages/s": lag["rate"], "capacity/s": capacity}


@figure(at_least=0.8)
def deep_backlog(bench):
    """Drain rate with 1,000,000 messages waiting ÷ with 1,000 (--quick: 200,000).

    With 1,000 waiting: the mean over outboxes of 1,000 that are filled and drained in turn, from the start of the relay to
    the last effect. With many: until 50,000 of them have had their effect.
    """
    deep = 200_000 if bench.quick else 1_000_000
    for _ in bench.each_round():
        shallow = [relay(bench, "relay", "--messages", 1_000) for _ in range(10)]
        many = relay(bench, "relay", "--messages", deep, "--counted", 50_000)
        few = len(shallow) / sum(1 / run["rate"] for run in shallow)
        yield many["rate"] / few, {
            "deep/s": many["rate"], "shallow/s": few, "deep CPU us": many["cpu_us"],
            "shallow CPU us": sum(run["cpu_us"] for run in shallow) / len(shallow)}


@figure(at_most=1.2)
def backlog_memory(bench):
    """Resident memory of a sender with 1,000,000 messages waiting for a receiver that is gone ÷ with none (--quick: 200,000).

    A new process each time, after two seconds of trying.
    """
    deep = 200_000 if bench.quick else 1_000_000
    full = bench.path("outbox-full")
    empty = bench.path("outbox-empty")
    relay(bench, "fill", "--messages", deep, keep=full)
    relay(bench, "fill", "--messages", 0, keep=empty)
    for _ in bench.each_round():
        with_many = relay(bench, "waiting", keep=full)["resident_bytes"]
        with_none = relay(bench, "waiting", keep=empty)["resident_bytes"]
        yield with_many / with_none, {"MB with many": with_many / 1e6, "MB with none": with_none / 1e6}
