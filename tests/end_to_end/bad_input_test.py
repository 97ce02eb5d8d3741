"""Bad input: a table of requests that are wrong in one way each, with the code, the reason and the field that
each is answered with, read from grpc-status-details-bin. Those of Order go to both of its ports.

One difference between these is gRPC's: its own synchronous server parses a request before any code of ours sees
it, and answers one that cannot be parsed with INTERNAL and no details."""

import threading
import unittest

import grpc
from google.protobuf import duration_pb2

from experiment import until
from lockstep_harness import NON_BLOCKING, Error, Lockstep, money, stubs

Code = grpc.StatusCode
UNPARSED = (Code.INTERNAL, "")  # what gRPC's synchronous server says of such a request
INVALID = (Code.INVALID_ARGUMENT, "INVALID_REQUEST")
NOT_UTF8 = "§§"  # stands for bytes that are no UTF-8, which Python's protobuf would not write
UUID = "01a1f7fc-270c-7000-9665-830b43718b70"


def changed(message, *changes):
    """A copy of the message with (path, value) set; a value of None clears the field, a list replaces it."""
    copy = type(message)()
    copy.CopyFrom(message)
    for path, value in changes:
        *parents, last = path.split(".")
        at = copy
        for name in parents:
            name, _, index = name.partition("[")
            at = getattr(at, name)
            if index:
                at = at[int(index.rstrip("]"))]
        field = at.DESCRIPTOR.fields_by_name[last]
        if value is None:
            at.ClearField(last)
        elif field.label == field.LABEL_REPEATED:
            at.ClearField(last)
            getattr(at, last).extend(value)
        elif field.message_type is not None:
            getattr(at, last).CopyFrom(value)
        else:
            setattr(at, last, value)
    return copy


def duration(seconds=0, nanos=0):
    return duration_pb2.Duration(seconds=seconds, nanos=nanos)


def lines(count, quantity=1):
    return [stubs.restaurant.OrderLine(menu_item_id="soup", quantity=quantity) for _ in range(count)]


def item(**fields):
    given = {"menu_item_id": "tea", "display_name": "Tea", "price": money(2), **fields}
    return stubs.restaurant.MenuItem(**{name: value for name, value in given.items() if value is not None})


ORDER = Lockstep.new_order()


def order(*changes):
    return changed(ORDER, *changes)


