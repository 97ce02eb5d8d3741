"""Truth about time: what deadlines say is what happened."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

from .figure import figure

LOAD = 0.6
TIMEOUT = 0.05


class Leaf:
    """A server of ours below, that writes down when it began and answered each call."""

    def __init__(self, bench, calls, *arguments):
        self.moments = bench.path("moments")
        self.server = bench.start_leaf("--moments", self.moments, "--calls-max", calls, *arguments)
        self.target = self.server.target


def open_load(bench, target, leaf, rate, calls, seed, *arguments, timeout=TIMEOUT, method="validate-consumer"):
    return bench.run("open", "--target", target, "--method", method, "--rate", rate, "--calls", calls, "--timeout", timeout,
                     "--moments", leaf.moments, "--seed", seed, *arguments)


def capacity(bench, target, method="validate-consumer", style=()):
    return bench.closed(target, *style, method=method, seconds=bench.window / 2)["rate"]


@figure(unit="calls", at_most=0, combine=sum)
def false_timeouts(bench):
    """Calls that the server answered more than 5 ms before their deadline, yet the caller saw DEADLINE_EXCEEDED.

    Of 100,000 in all rounds, with 50 ms deadlines, arriving at random moments at 60 % of what a closed loop of 64 gets
    through. The caller is the runtime's client; the time of each answer is the server's, by the same clock.
    """
    calls = (10_000 if bench.quick else 100_000) // bench.rounds + 1
    for seed in bench.each_round():
        leaf = Leaf(bench, calls)
        most = capacity(bench, leaf.target)
        result = open_load(bench, leaf.target, leaf, LOAD * most, calls, seed + 1)
        bench.stop(leaf.server)
        yield result["false_timeouts"], {
            "calls": calls, "rate/s": result["rate"], "capacity/s": most,
            "timed out": result["codes"].get("DEADLINE_EXCEEDED", 0), "p99 ms": result["latency_ms"]["p99"],
            "client loop gap ms": result["client_loop_gap_ms"]}


@figure(unit="ms", at_most=5)
def deadline_overshoot_p99(bench):
    """How long after its deadline a caller hears DEADLINE_EXCEEDED, 99th percentile, at 60 % load.

    A tenth of the calls is never answered; deadlines of 50 ms; the runtime's client.
    """
    calls = 4_000 if bench.quick else 20_000
    for seed in bench.each_round():
        leaf = Leaf(bench, calls)
        most = capacity(bench, leaf.target)
        result = open_load(bench, leaf.target, leaf, LOAD * most, calls, seed + 1, "--stuck", 0.1)
        bench.stop(leaf.server)
        over = result["overshoot_ms"]
        yield over["p99"], {"p50 ms": over["p50"], "most ms": over["most"], "timed out": over["count"],
                            "rate/s": result["rate"]}
