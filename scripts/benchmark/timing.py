"""Truth about time: what deadlines say is what happened."""
import json
import os
import socket
import subprocess
import threading
import time

from .figure import figure
from .programs import VALIDATE_CONSUMER, VALIDATE_DETAILS, Failed

LOAD = 0.6
TIMEOUT = 0.05
NON_BLOCKING = ("--style", "non-blocking")


class Leaf:
    """A server of ours below, that writes down when it began and answered each call."""

    def __init__(self, bench, calls, delay_ms=0):
        self.moments = bench.path("moments")
        self.server = bench.start_leaf("--moments", self.moments, "--calls-max", calls)
        if delay_ms:
            bench.delay(self.server, [VALIDATE_CONSUMER, VALIDATE_DETAILS], delay_ms)
        self.target = self.server.target


def open_load(bench, target, leaf, rate, calls, seed, *arguments, timeout=TIMEOUT, method="validate-consumer"):
    return bench.run("open", "--target", target, "--method", method, "--rate", rate, "--calls", calls, "--timeout", timeout,
                     "--moments", leaf.moments, "--seed", seed, *arguments)


def capacity(bench, target, method="validate-consumer", style=()):
    return bench.closed(target, *style, method=method, seconds=bench.window / 2)["rate"]


class OrderAndLeaf:
    """An order service whose Consumer and Restaurant are one leaf."""

    def __init__(self, bench, calls, delay_ms=0, order_arguments=()):
        self.leaf = Leaf(bench, calls, delay_ms)
        self.order = bench.start_order(self.leaf, self.leaf, *order_arguments)
        self.target = self.order.target

    def stop(self, bench):
        bench.stop(self.order, self.leaf.server)


@figure(unit="calls", at_most=0, combine=sum)
def false_timeouts(bench):
    """Calls that the server answered more than 5 ms before their deadline, yet the caller saw DEADLINE_EXCEEDED.

    Of 100,000 and more in all rounds, with 50 ms deadlines, arriving at random moments at 60 % of what a closed loop of 64
    gets through. Half of them are the runtime's client calling a server of ours; of the other half, the order service's
    two questions for each order, the caller is the order service. When the server answered, the server wrote down, by
    the clock that all processes share.
    """
    calls = (5_000 if bench.quick else 50_000) // bench.rounds + 1
    for seed in bench.each_round():
        leaf = Leaf(bench, calls)
        most = capacity(bench, leaf.target)
        direct = open_load(bench, leaf.target, leaf, LOAD * most, calls, seed + 1)
        bench.stop(leaf.server)
        both = OrderAndLeaf(bench, calls)
        most_orders = capacity(bench, both.target, "create-order", NON_BLOCKING)
        orders = open_load(bench, both.target, both.leaf, LOAD * most_orders, (calls + 1) // 2, seed + 1, *NON_BLOCKING,
                           "--downstream-timeout", TIMEOUT, timeout=2, method="create-order")
        both.stop(bench)
        yield direct["false_timeouts"] + orders["false_timeouts"], {
            "calls": calls, "a second": direct["rate"], "capacity": most, "p99 ms": direct["latency_ms"]["p99"],
            "timed out": direct["codes"].get("DEADLINE_EXCEEDED", 0),
            "questions": orders["questions"], "orders a second": orders["rate"], "capacity of orders": most_orders,
            "p99 of orders ms": orders["latency_ms"]["p99"], "questions timed out": orders["question_timeouts"]}


@figure(unit="ms", at_most=5)
def deadline_overshoot_p99(bench):
    """How long after its deadline a caller hears DEADLINE_EXCEEDED, 99th percentile, at 60 % load; deadlines of 50 ms.

    A tenth of the calls is never answered by the leaf. The larger of three: the runtime's client calling a server of ours;
    a client placing an order, whose deadline travels on; and the order service with its questions (their own receipts).
    """
    calls = 4_000 if bench.quick else 20_000
    for seed in bench.each_round():
        leaf = Leaf(bench, calls)
        direct = open_load(bench, leaf.target, leaf, LOAD * capacity(bench, leaf.target), calls, seed + 1, "--stuck", 0.1)
        bench.stop(leaf.server)
        both = OrderAndLeaf(bench, calls)
        rate = LOAD * capacity(bench, both.target, "create-order", NON_BLOCKING)
        orders = open_load(bench, both.target, both.leaf, rate, calls // 2, seed + 1, *NON_BLOCKING, "--stuck", 0.1,
                           method="create-order")
        both.stop(bench)
        both = OrderAndLeaf(bench, calls)
        questions = open_load(bench, both.target, both.leaf, rate, calls // 2, seed + 1, *NON_BLOCKING, "--stuck", 0.1,
                              "--downstream-timeout", TIMEOUT, timeout=2, method="create-order")
        both.stop(bench)
        over = {"direct": direct["overshoot_ms"], "orders": orders["overshoot_ms"],
                "questions": questions["question_overshoot_ms"]}
        yield max(spread["p99"] for spread in over.values()), {
            **{f"{name} {part} ms": spread[part] for name, spread in over.items() for part in ("p50", "p99", "most")},
            **{f"{name} timed out": spread["count"] for name, spread in over.items()},
            "a second": direct["rate"], "orders a second": orders["rate"]}