def order_cases():
    """(name, method, request, (code, reason), field)"""
    create, listing = "CreateOrder", stubs.order.ListOrdersRequest
    text = ("street", 200), ("city", 100), ("postal_code", 16)
    for field in ("consumer_id", "restaurant_id"):
        yield f"{field} missing", create, order((field, None)), INVALID, field
        yield f"{field} too long", create, order((field, "a" * 65)), INVALID, field
        yield f"{field} of other letters", create, order((field, "Ann Example")), INVALID, field
        yield f"{field} not UTF-8", create, order((field, NOT_UTF8)), INVALID, field
    yield "request_id too long", create, order(("request_id", "r" * 65)), INVALID, "request_id"
    yield "request_id of other letters", create, order(("request_id", "a b")), INVALID, "request_id"
    yield "request_id not UTF-8", create, order(("request_id", NOT_UTF8)), INVALID, "request_id"
    yield "lines missing", create, order(("lines", None)), INVALID, "lines"
    yield "lines too many", create, order(("lines", lines(101))), INVALID, "lines"
    yield "lines very many", create, order(("lines", lines(20_000))), INVALID, "lines"
    for what, quantity in (("zero", 0), ("negative", -1), ("too large", 1001), ("huge", 2**31 - 1),
                           ("least", -2**31)):
        yield f"quantity {what}", create, order(("lines[1].quantity", quantity)), INVALID, "lines[1].quantity"
    for what, value in (("missing", ""), ("too long", "m" * 65), ("of other letters", "Soup!"),
                        ("not UTF-8", NOT_UTF8)):
        path = "lines[0].menu_item_id"
        yield f"menu_item_id {what}", create, order((path, value)), INVALID, path
    yield "address missing", create, order(("delivery_address", None)), INVALID, "delivery_address.street"
    for field, most in text:
        path = f"delivery_address.{field}"
        yield f"{field} missing", create, order((path, "")), INVALID, path
        yield f"{field} too long", create, order((path, "x" * (most + 1))), INVALID, path
        yield f"{field} with a control character", create, order((path, "a\nb")), INVALID, path
        yield f"{field} not UTF-8", create, order((path, NOT_UTF8)), INVALID, path
    yield "style unknown", create, order(("options.style", 17)), INVALID, "options.style"
    yield "style negative", create, order(("options.style", -1)), INVALID, "options.style"
    yield "policy unknown", create, order(("options.deadline_policy", 17)), INVALID, "options.deadline_policy"
    for field in ("consumer_timeout", "restaurant_timeout"):
        for what, value in (("zero", duration()), ("negative", duration(-1)), ("too long", duration(3600, 1)),
                            ("huge", duration(2**63 - 1)), ("malformed", duration(1, -1)),
                            ("with too many nanos", duration(0, 10**9))):
            path = f"options.{field}"
            yield f"{field} {what}", create, order((path, value)), INVALID, path
    yield "reserve negative", create, order(("options.reserve", duration(0, -1))), INVALID, "options.reserve"
    yield "reserve too long", create, order(("options.reserve", duration(3601))), INVALID, "options.reserve"
    for method, request in (("GetOrder", stubs.order.GetOrderRequest),
                            ("CancelOrder", stubs.order.CancelOrderRequest)):
        yield f"{method}: id missing", method, request(), INVALID, "order_id"
        yield f"{method}: id of another kind", method, request(order_id="1"), INVALID, "order_id"
        yield f"{method}: id in upper case", method, request(order_id=UUID.upper()), INVALID, "order_id"
        yield f"{method}: id not UTF-8", method, request(order_id=NOT_UTF8), INVALID, "order_id"
        yield f"{method}: unknown", method, request(order_id=UUID), (Code.NOT_FOUND, "ORDER_UNKNOWN"), None
    yield "page_size negative", "ListOrders", listing(page_size=-1), INVALID, "page_size"
    yield "page_size too large", "ListOrders", listing(page_size=1001), INVALID, "page_size"
    yield "page_token made up", "ListOrders", listing(page_token="abc"), INVALID, "page_token"
    yield "page_token of other digits", "ListOrders", listing(page_token="0" * 88), INVALID, "page_token"
    yield "page_token huge", "ListOrders", listing(page_token="0" * 100_000), INVALID, "page_token"
    yield "filter consumer_id", "ListOrders", listing(consumer_id="No One"), INVALID, "consumer_id"
    yield "filter restaurant_id", "ListOrders", listing(restaurant_id="é"), INVALID, "restaurant_id"
    yield "filter state unknown", "ListOrders", listing(state=99), INVALID, "state"
    refused = Code.FAILED_PRECONDITION
    yield "consumer unknown", create, order(("consumer_id", "nobody")), (refused, "CONSUMER_UNKNOWN"), None
    yield "restaurant unknown", create, order(("restaurant_id", "nowhere")), (refused, "RESTAURANT_UNKNOWN"), None
    caviar = order(("lines[0].menu_item_id", "caviar"))
    yield "menu item unknown", create, caviar, (refused, "MENU_ITEM_UNKNOWN"), None
    yield "below the minimum", create, order(("lines", [stubs.restaurant.OrderLine(
        menu_item_id="bread", quantity=1)])), (refused, "MINIMUM_ORDER_NOT_MET"), None
    yield "above the limit", create, order(("lines", lines(1, 1000))), (refused, "ORDER_LIMIT_EXCEEDED"), None
    yield "all wrong at once", create, stubs.order.CreateOrderRequest(), INVALID, "consumer_id"


