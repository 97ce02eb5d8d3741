"""E12: a backlog drains within λ·t_down/(μ−λ), nothing stays PENDING, nothing is lost. It counts as gone when no more waits
than comes in during a delivery and a half, so that rest is taken off what has to drain.

Restaurant stands still for t_down while orders go on coming in. What it takes in is bounded: each delivery of at most BATCH
messages is delayed by D, DEPTH are under way at a time, so μ = DEPTH·BATCH/D. Those that were under way when it stood still
held next to nothing and come first, so that the backlog grows for D longer before it drains.
"""

import time
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import DEFERRED, Lockstep, set_duration, stubs

RATE = 300  # λ, orders a second
DOWN = 5.0  # t_down
BATCH = 256  # messages a delivery, limits::kDeliverEnvelopesMax
DEPTH = 2  # deliveries under way, as the relay has it
DELAY = 0.5  # D, seconds a delivery


class Backlog(Experiment):
    name = "E12"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()

    def waiting(self):
        return sum(d.waiting for d in self.lockstep.order.backlog().destinations if d.destination == "restaurant")

    @repeated_when_busy
    def test_drains(self, seed):
        request = stubs.control.SetFaultsRequest()
        set_duration(request.faults.add(method="lockstep.message.v1.Mailbox/Deliver").fixed_delay, DELAY)
        self.lockstep.restaurant.control.SetFaults(request, timeout=5)
        self.watch_machine(self.lockstep)
        capacity = DEPTH * BATCH / DELAY
        rest = RATE * DELAY * 1.5
        drained = self.predict(f"λ={RATE}/s, t_down={DOWN} s, μ={capacity:.0f}/s: seconds until the backlog is gone",
                               DELAY + (RATE * (DOWN + DELAY) - rest) / (capacity - RATE), tolerances.DRAINED)
        lasts = DOWN + DELAY + RATE * (DOWN + DELAY) / (capacity - RATE) * 2
        self.lockstep.restaurant.pause()
        load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=DEFERRED),
                    evenly(RATE, lasts, seed), 10).start()
        time.sleep(max(0.0, load.begun + DOWN - time.monotonic()))
        self.lockstep.restaurant.resume()
        back = time.monotonic()
        until(lambda: self.waiting() <= rest, "the backlog is gone", 30)
        drained.check(time.monotonic() - back)
        load.wait()
        self.check_generator(load, DOWN)
        self.assertEqual(load.codes(), {"OK": len(load.calls)})
        until(lambda: self.lockstep.order.backlog().orders_pending == 0, "every order final", 30)
        states = {self.lockstep.final(call.reply.order.order_id).state for call in load.calls}
        self.assertEqual(states, {stubs.order.Order.STATE_VALIDATED})


if __name__ == "__main__":
    unittest.main()
