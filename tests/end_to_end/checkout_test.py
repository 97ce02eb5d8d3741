"""Checkout: whatever the style, no portion and no penny is missing or spent twice, and no order stays undecided."""

import itertools
import os
import random
import threading
import time
import unittest

import grpc

from audit import ACCOUNT, NANOS, VALIDATED, Audit
from experiment import Experiment, repeated_when_busy, until
from lockstep_harness import (BLOCKING, COMMON_DATA, DEFERRED, EVENT_DRIVEN, NON_BLOCKING, REPLICA, Error, Lockstep, money,
                              stubs)

ORDERS = int(os.environ.get("LOCKSTEP_CHECKOUTS", "600"))  # of each style
KILLS = int(os.environ.get("LOCKSTEP_CHECKOUT_KILLS", "60"))
ORDERS_A_KILL = 30  # about; what is in stock and in the accounts is for half of them
AT_ONCE = 64
HOT_SECONDS = 2.0
RESTAURANTS, ITEMS, CONSUMERS = 4, 20, 200
STYLES = {"blocking": BLOCKING, "non-blocking": NON_BLOCKING, "replica": REPLICA, "deferred": DEFERRED,
          "event-driven": EVENT_DRIVEN, "common data": COMMON_DATA}
REFUSALS = {"OUT_OF_STOCK", "INSUFFICIENT_FUNDS"}