def consumer_cases():
    base = stubs.consumer.CreateConsumerRequest()
    base.consumer.consumer_id, base.consumer.display_name = "new", "New"
    base.consumer.order_limit.CopyFrom(money(10))
    create, name, limit = "CreateConsumer", "consumer.display_name", "consumer.order_limit"
    yield "nothing said", create, stubs.consumer.CreateConsumerRequest(), INVALID, name
    yield "id too long", create, changed(base, ("consumer.consumer_id", "c" * 65)), INVALID, "consumer.consumer_id"
    yield "id of other letters", create, changed(base, ("consumer.consumer_id", "Ä")), INVALID, "consumer.consumer_id"
    yield "name missing", create, changed(base, (name, "")), INVALID, name
    yield "name too long", create, changed(base, (name, "n" * 201)), INVALID, name
    yield "name not UTF-8", create, changed(base, (name, NOT_UTF8)), INVALID, name
    yield "state unknown", create, changed(base, ("consumer.state", 9)), INVALID, "consumer.state"
    yield "limit missing", create, changed(base, (limit, None)), INVALID, limit
    for what, value in (("zero", money(0)), ("negative", money(-1)), ("too large", money(9_000_000_001)),
                        ("huge", money(2**63 - 1)), ("of mixed signs", money(1, -1)),
                        ("with too many nanos", money(1, 10**9)), ("without currency", money(1, currency="")),
                        ("in an odd currency", money(1, currency="pounds"))):
        yield f"limit {what}", create, changed(base, (limit, value)), INVALID, limit
    taken = changed(base, ("consumer.consumer_id", "ann"))
    yield "id taken", create, taken, (Code.ALREADY_EXISTS, "CONSUMER_ID_TAKEN"), None
    get = stubs.consumer.GetConsumerRequest
    yield "get: id missing", "GetConsumer", get(), INVALID, "consumer_id"
    yield "get: unknown", "GetConsumer", get(consumer_id="nobody"), (Code.NOT_FOUND, "CONSUMER_UNKNOWN"), None
    update = stubs.consumer.UpdateConsumerRequest()
    update.consumer.consumer_id, update.consumer.display_name = "ann", "Ann"
    change = "UpdateConsumer"
    yield "mask empty", change, update, INVALID, "update_mask"
    yield "mask names nothing", change, changed(update, ("update_mask.paths", ["height"])), INVALID, "update_mask"
    yield "mask names the version", change, changed(update, ("update_mask.paths", ["version"])), INVALID, "update_mask"
    named = changed(update, ("update_mask.paths", ["display_name"]))
    yield "new name empty", change, changed(named, (name, "")), INVALID, name
    yield "version negative", change, changed(named, ("expected_version", -1)), INVALID, "expected_version"
    yield "another version", change, changed(named, ("expected_version", 99)), (
        Code.ABORTED, "VERSION_MISMATCH"), None
    yield "update: unknown", change, changed(named, ("consumer.consumer_id", "nobody")), (
        Code.NOT_FOUND, "CONSUMER_UNKNOWN"), None
    listing = stubs.consumer.ListConsumersRequest
    yield "page_size negative", "ListConsumers", listing(page_size=-5), INVALID, "page_size"
    yield "page_token made up", "ListConsumers", listing(page_token="x"), INVALID, "page_token"
    ask = stubs.consumer.ValidateConsumerRequest
    yield "question without an order", "ValidateConsumer", ask(consumer_id="ann"), INVALID, "order_id"
    yield "question without a consumer", "ValidateConsumer", ask(order_id="o"), INVALID, "consumer_id"
    yield "question with a negative total", "ValidateConsumer", ask(
        order_id="o", consumer_id="ann", order_total=money(-1)), INVALID, "order_total"