@figure(unit="%", at_most=0.1)
def begun_after_deadline(bench):
    """Of the work that Consumer and Restaurant began for orders at twice their capacity, the part begun after the deadline.

    The deadline is the one that arrived with the question, and the witness is the leaf: the moment at which its handler runs
    against what gRPC says of the call. Beside it, by the clock of the order's caller, which all processes share: late at
    all, and late by more than 5 ms. (gRPC sends what is left of a deadline in whole milliseconds, rounded up, at each hop, and
    a timeout starts when the call is read, so a server cannot know its caller's deadline better.) The larger of two: style
    BLOCKING, a pool of 16 and 5 ms a question, 100 ms deadlines, twice 1,600 orders a second; style NON_BLOCKING,
    50 ms deadlines, twice what a closed loop of 64 gets through.
    """
    calls = 4_000 if bench.quick else 16_000
    for seed in bench.each_round():
        both = OrderAndLeaf(bench, calls, delay_ms=5, order_arguments=("--pool-threads", 16))
        blocking = open_load(bench, both.target, both.leaf, 2 * 1_600, calls, seed + 1, "--style", "blocking", timeout=0.1,
                             method="create-order")
        both.stop(bench)
        both = OrderAndLeaf(bench, calls)
        most = capacity(bench, both.target, "create-order", NON_BLOCKING)
        free = open_load(bench, both.target, both.leaf, 2 * most, calls, seed + 1, *NON_BLOCKING, method="create-order")
        both.stop(bench)
        late, notes = {}, {}
        for name, result in (("blocking", blocking), ("non-blocking", free)):
            begun = max(1, result["work_begun"])
            late[name] = 100 * result["work_begun_late_by_wire"] / begun
            notes |= {f"{name} %": late[name],
                      f"{name}, by the caller's clock, 5 ms late %": 100 * result["work_begun_late"] / begun,
                      f"{name}, late at all %": 100 * result["work_begun_late_at_all"] / begun,
                      f"{name} begun": result["work_begun"], f"{name} OK": result["codes"].get("OK", 0),
                      f"{name} a second": result["rate"]}
        yield max(late.values()), notes


def accepts(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 0.1).close()
        return True
    except OSError:
        return False


@figure(unit="ms", at_most=500, combine=max)
def reconnect_ms(bench):
    """From the moment at which a killed Consumer accepts connections again until the first order that used it is answered.

    SIGKILL, two seconds gone, started again on the same address and file; orders in style NON_BLOCKING come every 5 ms and
    fail fast. The longest of all rounds.
    """
    services = bench.start_services()
    address, control = services.consumer.target, services.consumer.control
    database = bench.consumer_db
    for _ in bench.each_round():
        probe = subprocess.Popen(
            [os.path.join(bench.bin, "lockstep-bench-load"), "probe", "--target", services.order.target, *NON_BLOCKING],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = []
        reader = threading.Thread(target=lambda lines=probe.stdout, out=said: out.extend(map(json.loads, lines)))
        reader.start()
        time.sleep(0.5)
        bench.kill(services.consumer)
        time.sleep(2)
        gone_since = time.monotonic_ns()
        services.consumer = bench.start("lockstep-consumer", "--listen", address, "--control", control, "--db", database,
                                        "--log-level", "error", wait=False)
        while not accepts(address):
            time.sleep(0.001)
        back = time.monotonic_ns()
        services.consumer.wait_ready()
        time.sleep(1.5)
        probe.stdin.close()
        probe.wait()
        reader.join()
        probe.stdout.close()
        used = [call["ended"] for call in said if call["code"] == "OK" and call["sent"] > gone_since]
        if not used:
            raise Failed("the peer that returned was not used again within 1.5 s")
        yield max(0, min(used) - back) / 1e6, {
            "failed meanwhile": sum(call["code"] != "OK" for call in said), "orders": len(said)}
