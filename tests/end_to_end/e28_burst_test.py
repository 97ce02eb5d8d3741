"""E28: a burst of ten times what the blocking style serves. Deferred takes all of it and drains as E12 says; blocking serves
N/D and refuses the rest; non-blocking serves what its leaf does.
"""

import time
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import BLOCKING, DEFERRED, NON_BLOCKING, Lockstep, set_duration, stubs

DELAY = 0.2  # D, of Restaurant, in seconds
THREADS = 12  # N
QUEUE = 6  # Q
RATE = 10 * THREADS / DELAY  # λ
SECONDS = 5.0  # t
LEAF = 50  # C, calls that Restaurant takes at once
BATCH = 256  # messages a delivery, limits::kDeliverEnvelopesMax
DEPTH = 2  # deliveries under way, as the relay has it
DELIVERY = 1.6  # seconds a delivery: μ = DEPTH·BATCH/DELIVERY


class Burst(Experiment):
    name = "E28"

    def setUp(self):
        super().setUp()
        flags = ["--pool-queue", str(QUEUE), "--pool-threads", str(THREADS)]
        self.lockstep = self.enterContext(Lockstep(order=flags)).seed()
        for style in (BLOCKING, NON_BLOCKING):
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=10)
        self.watch_machine(self.lockstep)

    def burst(self, style, seed):
        return Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=style),
                    evenly(RATE, SECONDS, seed), 30).start()

    def slow_down(self):
        request = stubs.control.SetFaultsRequest()
        for method, delay in ((self.lockstep.restaurant.method("ValidateOrderDetails"), DELAY),
                              ("lockstep.message.v1.Mailbox/Deliver", DELIVERY)):
            set_duration(request.faults.add(method=method).fixed_delay, delay)
        self.lockstep.restaurant.control.SetFaults(request, timeout=5)

    @repeated_when_busy
    def test_blocking(self, seed):
        self.slow_down()
        # While the burst lasts N/D; then those that have a thread and those in the queue.
        served = self.predict(f"blocking, λ={RATE:.0f}/s for {SECONDS} s, N={THREADS}, Q={QUEUE}, D={DELAY} s: served",
                              THREADS / DELAY * SECONDS + QUEUE, tolerances.BURST)
        load = self.burst(BLOCKING, seed).wait()
        self.check_generator(load, DELAY)
        served.check(len(load.accepted()))
        self.assertEqual(set(load.codes()), {"OK", "RESOURCE_EXHAUSTED"})

    @repeated_when_busy
    def test_non_blocking(self, seed):
        self.slow_down()
        self.lockstep.restaurant.set(calls_in_flight_max=LEAF)
        served = self.predict(f"non-blocking, λ={RATE:.0f}/s for {SECONDS} s, its leaf C={LEAF}, D={DELAY} s: served",
                              LEAF / DELAY * SECONDS, tolerances.BURST)
        load = self.burst(NON_BLOCKING, seed).wait()
        self.check_generator(load, DELAY)
        served.check(len(load.accepted()))
        self.assertEqual(len(load.codes()), 2)

    @repeated_when_busy
    def test_deferred(self, seed):
        capacity = DEPTH * BATCH / DELIVERY
        # The first deliveries take the first orders alone, so that what drains has waited for them.
        drained = self.predict(f"deferred, λ={RATE:.0f}/s for {SECONDS} s, μ={capacity:.0f}/s: seconds from the end of the "
                               "burst until nothing waits",
                               DELIVERY + (RATE - capacity) * SECONDS / capacity, tolerances.DRAINED)
        self.slow_down()
        load = self.burst(DEFERRED, seed).wait()
        ended = load.begun + SECONDS
        self.check_generator(load, DELIVERY)
        self.assertEqual(load.codes(), {"OK": len(load.calls)})
        until(lambda: self.lockstep.order.backlog().orders_pending == 0, "every order final", 60)
        drained.check(time.monotonic() - ended)
        self.lockstep.restaurant.clear_faults()
        states = {self.lockstep.final(call.reply.order.order_id).state for call in load.calls}
        self.assertEqual(states, {stubs.order.Order.STATE_VALIDATED})


if __name__ == "__main__":
    unittest.main()