def restaurant_cases():
    base = stubs.restaurant.CreateRestaurantRequest()
    base.restaurant.restaurant_id, base.restaurant.display_name = "new", "New"
    base.restaurant.minimum_order.CopyFrom(money(0))
    create, minimum, items = "CreateRestaurant", "restaurant.minimum_order", "restaurant.menu_items"
    area = "restaurant.delivery_area.postal_code_prefixes"
    yield "nothing said", create, stubs.restaurant.CreateRestaurantRequest(), INVALID, "restaurant.display_name"
    yield "name with a control character", create, changed(base, ("restaurant.display_name", "a\tb")), INVALID, (
        "restaurant.display_name")
    yield "opening state unknown", create, changed(base, ("restaurant.opening_state", 9)), INVALID, (
        "restaurant.opening_state")
    yield "minimum missing", create, changed(base, (minimum, None)), INVALID, minimum
    yield "minimum negative", create, changed(base, (minimum, money(-1))), INVALID, minimum
    yield "area too large", create, changed(base, (area, ["N"] * 101)), INVALID, area
    yield "area with an empty prefix", create, changed(base, (area, ["N", ""])), INVALID, f"{area}[1]"
    yield "area of spaces", create, changed(base, (area, ["  "])), INVALID, f"{area}[0]"
    yield "area not UTF-8", create, changed(base, (area, ["N", NOT_UTF8])), INVALID, f"{area}[1]"
    for what, wrong, field in (("without id", item(menu_item_id=""), "menu_item_id"),
                               ("without name", item(display_name=""), "display_name"),
                               ("with a negative price", item(price=money(-1)), "price"),
                               ("without price", item(price=None), "price"),
                               ("in another currency", item(price=money(1, currency="EUR")), "price"),
                               ("of unknown availability", item(availability=7), "availability"),
                               ("of too long a category", item(category="c" * 101), "category"),
                               ("with a category that is not UTF-8", item(category=NOT_UTF8), "category")):
        yield f"item {what}", create, changed(base, (items, [item(menu_item_id="ok"), wrong])), INVALID, (
            f"{items}[1].{field}")
    yield "item twice", create, changed(base, (items, [item(), item()])), INVALID, f"{items}[1].menu_item_id"
    yield "items too many", create, changed(
        base, (items, [item(menu_item_id=f"i{number}") for number in range(1001)])), INVALID, items
    yield "id taken", create, changed(base, ("restaurant.restaurant_id", "corner")), (
        Code.ALREADY_EXISTS, "RESTAURANT_ID_TAKEN"), None
    get = stubs.restaurant.GetRestaurantRequest
    yield "get: unknown", "GetRestaurant", get(restaurant_id="nowhere"), (Code.NOT_FOUND, "RESTAURANT_UNKNOWN"), None
    revise, menu = stubs.restaurant.ReviseMenuRequest, "ReviseMenu"
    yield "revision of nothing", menu, revise(restaurant_id="corner"), INVALID, "put_items"
    yield "item off that is not on", menu, revise(restaurant_id="corner", remove_menu_item_ids=["caviar"]), INVALID, (
        "remove_menu_item_ids[0]")
    yield "item off twice", menu, revise(restaurant_id="corner", remove_menu_item_ids=["soup", "soup"]), INVALID, (
        "remove_menu_item_ids[1]")
    yield "item on and off", menu, revise(restaurant_id="corner", put_items=[item()], remove_menu_item_ids=["tea"]), (
        INVALID), "remove_menu_item_ids[0]"
    yield "revision: unknown", menu, revise(restaurant_id="nowhere", put_items=[item()]), (
        Code.NOT_FOUND, "RESTAURANT_UNKNOWN"), None
    update = stubs.restaurant.UpdateRestaurantRequest()
    update.restaurant.restaurant_id = "corner"
    yield "mask names the menu", "UpdateRestaurant", changed(update, ("update_mask.paths", ["menu_items"])), INVALID, (
        "update_mask")
    yield "another currency than the menu", "UpdateRestaurant", changed(
        update, ("update_mask.paths", ["minimum_order"]), (minimum, money(1, currency="EUR"))), INVALID, minimum
    yield "page_size too large", "ListRestaurants", stubs.restaurant.ListRestaurantsRequest(page_size=1001), INVALID, (
        "page_size")
    ask = stubs.restaurant.ValidateOrderDetailsRequest(
        order_id="o", restaurant_id="corner", lines=ORDER.lines, delivery_address=ORDER.delivery_address)
    yield "question without lines", "ValidateOrderDetails", changed(ask, ("lines", None)), INVALID, "lines"
    yield "question with no quantity", "ValidateOrderDetails", changed(ask, ("lines[0].quantity", 0)), INVALID, (
        "lines[0].quantity")
    yield "question without an address", "ValidateOrderDetails", changed(ask, ("delivery_address", None)), INVALID, (
        "delivery_address.city")


