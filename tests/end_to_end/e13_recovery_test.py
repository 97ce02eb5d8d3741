"""E13: how long after a peer is back do its callers notice? A pure client with blocking stubs and gRPC's defaults: up to the
wait between two attempts to connect, and twice 5 s more: nobody looks at the socket but a backup poll, which sees that the
last attempt was refused, and the next time that its successor was not. With a thread in Next() of some queue: up to that wait.
Tuned, as this repository's servers are: less than half a second. Styles that ask nobody: no time at all.
"""

import subprocess
import threading
import time
import unittest

import grpc

from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import BIN, DEFERRED, REPLICA, Lockstep

CLIENT = BIN.parent / "tests" / "end_to_end" / "blocking_client"
AWAY = 1.5  # how long the peer is gone, in seconds
ROUNDS = 2
BACKUP_POLL = 5.0  # seconds; GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS as it comes
TUNED = 0.5  # seconds
INSTANT = 0.25  # seconds: an order of a style that asks nobody
OK = 0


def longest_wait(away):
    """gRPC waits 1 s after the first attempt to connect that failed, then 1.6 times as long each time, up to 120 s, each
    time more or less by up to a fifth (doc/connection-backoff.md of gRPC). The longest that may be running after so long."""
    begun, wait = 0.0, 1.0
    while begun + 0.8 * wait <= away:
        begun += 0.8 * wait
        wait = min(wait * 1.6, 120.0)
    return 1.2 * wait


class Client:
    """blocking_client, and what it has said: (moment, code)."""

    def __init__(self, address, mode):
        self.process = subprocess.Popen([CLIENT, address, mode], stdout=subprocess.PIPE, text=True)
        self.said = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            moment, code = line.split()
            self.said.append((float(moment), int(code)))

    def used_after(self, moment):
        """When its calls succeeded again; None: they do not yet. They failed before, the peer being away."""
        return next((when for when, code in self.said if when > moment and code == OK), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Recovery(Experiment):
    name = "E13"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()

    def away(self):
        self.lockstep.restaurant.kill()
        gone = time.monotonic()
        time.sleep(gone + AWAY - time.monotonic())
        self.lockstep.restaurant.start()
        back = time.monotonic()
        self.watch_machine(self.lockstep)
        return back

    def accepts(self, style):
        try:
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=10)
            return True
        except grpc.RpcError:
            return False

    @repeated_when_busy
    def test_clients(self, seed):
        del seed
        address = self.lockstep.restaurant.addresses["business"]
        wait = longest_wait(AWAY)
        predicted = {
            "defaults": self.predict_at_most(f"gRPC's defaults, peer gone for {AWAY} s: used again after",
                                             wait + 2 * BACKUP_POLL, " s"),
            "polled": self.predict_at_most(f"a thread in Next(), peer gone for {AWAY} s: used again after", wait, " s"),
            "tuned": self.predict_at_most(f"tuned, peer gone for {AWAY} s: used again after", TUNED, " s"),
        }
        later = self.predict_at_least("gRPC's defaults over tuned", 2.0)
        times = {}
        for mode in predicted:
            times[mode] = [self.time_of(address, mode) for _ in range(ROUNDS)]
        for mode, prediction in predicted.items():
            prediction.check(max(times[mode]))
        later.check(max(times["defaults"]) / max(times["tuned"]))

    def time_of(self, address, mode):
        with Client(address, mode) as client:
            until(lambda: client.used_after(0), "the peer is used")
            back = self.away()
            used = until(lambda: client.used_after(back), "the peer is used again", 30)
            return used - back

    @repeated_when_busy
    def test_styles_that_ask_nobody(self, seed):
        for style, name in ((REPLICA, "replica"), (DEFERRED, "deferred")):
            until(lambda style=style: self.accepts(style), "the copies know ann and the corner")
            accepted = self.predict_at_least(f"{name}: share accepted while Restaurant goes and returns", 1.0)
            longest = self.predict_at_most(f"{name}: longest time of an order", INSTANT, " s")
            load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=style),
                        evenly(50, AWAY + 1.5, seed), 10).start()
            self.away()
            load.wait()
            accepted.check(len(load.accepted()) / len(load.calls))
            longest.check(max(call.took for call in load.calls))


if __name__ == "__main__":
    unittest.main()
