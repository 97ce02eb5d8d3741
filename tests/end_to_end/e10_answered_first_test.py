"""E10 and E24 for the styles that answer first: with Restaurant gone all orders are accepted and wait, λ·t of them; when it
comes back they end by themselves. A caller that hangs up leaves its order behind.
"""

import time
import unittest

import grpc

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import DEFERRED, EVENT_DRIVEN, Lockstep, stubs

RATE = 40
SECONDS = 3.0
ACCEPT = 0.25  # seconds: an order is answered without waiting for anybody but the disk
AGAIN = 3.0  # seconds until a restaurant that is back has been found and has judged what waited


class AnsweredFirst(Experiment):
    name = "E10"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()

    def pending(self):
        return self.lockstep.order.backlog().orders_pending

    @repeated_when_busy
    def test_one_gone(self, seed):
        for style, name in ((DEFERRED, "deferred"), (EVENT_DRIVEN, "event-driven")):
            first = self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=30)
            self.assertEqual(self.lockstep.final(first.order.order_id).state, stubs.order.Order.STATE_VALIDATED)
            self.lockstep.restaurant.kill()
            self.watch_machine(self.lockstep)
            accepted = self.predict_at_least(f"{name}: share accepted", 1.0)
            took = self.predict_at_most(f"{name}: median time until the caller knows", ACCEPT, " s")
            waiting = self.predict(f"{name}: orders that wait, λ·t", RATE * SECONDS, 0.0)
            load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=style),
                        evenly(RATE, SECONDS, seed), 10).run()
            accepted.check(len(load.accepted()) / len(load.calls))
            took.check(load.took())
            waiting.check(self.pending())
            again = self.predict_at_most(f"{name}: time until none waits, Restaurant being back", AGAIN, " s")
            self.lockstep.restaurant.start()
            back = time.monotonic()
            until(lambda: self.pending() == 0, "every order final", 30)
            again.check(time.monotonic() - back)
            states = {self.lockstep.final(call.reply.order.order_id).state for call in load.calls}
            self.assertEqual(states, {stubs.order.Order.STATE_VALIDATED})

    def test_who_hangs_up_leaves_the_order(self):
        """E24: the caller waits for the final state and leaves long before that."""
        self.lockstep.restaurant.kill()
        for style in (DEFERRED, EVENT_DRIVEN):
            request = self.lockstep.new_order(f"hang-up-{style}", style=style, wait_for_final=True)
            with self.assertRaises(grpc.RpcError) as failed:
                self.lockstep.order.stub.CreateOrder(request, timeout=0.25)
            self.assertEqual(failed.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        until(lambda: self.pending() == 2, "both orders are kept")
        self.lockstep.restaurant.start()
        until(lambda: self.pending() == 0, "both orders are final")
        for style in (DEFERRED, EVENT_DRIVEN):  # the same request again: what became of it
            request = self.lockstep.new_order(f"hang-up-{style}", style=style)
            reply = self.lockstep.order.stub.CreateOrder(request, timeout=5)
            self.assertTrue(reply.receipt.duplicate)
            self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED)

    def test_waiting_for_the_final_state(self):
        for style in (DEFERRED, EVENT_DRIVEN):
            request = self.lockstep.new_order(style=style, wait_for_final=True)
            reply = self.lockstep.order.stub.CreateOrder(request, timeout=10)
            self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED)
            self.assertTrue(reply.receipt.HasField("waited_for_final"))


if __name__ == "__main__":
    unittest.main()
