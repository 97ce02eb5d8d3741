"""E19: replies in any order. Consumer first, Restaurant first, twice, late, unknown: one final state, and all are counted.

Order runs alone; this test is Consumer and Restaurant, and delivers their verdicts itself.
"""

import itertools
import tempfile
import unittest
import uuid

import grpc

from experiment import until
from lockstep_harness import DEFERRED, Error, Lockstep, Server, stubs

States = stubs.order.Order.State


def name(state):
    return States.Name(state).removeprefix("STATE_")


class Replies(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.order = Server("order", folder, ["--consumer", "none", "--restaurant", "none"]).start()
        self.addCleanup(self.order.close)
        self.addCleanup(self.order.kill)

    # --- an order, and what is said of it

    def place(self, request_id=""):
        request = stubs.order.CreateOrderRequest(request_id=request_id, consumer_id="ann", restaurant_id="corner")
        request.lines.add(menu_item_id="soup", quantity=2)
        address = request.delivery_address
        address.street, address.city, address.postal_code = "1 Mill Lane", "Cambridge", "CB2 1RX"
        request.options.style = DEFERRED
        return self.order.stub.CreateOrder(request, timeout=5).order

    def get(self, order):
        return self.order.stub.GetOrder(stubs.order.GetOrderRequest(order_id=order.order_id), timeout=5)

    def cancel(self, order):
        return self.order.stub.CancelOrder(stubs.order.CancelOrderRequest(order_id=order.order_id), timeout=5)

    def deliver(self, *envelopes):
        reply = self.order.mailbox.Deliver(stubs.message.DeliverRequest(sender="test", envelopes=envelopes), timeout=5)
        self.assertEqual(len(reply.outcomes), len(envelopes))
        return reply.outcomes

    def envelope(self, order_id, payload, correlation_id=None):
        envelope = stubs.message.Envelope(
            message_id=str(uuid.uuid4()), type=payload.DESCRIPTOR.full_name, type_version=1, key=order_id,
            correlation_id=order_id if correlation_id is None else correlation_id,
            payload=payload.SerializeToString())
        envelope.send_time.GetCurrentTime()
        return envelope

    def of_consumer(self, order, accepted=True, **changes):
        verdict = stubs.consumer.ConsumerVerdict(order_id=order.order_id, consumer_id="ann", accepted=accepted,
                                                 consumer_version=1, node="test")
        verdict.judge_time.GetCurrentTime()
        if accepted:
            verdict.order_limit.currency_code, verdict.order_limit.units = "GBP", 100
        else:
            verdict.refusals.add(reason=stubs.consumer.ConsumerVerdict.REASON_CONSUMER_SUSPENDED, message="suspended")
        for field, value in changes.items():
            setattr(verdict, field, value)
        return self.envelope(order.order_id, stubs.consumer.ConsumerValidated(verdict=verdict))

    def of_restaurant(self, order, accepted=True, total=10):
        verdict = stubs.restaurant.OrderDetailsVerdict(order_id=order.order_id, restaurant_id="corner",
                                                       accepted=accepted, restaurant_version=1, node="test")
        verdict.judge_time.GetCurrentTime()
        if accepted:
            line = verdict.lines.add(menu_item_id="soup", display_name="Soup", quantity=2)
            line.unit_price.currency_code, line.unit_price.units = "GBP", 5
            line.price.currency_code, line.price.units = "GBP", 10
            verdict.total.currency_code, verdict.total.units = "GBP", total
        else:
            verdict.refusals.add(reason=stubs.restaurant.OrderDetailsVerdict.REASON_RESTAURANT_CLOSED, message="closed")
        return self.envelope(order.order_id, stubs.restaurant.OrderDetailsValidated(verdict=verdict))

    # --- the cases

    def test_either_order_accepted_or_refused(self):
        for of_consumer, of_restaurant in itertools.product((True, False), repeat=2):
            expected = "VALIDATED" if of_consumer and of_restaurant else "REJECTED"
            for consumer_first in (True, False):
                with self.subTest(of_consumer=of_consumer, of_restaurant=of_restaurant, consumer_first=consumer_first):
                    order = self.place()
                    self.assertEqual(name(order.state), "PENDING")
                    verdicts = [self.of_consumer(order, of_consumer), self.of_restaurant(order, of_restaurant)]
                    if not consumer_first:
                        verdicts.reverse()
                    self.assertEqual(self.deliver(verdicts[0])[0].status.code, 0)
                    self.assertEqual(name(self.get(order).state), "PENDING")
                    self.assertEqual(self.deliver(verdicts[1])[0].status.code, 0)
                    after = self.get(order)
                    self.assertEqual(name(after.state), expected)
                    self.assertEqual([name(change.state) for change in after.state_changes], ["PENDING", expected])
                    if expected == "VALIDATED":
                        self.assertEqual(after.total.units, 10)

    def test_twice_late_and_unknown_change_nothing_and_are_counted(self):
        before = self.order.ledger().messages
        order = self.place()
        first, second = self.of_consumer(order), self.of_restaurant(order)
        self.assertFalse(self.deliver(first)[0].duplicate)
        again = self.deliver(first)[0]  # the same message
        self.assertEqual((again.status.code, again.duplicate), (0, True))
        self.deliver(second)
        final = self.get(order)
        self.assertEqual(name(final.state), "VALIDATED")
        self.deliver(self.of_consumer(order, accepted=False))  # another message, after the end
        self.deliver(self.of_restaurant(order, accepted=False))
        nobody = stubs.order.Order(order_id=str(uuid.uuid4()))
        self.deliver(self.of_consumer(nobody))
        stray = self.of_consumer(order)
        stray.correlation_id = str(uuid.uuid4())
        self.deliver(stray)
        self.assertEqual(self.get(order), final)
        after = self.order.ledger().messages
        counted = {field: getattr(after, field) - getattr(before, field)
                   for field in ("duplicates", "verdicts_late", "verdicts_unknown", "taken")}
        self.assertEqual(counted, {"duplicates": 1, "verdicts_late": 2, "verdicts_unknown": 2, "taken": 6})

    def test_a_verdict_that_contradicts_itself_is_refused_and_a_sound_one_decides(self):
        order = self.place()
        wrong = self.deliver(self.of_restaurant(order, total=11), self.of_consumer(order))
        self.assertEqual(wrong[0].status.code, grpc.StatusCode.INTERNAL.value[0])
        self.assertEqual(name(self.get(order).state), "PENDING")
        self.assertEqual(self.order.ledger().messages.verdicts_inconsistent, 1)
        self.deliver(self.of_restaurant(order))
        self.deliver(self.of_consumer(order))
        self.assertEqual(name(self.get(order).state), "VALIDATED")

    def test_a_cancelled_order_stays_cancelled(self):
        order = self.place()
        self.deliver(self.of_consumer(order))
        self.assertEqual(name(self.cancel(order).state), "CANCELLED")
        self.deliver(self.of_restaurant(order))
        self.assertEqual(name(self.get(order).state), "CANCELLED")
        self.assertEqual(self.order.ledger().messages.verdicts_late, 1)

    def test_without_verdicts_it_expires_and_a_later_one_is_counted(self):
        self.order.set(validation_limit=0.2)
        order = self.place("expires")
        after = until(lambda: (lambda now: now if name(now.state) == "REJECTED" else None)(self.get(order)), "expired")
        self.assertEqual(list(after.rejection_reasons), ["VALIDATION_EXPIRED"])
        self.deliver(self.of_consumer(order), self.of_restaurant(order))
        self.assertEqual(self.get(order), after)
        counts = self.order.ledger().messages
        self.assertEqual((counts.verdicts_late, counts.orders_expired), (2, 1))
        with self.assertRaises(grpc.RpcError) as failed:  # the request again: its outcome
            self.place("expires")
        error = Error(failed.exception)
        self.assertEqual((error.code, error.reason), (grpc.StatusCode.FAILED_PRECONDITION, "VALIDATION_EXPIRED"))

    def test_one_final_state_after_a_restart_in_between(self):
        order = self.place()
        first = self.of_consumer(order)
        self.deliver(first)
        self.order.kill()
        self.order.start()
        self.assertTrue(self.deliver(first)[0].duplicate)
        self.deliver(self.of_restaurant(order))
        self.assertEqual(name(self.get(order).state), "VALIDATED")


if __name__ == "__main__":
    unittest.main()
