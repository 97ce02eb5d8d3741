"""Repeated requests, over the wire: one request id has one order, whoever asks how often, at once or much later."""

import random
import unittest

import grpc

from experiment import until
from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, stubs

Code = grpc.StatusCode
POLICIES = stubs.call.DeadlinePolicy


class Placing(unittest.TestCase):
    FLAGS = ()

    def setUp(self):
        self.lockstep = self.enterContext(Lockstep(order=self.FLAGS)).seed()
        self.order = self.lockstep.order

    def place(self, request_id, timeout=20, stub=None, change=None, **options):
        """The order id, and whether it was there already."""
        request = self.lockstep.new_order(request_id, **options)
        if change:
            change(request)
        reply = (stub or self.order.stub).CreateOrder(request, timeout=timeout)
        return reply.order.order_id, reply.receipt.duplicate

    def refused(self, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as failed:
            self.place(*arguments, **options)
        return Error(failed.exception)

    def orders(self):
        listed = self.order.stub.ListOrders(stubs.order.ListOrdersRequest(page_size=1000), timeout=20)
        return [(order.order_id, order.request_id) for order in listed.orders]


class Idempotency(Placing):
    def test_fifty_at_once(self):
        """In every style, on both ports, under every policy: how an order is taken is not what it is."""
        chance = random.Random(1)
        stubs_of_both = (self.order.stub, self.order.sync_stub)
        for round_number in range(5):
            request_id = f"at-once-{round_number}"
            futures = [chance.choice(stubs_of_both).CreateOrder.future(
                self.lockstep.new_order(request_id, chance.choice((BLOCKING, NON_BLOCKING)), chance.randint(1, 4)),
                timeout=30) for _ in range(50)]
            replies = [future.result() for future in futures]
            self.assertEqual(len({reply.order.order_id for reply in replies}), 1)
            self.assertEqual(sum(not reply.receipt.duplicate for reply in replies), 1, "one of them placed it")
            self.assertTrue(all(reply.order == replies[0].order for reply in replies))
        self.assertEqual(len(self.orders()), 5)

    def test_a_repeat_after_a_restart(self):
        for end in (self.order.stop, self.order.kill):
            request_id = f"restart-{end.__name__}"
            first, _ = self.place(request_id)
            end()
            self.order.start()
            self.assertEqual(self.place(request_id, style=BLOCKING), (first, True))

    def test_other_content(self):
        first, _ = self.place("mine")

        def another(field, value):
            return lambda request: setattr(request, field, value)

        changes = {
            "consumer": another("consumer_id", "bob"), "restaurant": another("restaurant_id", "other"),
            "quantity": lambda request: setattr(request.lines[0], "quantity", 3),
            "one line less": lambda request: request.lines.pop(),
            "order of lines": lambda request: request.lines.reverse(),
            "address": lambda request: setattr(request.delivery_address, "city", "Leeds"),
        }
        for what, change in changes.items():
            with self.subTest(what):
                error = self.refused("mine", change=change)
                self.assertEqual((error.code, error.reason), (Code.ALREADY_EXISTS, "REQUEST_ID_REUSED"))
                self.assertEqual(error.metadata, {"request_id": "mine", "order_id": first})
        self.assertEqual(self.place("mine"), (first, True))

    def test_a_refusal_is_an_outcome(self):
        def caviar(request):
            request.lines[0].menu_item_id = "caviar"

        first = self.refused("refused", change=caviar)
        self.assertEqual((first.code, first.reason), (Code.FAILED_PRECONDITION, "MENU_ITEM_UNKNOWN"))
        revision = stubs.restaurant.ReviseMenuRequest(restaurant_id="corner")
        item = revision.put_items.add(menu_item_id="caviar", display_name="Caviar")
        item.price.currency_code, item.price.units = "GBP", 90
        self.lockstep.restaurant.stub.ReviseMenu(revision, timeout=20)
        again = self.refused("refused", change=caviar)
        self.assertEqual((again.code, again.reason, again.metadata["order_id"]),
                         (first.code, first.reason, first.metadata["order_id"]))
        self.assertTrue(again.receipt.duplicate)
        self.assertFalse(self.place("new", change=caviar)[1], "as a new request it is accepted")

    def test_no_outcome_is_tried_anew(self):
        self.lockstep.restaurant.kill()
        for style in (BLOCKING, NON_BLOCKING):
            self.assertEqual(self.refused("anew", style=style).code, Code.UNAVAILABLE)
        self.lockstep.restaurant.start()
        self.lockstep.restaurant.slow("ValidateOrderDetails", 5)
        self.assertEqual(self.refused("anew", timeout=0.3, wait_for_ready=True).code, Code.DEADLINE_EXCEEDED)
        self.assertEqual(self.orders(), [])
        self.lockstep.restaurant.clear_faults()
        order_id, duplicate = self.place("anew", wait_for_ready=True)
        self.assertFalse(duplicate)
        self.assertEqual(self.orders(), [(order_id, "anew")])

    def test_the_first_still_running(self):
        self.lockstep.restaurant.slow("ValidateOrderDetails", 1.0)
        first = self.order.stub.CreateOrder.future(self.lockstep.new_order("slow"), timeout=30)
        until(lambda: self.lockstep.restaurant.ledger().calls_now == 1, "the first is under way")
        error = self.refused("slow", timeout=0.2)
        self.assertEqual(error.code, Code.DEADLINE_EXCEEDED, "the second waits within its own deadline")
        order_id, duplicate = self.place("slow")
        self.assertTrue(duplicate)
        self.assertEqual(first.result().order.order_id, order_id)
        self.assertFalse(first.result().receipt.duplicate)

    def test_the_first_gives_up(self):
        """What waited takes its turn, in the style and under the deadline of its own request."""
        self.lockstep.restaurant.slow("ValidateOrderDetails", 0.5)
        first = self.order.stub.CreateOrder.future(self.lockstep.new_order("left"), timeout=30)
        until(lambda: self.lockstep.restaurant.ledger().calls_now == 1, "the first is under way")
        second = self.order.stub.CreateOrder.future(self.lockstep.new_order("left", style=BLOCKING), timeout=30)
        until(lambda: self.order.ledger().calls_now == 2, "the second waits")
        first.cancel()
        self.assertFalse(second.result().receipt.duplicate)
        self.assertEqual(self.orders(), [(second.result().order.order_id, "left")])

    def test_without_a_request_id_nothing_is_a_repeat(self):
        self.assertNotEqual(self.place("")[0], self.place("")[0])


class Retention(Placing):
    """Request ids that are kept a second: then they are new again, and the orders stay."""

    FLAGS = ("--request-id-retention", "1s")

    def test_forgotten(self):
        first, _ = self.place("forgotten")
        second = until(lambda: next((order for order, duplicate in [self.place("forgotten")] if not duplicate), None),
                       "the request id is new again")
        self.assertEqual({order_id for order_id, _ in self.orders()}, {first, second})


if __name__ == "__main__":
    unittest.main()
