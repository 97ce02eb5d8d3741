"""At each limit a request is accepted; past it is bad_input_test.py, or here where that takes more than a request."""

import unittest

import grpc

from experiment import until
from lockstep_harness import NON_BLOCKING, Error, Lockstep, money, stubs

Code = grpc.StatusCode


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lockstep = cls.enterClassContext(Lockstep()).seed()
        cls.order = cls.lockstep.order

    def test_an_order_at_every_limit(self):
        consumer = stubs.consumer.CreateConsumerRequest()
        consumer.consumer.consumer_id = "c" * 64
        consumer.consumer.display_name = "n" * 200
        consumer.consumer.order_limit.CopyFrom(money(9_000_000_000))
        self.lockstep.consumer.stub.CreateConsumer(consumer, timeout=20)
        restaurant = stubs.restaurant.CreateRestaurantRequest()
        restaurant.restaurant.restaurant_id = "r" * 64
        restaurant.restaurant.display_name = "é" * 100
        restaurant.restaurant.minimum_order.CopyFrom(money(0))
        restaurant.restaurant.delivery_area.postal_code_prefixes.extend(f"{number:016}" for number in range(100))
        for number in range(1000):
            restaurant.restaurant.menu_items.add(menu_item_id=f"{number:064}", display_name="d" * 200,
                                                 price=money(1), category="c" * 100)
        self.lockstep.restaurant.stub.CreateRestaurant(restaurant, timeout=60)
        order = stubs.order.CreateOrderRequest(request_id="q" * 64, consumer_id="c" * 64, restaurant_id="r" * 64)
        for number in range(100):
            order.lines.add(menu_item_id=f"{number:064}", quantity=1000)
        order.delivery_address.street = "s" * 200
        order.delivery_address.city = "c" * 100
        order.delivery_address.postal_code = "0" * 16
        for name in ("consumer_timeout", "restaurant_timeout", "reserve"):
            getattr(order.options, name).seconds = 3600
        for stub in (self.order.stub, self.order.sync_stub):
            reply = stub.CreateOrder(order, timeout=60)
            self.assertEqual(reply.order.total, money(100_000))
            self.assertEqual(len(reply.order.lines), 100)
        listed = self.order.stub.ListOrders(stubs.order.ListOrdersRequest(page_size=1000, consumer_id="c" * 64),
                                            timeout=20)
        self.assertEqual([order.order_id for order in listed.orders], [reply.order.order_id])

    def test_pages(self):
        ids = {self.order.stub.CreateOrder(self.lockstep.new_order(), timeout=20).order.order_id for _ in range(7)}
        seen, token = [], ""
        while True:
            page = self.order.stub.ListOrders(
                stubs.order.ListOrdersRequest(page_size=2, page_token=token, consumer_id="ann"), timeout=20)
            self.assertLessEqual(len(page.orders), 2)
            seen += [order.order_id for order in page.orders]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(ids, set(seen))
        self.assertEqual(seen, sorted(seen, reverse=True), "the newest first")
        first = self.order.stub.ListOrders(stubs.order.ListOrdersRequest(page_size=2), timeout=20)
        with self.assertRaises(grpc.RpcError) as failed:
            self.order.stub.ListOrders(stubs.order.ListOrdersRequest(
                page_size=2, page_token=first.next_page_token, consumer_id="ann"), timeout=20)
        self.assertIn("page_token", Error(failed.exception).fields, "a token is good for its own list alone")

    def test_calls_in_flight(self):
        most = 5
        self.order.set(calls_in_flight_max=most)
        self.addCleanup(self.order.set, calls_in_flight_max=20_000)
        self.lockstep.restaurant.slow("ValidateOrderDetails", 30)
        self.addCleanup(self.lockstep.restaurant.clear_faults)
        waiting = [self.order.stub.CreateOrder.future(self.lockstep.new_order(style=NON_BLOCKING), timeout=30)
                   for _ in range(most)]
        until(lambda: self.lockstep.restaurant.ledger().calls_now == most, "all of them were taken")
        with self.assertRaises(grpc.RpcError) as failed:
            self.order.stub.CreateOrder(self.lockstep.new_order(), timeout=20)
        error = Error(failed.exception)
        self.assertEqual((error.code, error.reason), (Code.RESOURCE_EXHAUSTED, "CALLS_IN_FLIGHT_MAX"))
        self.assertEqual(error.metadata, {"limit": "calls_in_flight_max"})
        self.assertGreater(error.retry_after, 0)
        for future in waiting:
            future.cancel()
        until(lambda: self.order.ledger().calls_now == 0, "they have gone")

    def test_a_message_at_the_limit(self):
        """1 MiB is read and judged; a byte more is not read at all."""
        for size, code in (((1 << 20) - 4, Code.INVALID_ARGUMENT), (1 << 20, Code.RESOURCE_EXHAUSTED)):
            request = stubs.order.GetOrderRequest(order_id="x" * size)
            if code == Code.INVALID_ARGUMENT:
                self.assertEqual(len(request.SerializeToString()), 1 << 20)
            with self.assertRaises(grpc.RpcError) as failed:
                self.order.stub.GetOrder(request, timeout=20)
            self.assertEqual(failed.exception.code(), code)


if __name__ == "__main__":
    unittest.main()
