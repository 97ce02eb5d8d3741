#!/usr/bin/python3
"""The example client in Python as a user runs it, and what any client in Python meets: styles, deadlines, errors with
their details, repeated requests."""
import os
import subprocess
import time
import unittest
import uuid

import grpc

import example_output
from failing_peers import OrderWithFailingPeers
from services import LONGEST_ID, PYTHON_EXAMPLE, SOURCE, TIMEOUT, Services, stubs

from error_details import ErrorDetails
from lockstep.call.v1 import call_pb2
from lockstep.order.v1 import order_pb2, order_pb2_grpc
from lockstep.restaurant.v1 import restaurant_pb2

STYLES = [call_pb2.STYLE_BLOCKING, call_pb2.STYLE_NON_BLOCKING]


def request(**changes):
    fields = dict(
        request_id=str(uuid.uuid4()), consumer_id="c0001", restaurant_id="forno-bianco",
        lines=[restaurant_pb2.OrderLine(menu_item_id="margherita", quantity=2)],
        delivery_address=restaurant_pb2.Address(street="129 Kelp Street", city="Harmouth", postal_code="HM1 6GZ"))
    return order_pb2.CreateOrderRequest(**fields | changes)


def line(menu_item_id, quantity=1):
    return restaurant_pb2.OrderLine(menu_item_id=menu_item_id, quantity=quantity)


class PythonTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = cls.enterClassContext(Services())
        cls.orders = cls.services.order.stub

    def refused(self, order, code, stub=None, timeout=TIMEOUT):
        """The details of the error that the order ends with."""
        with self.assertRaises(grpc.RpcError) as raised:
            (stub or self.orders).CreateOrder(order, timeout=timeout)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        self.message = raised.exception.details()
        return ErrorDetails(raised.exception)

    def test_example(self):
        ready = self.services.ready
        result = subprocess.run(
            [os.path.join(PYTHON_EXAMPLE, "order_client.py"), "--order", ready["order"]["business"],
             "--restaurant-control", ready["restaurant"]["control"]],
            capture_output=True, text=True, timeout=120, cwd=os.path.join(SOURCE, "tests"))
        example_output.check(self, result)

    def test_example_without_servers_says_so(self):
        result = subprocess.run([os.path.join(PYTHON_EXAMPLE, "order_client.py"), "--order", "127.0.0.1:1"],
                                capture_output=True, text=True, timeout=120)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^order_client: UNAVAILABLE: .*127\.0\.0\.1:1.*\n$")

    def test_order_in_each_style(self):
        shells = {call_pb2.STYLE_BLOCKING: call_pb2.SHELL_POOL, call_pb2.STYLE_NON_BLOCKING: call_pb2.SHELL_QUEUE}
        for style in STYLES:
            with self.subTest(call_pb2.Style.Name(style)):
                response = self.orders.CreateOrder(request(options=order_pb2.OrderOptions(style=style)), timeout=TIMEOUT)
                order, receipt = response.order, response.receipt
                self.assertEqual(order.state, order_pb2.Order.STATE_VALIDATED)
                self.assertEqual((order.style, receipt.style, receipt.shell), (style, style, shells[style]))
                self.assertEqual((order.total.units, order.total.nanos, order.total.currency_code), (19, 0, "GBP"))
                self.assertEqual({call.peer for call in receipt.calls}, {"consumer", "restaurant"})
                # gRPC writes a timeout with two to three digits, and rounds up.
                self.assertTrue(TIMEOUT * 0.5 < receipt.budget.ToMilliseconds() / 1000 <= TIMEOUT * 1.01, receipt)
                kept = self.orders.GetOrder(order_pb2.GetOrderRequest(order_id=order.order_id), timeout=TIMEOUT)
                self.assertEqual(kept, order)

    def test_deadline_that_expires(self):
        self.addCleanup(self.services.slow_restaurant, 0)
        for style in STYLES:
            with self.subTest(call_pb2.Style.Name(style)):
                self.services.slow_restaurant(10)
                order = request(options=order_pb2.OrderOptions(style=style))
                started = time.monotonic()
                self.refused(order, grpc.StatusCode.DEADLINE_EXCEEDED, timeout=0.2)
                waited = time.monotonic() - started
                self.assertTrue(0.19 < waited < 5, f"the deadline is 0.2 s, and the call took {waited} s")
                self.services.slow_restaurant(0)
                again = self.orders.CreateOrder(order, timeout=TIMEOUT)
                self.assertEqual(again.order.state, order_pb2.Order.STATE_VALIDATED)

    def test_details_of_a_malformed_request(self):
        details = self.refused(request(consumer_id="", lines=[line("margherita", 0)]), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual((details.reason, details.domain), ("INVALID_REQUEST", "lockstep"))
        self.assertEqual([field for field, _ in details.fields], ["consumer_id", "lines[0].quantity"])
        self.assertIn("must be 1 to 1000", details.fields[1][1])
        self.assertEqual(details.receipt.method, "lockstep.order.v1.OrderService/CreateOrder")
        self.assertEqual(len(details.receipt.calls), 0)

    def test_details_of_a_refusal(self):
        for style in STYLES:
            with self.subTest(call_pb2.Style.Name(style)):
                order = request(consumer_id="suspended", lines=[line("sold-out")],
                                options=order_pb2.OrderOptions(style=style))
                details = self.refused(order, grpc.StatusCode.FAILED_PRECONDITION)
                self.assertEqual((details.reason, details.domain), ("CONSUMER_SUSPENDED", "lockstep"))
                subjects = " ".join(subject for _, subject, _ in details.preconditions)
                self.assertIn("suspended", subjects)
                self.assertIn("sold-out", " ".join(map(str, details.preconditions)))
                self.assertEqual(details.receipt.style, style)
                self.assertEqual(len(details.receipt.calls), 2)
                kept = self.orders.GetOrder(
                    order_pb2.GetOrderRequest(order_id=details.metadata["order_id"]), timeout=TIMEOUT)
                self.assertEqual(kept.state, order_pb2.Order.STATE_REJECTED)

    def test_advice_when_to_try_again(self):
        order = self.services.order
        before = order.control.GetSettings(stubs.control.GetSettingsRequest(), timeout=TIMEOUT).calls_in_flight_max
        self.addCleanup(order.set, calls_in_flight_max=before)
        order.set(calls_in_flight_max=1)
        self.addCleanup(self.services.slow_restaurant, 0)
        self.services.slow_restaurant(60)
        held = self.orders.CreateOrder.future(request(), timeout=TIMEOUT)
        self.addCleanup(held.cancel)
        until = time.monotonic() + TIMEOUT
        while order.ledger().calls_now == 0:
            self.assertLess(time.monotonic(), until, "the order that is to be under way never arrived")
        details = self.refused(request(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual((details.reason, details.domain), ("CALLS_IN_FLIGHT_MAX", "lockstep"))
        self.assertTrue(0 < details.retry_after <= 1, details.retry_after)

    def test_repeated_request(self):
        for style in STYLES:
            with self.subTest(call_pb2.Style.Name(style)):
                order = request(options=order_pb2.OrderOptions(style=style))
                first = self.orders.CreateOrder(order, timeout=TIMEOUT)
                again = self.orders.CreateOrder(order, timeout=TIMEOUT)
                self.assertEqual(again.order, first.order)
                self.assertEqual((first.receipt.duplicate, again.receipt.duplicate), (False, True))
                self.assertEqual(len(again.receipt.calls), 0)

    def test_request_id_reused(self):
        order = request()
        first = self.orders.CreateOrder(order, timeout=TIMEOUT).order
        order.lines[0].quantity = 3
        details = self.refused(order, grpc.StatusCode.ALREADY_EXISTS)
        self.assertEqual((details.reason, details.metadata["order_id"]), ("REQUEST_ID_REUSED", first.order_id))

    def test_unknown_enum_value(self):
        details = self.refused(request(options=order_pb2.OrderOptions(style=99)), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(details.fields, [("options.style", "must be a Style, is 99")])

    def test_largest_details_arrive_with_default_limits(self):
        """gRPC's clients take 8 KiB of metadata unless told otherwise, and drop what is larger as RESOURCE_EXHAUSTED."""
        with grpc.insecure_channel(self.services.ready["order"]["sync"]) as channel:
            for stub in (self.orders, order_pb2_grpc.OrderServiceStub(channel)):
                for style in STYLES:
                    options = order_pb2.OrderOptions(style=style)
                    bad = [line("é" * 500, -1) for _ in range(100)]
                    details = self.refused(request(lines=bad, options=options), grpc.StatusCode.INVALID_ARGUMENT, stub)
                    self.assertEqual(details.reason, "INVALID_REQUEST")
                    self.assertGreaterEqual(len(details.fields), 8)
                    self.assertIn("lines[0].menu_item_id", self.message)
                    unknown = [line(f"{number:064}") for number in range(100)]
                    details = self.refused(request(restaurant_id=LONGEST_ID, lines=unknown, options=options),
                                           grpc.StatusCode.FAILED_PRECONDITION, stub)
                    self.assertEqual(details.reason, "MENU_ITEM_UNKNOWN")
                    self.assertGreaterEqual(len(details.preconditions), 8)
                    self.assertIn("order_id", details.metadata)

    def test_largest_errors_of_peers_arrive_with_default_limits(self):
        with OrderWithFailingPeers() as order:
            for stub in (order.stub, order.sync_stub):
                for style in STYLES:
                    details = self.refused(
                        request(options=order_pb2.OrderOptions(style=style)), grpc.StatusCode.INTERNAL, stub)
                    self.assertEqual((details.reason, details.metadata["peer_reason"]), ("DOWNSTREAM_FAILED", "BROKEN"))
                    self.assertEqual(len(details.receipt.calls), 2)
                    self.assertIn("üüü", self.message)


if __name__ == "__main__":
    unittest.main()
