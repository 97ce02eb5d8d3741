"""EVENT_DRIVEN: Order knows nobody's address. Who wants to know of orders listens, and another listener is no change to
Order."""

import pathlib
import tempfile
import threading
import unittest

import grpc

from experiment import until
from lockstep_harness import DEFERRED, EVENT_DRIVEN, Lockstep, Server, money, stubs

PLACED = "lockstep.order.v1.OrderPlaced"
VALIDATED = "lockstep.order.v1.OrderValidated"
ORDERS = 60


class Printer:
    """A third listener, as small as one is: keeps what Order's feed says, and where it stands."""

    def __init__(self, order):
        self.order = order
        self.feed_id = ""
        self.position = 0
        self.gaps = 0
        self.placed = []
        self.validated = []
        self._stream = None
        self._thread = None

    def start(self):
        request = stubs.message.SubscribeRequest(subscriber="printer", feed_id=self.feed_id, after=self.position)
        self._stream = self.order.feed.Subscribe(request)
        self._thread = threading.Thread(target=self._follow, args=(self._stream,), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        self._stream.cancel()
        self._thread.join()

    def _follow(self, stream):
        try:
            for piece in stream:
                self.feed_id = piece.feed_id
                for change in piece.changes:
                    self.gaps += change.previous != self.position
                    self.position = change.number
                    if change.type == PLACED:
                        self.placed.append(stubs.order.OrderPlaced.FromString(change.payload).order.order_id)
                    elif change.type == VALIDATED:
                        self.validated.append(stubs.order.OrderValidated.FromString(change.payload).order.order_id)
        except grpc.RpcError:
            pass  # stopped, or Order has gone


class EventListeners(unittest.TestCase):
    def test_order_knows_nobody(self):
        """Order runs with no address of anybody, and before anybody; its orders end VALIDATED."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="lockstep-")))
        order = Server("order", folder, ["--consumer", "none", "--restaurant", "none"])
        self.addCleanup(order.kill)
        order.start()
        ids = [order.stub.CreateOrder(Lockstep.new_order(style=EVENT_DRIVEN), timeout=10).order.order_id
               for _ in range(ORDERS)]
        listeners = [Server(name, folder, ["--peer", f"order={order.addresses['business']}"])
                     for name in ("consumer", "restaurant")]
        for listener in listeners:
            self.addCleanup(listener.kill)
        # What is to be judged is there before anybody judges.
        for listener in listeners:
            alone = Server(listener.name, folder, ["--no-order-feed"])
            alone.start()
            self.fill(alone)
            self.assertEqual(alone.stop(), 0)
            alone.close()
        self.assertEqual(self.states(order, ids), {stubs.order.Order.STATE_PENDING})
        for listener in listeners:
            listener.start()
        until(lambda: self.states(order, ids) == {stubs.order.Order.STATE_VALIDATED}, "every order is VALIDATED", 60)
        counts = order.ledger().messages
        self.assertEqual((counts.sent, counts.send_failed), (0, 0), "Order has said nothing to anybody")
        self.assertEqual(counts.taken, 2 * ORDERS)

    def test_a_third_listener(self):
        """It hears each order once, of every style, in order and without a gap, also after it was away."""
        lockstep = self.enterContext(Lockstep()).seed()
        printer = Printer(lockstep.order).start()

        def place(style):
            reply = lockstep.order.stub.CreateOrder(lockstep.new_order(style=style), timeout=10)
            return reply.order.order_id

        ids = [place(style) for _ in range(10) for style in (EVENT_DRIVEN, DEFERRED, 0)]
        until(lambda: len(printer.validated) == len(ids), "it has heard of all")
        printer.stop()
        ids += [place(EVENT_DRIVEN) for _ in range(20)]
        printer.start()
        until(lambda: len(printer.validated) == len(ids), "it has heard of those while it was away")
        self.assertEqual(printer.placed, ids, "each once, in the order in which they were placed")
        self.assertEqual(sorted(printer.validated), sorted(ids))
        self.assertEqual(printer.gaps, 0)
        printer.stop()

    def states(self, order, ids):
        get = order.stub.GetOrder
        return {get(stubs.order.GetOrderRequest(order_id=order_id), timeout=10).state for order_id in ids}

    def fill(self, server):
        """What Lockstep.seed() makes, at the one of them."""
        if server.name == "consumer":
            request = stubs.consumer.CreateConsumerRequest()
            request.consumer.consumer_id = "ann"
            request.consumer.display_name = "Ann Example"
            request.consumer.order_limit.CopyFrom(money(500))
            server.stub.CreateConsumer(request, timeout=10)
            return
        request = stubs.restaurant.CreateRestaurantRequest()
        request.restaurant.restaurant_id = "corner"
        request.restaurant.display_name = "The Corner"
        request.restaurant.minimum_order.CopyFrom(money(5))
        for item in ("soup", "bread"):
            request.restaurant.menu_items.add(menu_item_id=item, display_name=item.capitalize(), price=money(6))
        server.stub.CreateRestaurant(request, timeout=10)


if __name__ == "__main__":
    unittest.main()
