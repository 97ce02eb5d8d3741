"""E24: the caller hangs up. Under PROPAGATE its handlers, here and at the peer, are free a moment later; under NONE they
work on for as long as the peer takes. What was answered first stays.
"""

import statistics
import time
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from lockstep_harness import BLOCKING, DEFERRED, EVENT_DRIVEN, NON_BLOCKING, Lockstep, stubs

DELAY = 0.6  # D, of Restaurant, in seconds
LEAVES = 0.05  # when the caller hangs up
FREED = 0.020  # seconds
CALLS = 8
POLICIES = ((stubs.call.DEADLINE_POLICY_PROPAGATE, "PROPAGATE"), (stubs.call.DEADLINE_POLICY_NONE, "NONE"))


class HangUp(Experiment):
    name = "E24"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()

    def busy(self):
        return [self.lockstep.order.ledger().calls_now, self.lockstep.restaurant.ledger().calls_now]

    def free_after(self, request):
        """Seconds from hanging up until neither Order nor Restaurant has a call any more."""
        future = self.lockstep.order.stub.CreateOrder.future(request, timeout=30)
        sent = time.monotonic()
        until(lambda: self.busy() == [1, 1], "the call is at Restaurant")
        time.sleep(max(0.0, sent + LEAVES - time.monotonic()))
        future.cancel()
        left = time.monotonic()
        while self.busy() != [0, 0]:
            self.assertLess(time.monotonic(), left + 20)
        return time.monotonic() - left

    @repeated_when_busy
    def test_handlers(self, seed):
        del seed
        order = self.lockstep.order
        for style, name in ((NON_BLOCKING, "non-blocking"), (BLOCKING, "blocking")):
            order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=10)
        self.lockstep.restaurant.slow("ValidateOrderDetails", DELAY)
        self.watch_machine(self.lockstep)
        for style, name in ((NON_BLOCKING, "non-blocking"), (BLOCKING, "blocking")):
            for policy, policy_name in POLICIES:
                what = f"{name}, {policy_name}, the caller leaves after {LEAVES * 1000:.0f} ms: handlers free after"
                if policy_name == "PROPAGATE":
                    freed = self.predict_at_most(what, FREED, " s")
                else:
                    freed = self.predict_within(what, DELAY - LEAVES, 2 * tolerances.LATENCY, " s")
                request = self.lockstep.new_order(style=style, policy=policy)
                freed.check(statistics.median(self.free_after(request) for _ in range(CALLS)))

    def test_what_was_answered_first_stays(self):
        self.lockstep.restaurant.kill()
        for style in (DEFERRED, EVENT_DRIVEN):
            request = self.lockstep.new_order(f"hang-up-{style}", style=style, wait_for_final=True)
            future = self.lockstep.order.stub.CreateOrder.future(request, timeout=30)
            until(lambda: self.lockstep.order.backlog().orders_pending == 1, "the order is kept")
            future.cancel()
            until(lambda: self.lockstep.order.ledger().calls_now == 0, "nobody waits for the caller that left")
            self.lockstep.restaurant.start()
            until(lambda: self.lockstep.order.backlog().orders_pending == 0, "the order is final")
            request.options.wait_for_final = False
            reply = self.lockstep.order.stub.CreateOrder(request, timeout=5)
            self.assertTrue(reply.receipt.duplicate)
            self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED)
            self.lockstep.restaurant.kill()


if __name__ == "__main__":
    unittest.main()
