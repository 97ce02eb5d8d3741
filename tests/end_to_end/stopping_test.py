"""SIGTERM: accept no more, finish what is under way, exit 0; a second one ends at once. What was acknowledged stays."""

import signal
import time
import unittest

import grpc

from experiment import until
from load import Load, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep, stubs

Code = grpc.StatusCode
NONE = stubs.call.DEADLINE_POLICY_NONE


class Stopping(unittest.TestCase):
    def lockstep_with(self, *flags):
        lockstep = self.enterContext(Lockstep(order=flags)).seed()
        self.order = lockstep.order
        return lockstep

    def test_under_load(self):
        lockstep = self.lockstep_with()
        lockstep.restaurant.slow("ValidateOrderDetails", 0.3)
        ways = ((self.order.stub, NON_BLOCKING), (self.order.stub, BLOCKING), (self.order.sync_stub, BLOCKING))
        loads = []
        for number, (stub, style) in enumerate(ways):
            def request(call, number=number, style=style):
                return lockstep.new_order(f"{number}-{call}", style)
            loads.append(Load(stub.CreateOrder, request, evenly(40, 3.0, number), 10).start())
        until(lambda: all(len(load.accepted()) > 10 for load in loads), "orders are being accepted")
        self.assertTrue((lockstep.folder / "order.ready").exists())
        self.order.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.order.process.wait(15), 0)
        self.assertFalse((lockstep.folder / "order.ready").exists(), "the ready file goes with what it speaks of")
        acknowledged = set()
        for load in loads:
            load.wait()
            codes = load.codes()
            self.assertEqual(set(codes) - {"OK", "UNAVAILABLE"}, set(), "answered, or not begun")
            self.assertGreater(codes.get("UNAVAILABLE", 0), 0, "orders after SIGTERM are not accepted")
            acknowledged |= {call.reply.order.order_id for call in load.accepted()}
        self.order.start()
        found = set()
        token = ""
        while True:
            request = stubs.order.ListOrdersRequest(page_size=1000, page_token=token)
            page = self.order.stub.ListOrders(request, timeout=20)
            found |= {order.order_id for order in page.orders}
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(acknowledged - found, set())

    def test_what_is_under_way_is_finished(self):
        lockstep = self.lockstep_with()
        lockstep.restaurant.slow("ValidateOrderDetails", 1.5)
        futures = [stub.CreateOrder.future(lockstep.new_order(style=style), timeout=20)
                   for stub, style in ((self.order.stub, NON_BLOCKING), (self.order.stub, BLOCKING),
                                       (self.order.sync_stub, BLOCKING)) for _ in range(5)]
        until(lambda: lockstep.restaurant.ledger().calls_now == len(futures), "all wait for Restaurant")
        self.order.process.send_signal(signal.SIGTERM)
        states = [future.result().order.state for future in futures]
        self.assertEqual(set(states), {stubs.order.Order.STATE_VALIDATED})
        self.assertEqual(self.order.process.wait(15), 0)

    def test_within_the_grace(self):
        """Nobody who waits for a stuck peer keeps the server from ending, under no policy and in no style."""
        lockstep = self.lockstep_with("--shutdown-grace", "1s")
        lockstep.restaurant.pause()
        futures = [stub.CreateOrder.future(lockstep.new_order(style=style, policy=policy), timeout=60)
                   for stub, style in ((self.order.stub, NON_BLOCKING), (self.order.stub, BLOCKING),
                                       (self.order.sync_stub, BLOCKING))
                   for policy in (stubs.call.DEADLINE_POLICY_PROPAGATE, NONE) for _ in range(3)]
        until(lambda: self.order.ledger().calls_now == len(futures), "all are under way")
        begun = time.monotonic()
        self.order.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.order.process.wait(15), 0)
        self.assertGreater(time.monotonic() - begun, 0.9, "they had their second")
        self.assertLess(time.monotonic() - begun, 8, "but no more than that, by far")
        self.assertEqual({future.code() for future in futures} - {Code.UNAVAILABLE, Code.CANCELLED}, set())

    def test_the_second_ends_at_once(self):
        lockstep = self.lockstep_with("--shutdown-grace", "60s")
        lockstep.restaurant.pause()
        waiting = self.order.stub.CreateOrder.future(lockstep.new_order(), timeout=60)
        until(lambda: self.order.ledger().calls_now == 1, "an order waits")
        self.order.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in self.order.log.read_text(), "the first SIGTERM is heard")
        self.assertIsNone(self.order.process.poll())
        begun = time.monotonic()
        self.order.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.order.process.wait(15), -signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(waiting.code(), Code.UNAVAILABLE)

    def test_sigint(self):
        self.lockstep_with()
        self.order.process.send_signal(signal.SIGINT)
        self.assertEqual(self.order.process.wait(15), 0)

    def test_nothing_is_said_but_log_lines(self):
        """gRPC's own complaints about a wrong order of shutting down end in no exit status (TRAPS 24)."""
        lockstep = self.lockstep_with()
        self.order.stub.CreateOrder(lockstep.new_order(), timeout=20)
        for server in lockstep.servers:
            self.assertEqual(server.stop(), 0)
            said = server.log.read_text()
            self.assertNotIn("ERROR", said.upper())
            self.assertNotIn("assert", said)


if __name__ == "__main__":
    unittest.main()