class Shop:
    """Restaurants with a stock of each item, consumers with an account; about half of the orders cannot succeed."""

    def __init__(self, lockstep, orders):
        self.lockstep = lockstep
        # An order takes 2 portions on average and costs 10 to 25.
        self.stocked = max(2, orders * 2 // (RESTAURANTS * ITEMS) * 3 // 4)
        self.deposit = max(20, orders * 17 // CONSUMERS * 3 // 4)
        for nth in range(RESTAURANTS):
            self._add_restaurant(f"r{nth}")
        for nth in range(CONSUMERS):
            self._add_consumer(f"c{nth}")
        self.deposits = {f"c{nth}": self.deposit * NANOS for nth in range(CONSUMERS)}

    def _add_restaurant(self, name):
        request = stubs.restaurant.CreateRestaurantRequest()
        request.restaurant.restaurant_id = request.restaurant.display_name = name
        request.restaurant.minimum_order.CopyFrom(money(1))
        for nth in range(ITEMS):
            request.restaurant.menu_items.add(menu_item_id=f"i{nth}", display_name=f"Item {nth}",
                                              price=money(5 + nth % 4, 250_000_000))
        self.lockstep.restaurant.stub.CreateRestaurant(request, timeout=10)
        self.stock(name, {f"i{nth}": self.stocked for nth in range(ITEMS)})

    def stock(self, restaurant, items):
        request = stubs.restaurant.SetStockRequest(restaurant_id=restaurant)
        for item, stocked in items.items():
            request.items.add(menu_item_id=item, stocked=stocked)
        self.lockstep.restaurant.stub.SetStock(request, timeout=10)

    def _add_consumer(self, name):
        request = stubs.consumer.CreateConsumerRequest()
        request.consumer.consumer_id = request.consumer.display_name = name
        request.consumer.order_limit.CopyFrom(money(1000))
        self.lockstep.consumer.stub.CreateConsumer(request, timeout=10)
        accounts = self.lockstep.consumer.accounts
        accounts.OpenAccount(stubs.account.OpenAccountRequest(consumer_id=name, credit_limit=money(0)), timeout=10)
        accounts.Deposit(stubs.account.DepositRequest(deposit_id=f"{name}-1", consumer_id=name, amount=money(self.deposit)),
                         timeout=10)

    def order(self, chance, style, request_id=""):
        request = self.lockstep.new_order(request_id, style)
        del request.lines[:]
        request.consumer_id = f"c{chance.randrange(CONSUMERS)}"
        request.restaurant_id = f"r{chance.randrange(RESTAURANTS)}"
        for item in chance.sample(range(ITEMS), chance.randint(1, 2)):
            request.lines.add(menu_item_id=f"i{item}", quantity=chance.randint(1, 2))
        if chance.random() < 0.9:
            request.payment_method = ACCOUNT
        return request

    def wait_for_copies(self):
        def known():
            try:
                self.lockstep.order.stub.CreateOrder(self._trial(), timeout=5)
            except grpc.RpcError as failed:
                return Error(failed).reason in ("MINIMUM_ORDER_NOT_MET", "ORDER_LIMIT_EXCEEDED")
            return False

        for style in (REPLICA, COMMON_DATA):
            self._style = style
            until(known, "the copies know every consumer and restaurant")

    def _trial(self):
        """Of the last ones that were added; too much for any consumer, so that it is refused."""
        request = self.lockstep.new_order(style=self._style)
        del request.lines[:]
        request.consumer_id, request.restaurant_id = f"c{CONSUMERS - 1}", f"r{RESTAURANTS - 1}"
        request.lines.add(menu_item_id="i0", quantity=999)
        return request


class Client(threading.Thread):
    """Places orders one after the other, each until it knows what became of it."""

    def __init__(self, shop, style, next_order, seed, timeout=10.0):
        super().__init__(daemon=True)
        self.shop, self.style, self.next_order, self.timeout = shop, style, next_order, timeout
        self.chance = random.Random(seed)
        self.refused, self.unknown, self.failed = {}, 0, None

    def run(self):
        try:
            while (nth := self.next_order()) is not None:
                style = self.style or self.chance.choice(list(STYLES.values()))
                self.place(self.shop.order(self.chance, style, f"order-{style}-{nth}"))
        except Exception as failed:  # pylint: disable=broad-except
            self.failed = failed

    def place(self, request):
        while True:
            try:
                self.shop.lockstep.order.stub.CreateOrder(request, timeout=self.timeout, wait_for_ready=True)
                return
            except grpc.RpcError as failed:
                error = Error(failed)
                if error.code == grpc.StatusCode.FAILED_PRECONDITION:
                    self.refused[error.reason] = self.refused.get(error.reason, 0) + 1
                    return
                if error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                                      grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED):
                    raise AssertionError(f"{request.request_id}: {error}") from failed
                self.unknown += 1
                time.sleep(self.chance.uniform(0, 0.02))


def place_all(test, shop, style, orders, timeout=10.0, meanwhile=None):
    """How many. orders: so many, or None: until meanwhile, which runs beside them, has ended. meanwhile gets a function that
    says whether they are at work."""
    left, lock, stop = itertools.count(), threading.Lock(), threading.Event()

    def next_order():
        with lock:
            nth = next(left)
        return None if stop.is_set() or (orders is not None and nth >= orders) else nth

    clients = [Client(shop, style, next_order, nth, timeout) for nth in range(AT_ONCE)]
    for client in clients:
        client.start()
    if meanwhile:
        meanwhile(lambda: any(client.is_alive() for client in clients))
        stop.set()
    for client in clients:
        client.join(120)
        test.assertIsNone(client.failed)
        test.assertFalse(client.is_alive())
    return next(left) if orders is None else orders


class Checkout(Experiment):
    name = "checkout"

    def start(self, orders, order_flags=()):
        lockstep = self.enterContext(Lockstep(order=order_flags))
        shop = Shop(lockstep, orders)
        shop.wait_for_copies()
        return lockstep, shop

    def check(self, lockstep, shop, name, orders):
        audit = Audit(lockstep, shop.deposits)
        settled = audit.wait_until_quiet()
        self.assertEqual(audit.violations(), [], name)
        kept = audit.orders()
        validated = sum(order.state == VALIDATED for order in kept)
        reasons = {}
        for order in kept:
            for reason in order.rejection_reasons:
                reasons[reason] = reasons.get(reason, 0) + 1
        print(f"{name}: {orders} orders, {validated} VALIDATED, refused {reasons}; settled {settled:.1f} s later; "
              "portions, pennies and points add up", flush=True)
        return validated, reasons

    def test_sums(self):
        for name, style in STYLES.items():
            with self.subTest(name):
                lockstep, shop = self.start(ORDERS)
                place_all(self, shop, style, ORDERS)
                validated, reasons = self.check(lockstep, shop, name, ORDERS)
                self.assertGreater(validated, ORDERS // 5)
                self.assertGreaterEqual(set(reasons), REFUSALS)

    @repeated_when_busy
    def test_hot_item(self, seed):
        """The last 10 portions, for many at once."""
        del seed
        for name, style in STYLES.items():
            lockstep, shop = self.start(10, ["--pool-queue", "1000"])
            shop.stock("r0", {"i0": 10})
            request = lockstep.new_order(style=style, wait_for_final=style in (DEFERRED, EVENT_DRIVEN))
            del request.lines[:]
            request.consumer_id, request.restaurant_id = "c0", "r0"
            request.lines.add(menu_item_id="i0", quantity=1)
            self.watch_machine(lockstep)
            within = self.predict_at_most(f"{name}: 1,000 orders at once for the last 10 portions: decided within",
                                          HOT_SECONDS, " s")
            begun = time.monotonic()
            futures = [lockstep.order.stub.CreateOrder.future(request, timeout=20) for _ in range(1000)]
            outcomes = {}
            for future in futures:
                reason = "VALIDATED" if future.exception() is None else Error(future.exception()).reason
                outcomes[reason] = outcomes.get(reason, 0) + 1
            took = time.monotonic() - begun
            print(f"{name}: a hot item: {outcomes} in {took:.2f} s", flush=True)
            self.assertEqual(outcomes, {"VALIDATED": 10, "OUT_OF_STOCK": 990})
            within.check(took)
            Audit(lockstep, shop.deposits).wait_until_quiet()

    def test_cancelling_gives_back(self):
        lockstep, shop = self.start(5000)
        chance = random.Random(1)
        for name, style in STYLES.items():
            request = shop.order(chance, style)
            request.payment_method = ACCOUNT
            request.options.wait_for_final = style in (DEFERRED, EVENT_DRIVEN)
            order = lockstep.order.stub.CreateOrder(request, timeout=10).order
            self.assertEqual(order.state, VALIDATED, name)
            lockstep.order.stub.CancelOrder(stubs.order.CancelOrderRequest(order_id=order.order_id), timeout=10)
        self.check(lockstep, shop, "cancelled orders", len(STYLES))
        audit = Audit(lockstep, shop.deposits)
        self.assertEqual({item.sold for item in audit.stock()}, {0})

    def test_kills(self):
        """SIGKILL of a process at random moments, in all styles at once."""
        seed = int(os.environ.get("LOCKSTEP_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}, {KILLS} kills", flush=True)
        lockstep, shop = self.start(KILLS * ORDERS_A_KILL)
        chance = random.Random(seed)

        def kill(_):
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.0, 0.2))  # not for a condition: at a random moment
                server = chance.choice(lockstep.servers)
                server.kill()
                server.start()

        orders = place_all(self, shop, None, None, meanwhile=kill)
        self.check(lockstep, shop, f"{KILLS} kills", orders)

    def test_overload(self):
        """More than the pool can serve, with deadlines that most of them miss."""
        lockstep, shop = self.start(ORDERS, ["--pool-threads", "8", "--pool-queue", "32"])
        for server, method in ((lockstep.restaurant, "ReserveItems"), (lockstep.consumer, "ValidateConsumer")):
            server.slow(method, 0.06)
        place_all(self, shop, None, ORDERS // 2, timeout=0.2, meanwhile=lambda at_work: self.unslow(lockstep, at_work))
        self.check(lockstep, shop, "deadlines of 200 ms", ORDERS // 2)

    def unslow(self, lockstep, at_work):
        """Who is slow for long enough is well again, so that each request comes to an end."""
        ends = time.monotonic() + 8
        while at_work() and time.monotonic() < ends:
            time.sleep(0.05)
        for server in (lockstep.restaurant, lockstep.consumer):
            server.clear_faults()


if __name__ == "__main__":
    unittest.main()