def control_cases():
    update, settings = stubs.control.UpdateSettingsRequest, "UpdateSettings"
    yield "mask empty", settings, update(), INVALID, "update_mask"
    yield "mask names nothing", settings, changed(update(), ("update_mask.paths", ["speed"])), INVALID, "update_mask"
    for field, value in (("call_limit", duration(0)), ("call_limit", duration(3601)), ("calls_in_flight_max", 0),
                         ("calls_in_flight_max", 100_001), ("order.pool_threads", 0), ("order.pool_threads", 1025),
                         ("order.pool_queue", -1), ("order.pool_queue", 100_001), ("order.default_style", 0),
                         ("order.default_style", 17), ("order.deadline_policy", 0), ("order.reserve", duration(-1)),
                         ("order.consumer_timeout", duration(0)), ("order.restaurant_timeout", duration(1, -1))):
        said = str(value).replace("\n", " ").strip() or "0"
        yield f"{field} {said}", settings, changed(
            update(), (f"settings.{field}", value), ("update_mask.paths", [field])), INVALID, f"settings.{field}"
    faults, place = stubs.control.SetFaultsRequest, "lockstep.order.v1.OrderService/CreateOrder"

    def fault(method=place, delay=duration(1)):
        return stubs.control.Fault(method=method, fixed_delay=delay)

    yield "fault of no method", "SetFaults", faults(faults=[fault("")]), INVALID, "faults[0].method"
    elsewhere = "lockstep.consumer.v1.ConsumerService/GetConsumer"
    yield "fault of another's method", "SetFaults", faults(faults=[fault(elsewhere)]), INVALID, "faults[0].method"
    yield "fault twice", "SetFaults", faults(faults=[fault(), fault()]), INVALID, "faults[1].method"
    for what, delay in (("zero", duration(0)), ("too long", duration(3601)), ("malformed", duration(1, -1))):
        yield f"delay {what}", "SetFaults", faults(faults=[fault(delay=delay)]), INVALID, "faults[0].fixed_delay"
    yield "faults too many", "SetFaults", faults(faults=[fault()] * 101), INVALID, "faults"
    yield "page_size negative", "ListCalls", stubs.control.ListCallsRequest(page_size=-1), INVALID, "page_size"


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lockstep = cls.enterClassContext(Lockstep()).seed()

    def call(self, server, port, service, method, request, timeout=20):
        """Sends bytes, so that they may be wrong in ways that no stub would let pass."""
        payload = request if isinstance(request, bytes) else request.SerializeToString()
        payload = payload.replace(NOT_UTF8.encode(), b"\xff\xfe\xc0\x80")
        generic = server.channel(port).unary_unary(f"/{service}/{method}")
        try:
            generic(payload, timeout=timeout)
        except grpc.RpcError as failed:
            return Error(failed)
        return None

    def run_cases(self, server, port, service, cases):
        count = 0
        for name, method, request, (code, reason), field in cases:
            count += 1
            with self.subTest(case=name, method=method, port=port):
                error = self.call(server, port, service, method, request)
                self.assertIsNotNone(error, "it was accepted")
                if port == "sync" and NOT_UTF8.encode() in request.SerializeToString():
                    self.assertEqual((error.code, error.reason), UNPARSED, error)
                    continue
                self.assertEqual((error.code, error.reason), (code, reason), error)
                if field:
                    self.assertIn(field, error.fields, error)
                else:
                    self.assertEqual(error.fields, {})
                self.assertTrue(error.message)
        print(f"{count} cases of {service} on the {port} port", flush=True)
        return count

    def test_order(self):
        for port in ("business", "sync"):
            self.run_cases(self.lockstep.order, port, "lockstep.order.v1.OrderService", order_cases())
        self.assertEqual(self.lockstep.order.ledger().calls_now, 0)
        reply = self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(), timeout=20)
        self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED, "a good order is taken after all that")

    def test_consumer(self):
        self.run_cases(self.lockstep.consumer, "business", "lockstep.consumer.v1.ConsumerService", consumer_cases())

    def test_restaurant(self):
        self.run_cases(self.lockstep.restaurant, "business", "lockstep.restaurant.v1.RestaurantService",
                       restaurant_cases())

    def test_control(self):
        self.run_cases(self.lockstep.order, "control", "lockstep.control.v1.ControlService", control_cases())
        update = changed(stubs.control.UpdateSettingsRequest(), ("update_mask.paths", ["order.pool_threads"]))
        error = self.call(self.lockstep.consumer, "control", "lockstep.control.v1.ControlService",
                          "UpdateSettings", update)
        self.assertIn("update_mask", error.fields, "Consumer has no settings of Order's")

    def test_bytes_that_are_no_message(self):
        for port, expected in (("business", (Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE")), ("sync", UNPARSED)):
            with self.subTest(port=port):
                error = self.call(self.lockstep.order, port, "lockstep.order.v1.OrderService", "CreateOrder",
                                  b"\x0a\xff")
                self.assertEqual((error.code, error.reason), expected, error)

    def test_method_that_does_not_exist(self):
        error = self.call(self.lockstep.order, "business", "lockstep.order.v1.OrderService", "EatOrder", b"")
        self.assertEqual(error.code, Code.UNIMPLEMENTED, error)

    def test_message_too_large(self):
        request = stubs.order.GetOrderRequest(order_id="x" * (1 << 20))
        for port in ("business", "sync"):
            error = self.call(self.lockstep.order, port, "lockstep.order.v1.OrderService", "GetOrder", request)
            self.assertEqual(error.code, Code.RESOURCE_EXHAUSTED, error)

    def test_metadata_too_large(self):
        # On a connection of its own: gRPC closes it sometimes, after the answer.
        channel = grpc.insecure_channel(self.lockstep.order.addresses["business"],
                                        (("grpc.use_local_subchannel_pool", 1),))
        self.addCleanup(channel.close)
        stub = stubs.order_grpc.OrderServiceStub(channel)
        for size, expected in ((12 << 10, Code.NOT_FOUND), (32 << 10, Code.RESOURCE_EXHAUSTED)):
            with self.assertRaises(grpc.RpcError) as failed:
                stub.GetOrder(stubs.order.GetOrderRequest(order_id=UUID), timeout=20,
                              metadata=(("x-much", "m" * size),))
            self.assertEqual(failed.exception.code(), expected)

    def test_expired_deadline(self):
        before = self.orders()
        for timeout in (0, 0.0005):
            with self.assertRaises(grpc.RpcError) as failed:
                self.lockstep.order.stub.CreateOrder(self.lockstep.new_order("expired"), timeout=timeout)
            self.assertEqual(failed.exception.code(), Code.DEADLINE_EXCEEDED)
        self.idle()
        self.assertLessEqual(self.orders() - before, {"expired"})

    def test_cancelled_at_once(self):
        self.lockstep.restaurant.slow("ValidateOrderDetails", 5)
        before = self.orders()
        futures = [self.lockstep.order.stub.CreateOrder.future(
            self.lockstep.new_order(f"cancelled-{number}", style=NON_BLOCKING), timeout=30) for number in range(20)]
        for future in futures:
            future.cancel()
        ended = threading.Event()
        futures[-1].add_done_callback(lambda _: ended.set())
        ended.wait(5)
        self.assertEqual({future.code() for future in futures}, {Code.CANCELLED})
        self.idle()
        self.assertEqual(self.orders(), before, "who cancels under PROPAGATE has no order")
        self.lockstep.restaurant.clear_faults()

    def idle(self):
        until(lambda: self.lockstep.order.ledger().calls_now == 0, "no call is under way")

    def orders(self):
        listed = self.lockstep.order.stub.ListOrders(stubs.order.ListOrdersRequest(page_size=1000), timeout=20)
        return {order.request_id for order in listed.orders}


if __name__ == "__main__":
    unittest.main()
