"""A peer that returns is used again: how long after its port accepts does Order accept the first order?"""

import time

import grpc

from experiment import Experiment, repeated_when_busy
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep

ROUNDS = 4
AWAY = 1.2  # how long the peer is gone, in seconds: the waits between attempts to connect have reached their longest
BACK = 0.5  # seconds, the bound
EVERY = 0.02  # an order is tried so often, in seconds


class PeerReturns(Experiment):
    name = "return"

    @repeated_when_busy
    def test_a_peer_that_returns(self, seed):
        del seed
        lockstep = self.enterContext(Lockstep()).seed()
        order = lockstep.order
        ways = ((order.stub, NON_BLOCKING, "non-blocking"), (order.stub, BLOCKING, "blocking, pool"),
                (order.sync_stub, BLOCKING, "blocking, thread per call"))
        for stub, style, name in ways:
            longest = self.predict_at_most(f"{name}: longest of {ROUNDS} times until Restaurant is used again", BACK,
                                           " s")
            times = []
            for _ in range(ROUNDS):
                stub.CreateOrder(lockstep.new_order(style=style), timeout=20)
                lockstep.restaurant.kill()
                gone = time.monotonic()
                while time.monotonic() < gone + AWAY:
                    self.assertFalse(self.accepted(stub, lockstep.new_order(style=style)))
                    time.sleep(EVERY)
                lockstep.restaurant.start()
                back = time.monotonic()
                self.watch_machine(lockstep)
                while not self.accepted(stub, lockstep.new_order(style=style)):
                    self.assertLess(time.monotonic(), back + 20)
                    time.sleep(EVERY)
                times.append(time.monotonic() - back)
            longest.check(max(times))

    def accepted(self, stub, request):
        try:
            stub.CreateOrder(request, timeout=5)
            return True
        except grpc.RpcError as failed:
            self.assertEqual(failed.code(), grpc.StatusCode.UNAVAILABLE)
            return False
