#!/usr/bin/python3
"""A model for your own integration tests: Lockstep started, slowed down, asserted on, stopped."""

import unittest

import grpc

from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, seconds, stubs


class SlowRestaurant(unittest.TestCase):
    DELAY = 0.2  # seconds

    @classmethod
    def setUpClass(cls):
        cls.lockstep = cls.enterClassContext(Lockstep())
        cls.lockstep.seed()
        cls.lockstep.restaurant.slow("ValidateOrderDetails", cls.DELAY)

    def test_the_receipt_says_where_the_time_went(self):
        request = self.lockstep.new_order(style=NON_BLOCKING)
        reply = self.lockstep.order.stub.CreateOrder(request, timeout=5)

        self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED)
        self.assertEqual((reply.order.total.units, reply.order.total.nanos), (15, 0))
        calls = {call.peer: call for call in reply.receipt.calls}
        self.assertGreaterEqual(seconds(calls["restaurant"].duration), self.DELAY)
        self.assertGreaterEqual(seconds(calls["restaurant"].receipt.fault_delay), self.DELAY)
        # What was sent on is what was left of the caller's five seconds, and no more.
        self.assertLess(seconds(calls["restaurant"].deadline_sent), seconds(reply.receipt.budget))

    def test_a_blocking_order_holds_a_thread_meanwhile(self):
        request = self.lockstep.new_order(style=BLOCKING)
        receipt = self.lockstep.order.stub.CreateOrder(request, timeout=5).receipt
        self.assertGreaterEqual(seconds(receipt.thread_held), self.DELAY)

    def test_a_deadline_that_is_too_short_leaves_no_order(self):
        before = self.orders()
        with self.assertRaises(grpc.RpcError) as failed:
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(), timeout=self.DELAY / 2)
        self.assertEqual(Error(failed.exception).code, grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(self.orders(), before)

    def orders(self):
        request = stubs.order.ListOrdersRequest(page_size=1000)
        return [order.order_id for order in
                self.lockstep.order.stub.ListOrders(request, timeout=5).orders]


class Stopping(unittest.TestCase):
    def test_servers_end_with_status_0(self):
        with Lockstep() as lockstep:
            self.assertEqual([server.stop() for server in lockstep.servers], [0, 0, 0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
