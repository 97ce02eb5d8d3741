"""Any instance: two lockstep-order processes on one file. What one began the other completes, whoever is asked, and killing
one leaves its work to the other within LEASE and a moment.
"""

import sqlite3
import threading
import time
import unittest

from checker import VALIDATED, Checker, Told
from experiment import until
from lockstep_harness import DEFERRED, EVENT_DRIVEN, NON_BLOCKING, Lockstep, stubs

States = stubs.order.Order
LEASE = 2.0  # limits::kRelayLease, seconds
MOMENT = 2.0  # to connect again, and to judge


class AnyInstance(unittest.TestCase):
    def setUp(self):
        self.lockstep = self.enterContext(Lockstep(orders=2)).seed()
        self.one, self.other = self.lockstep.orders

    def get(self, order, order_id):
        return order.stub.GetOrder(stubs.order.GetOrderRequest(order_id=order_id), timeout=5)

    def place(self, order, request_id="", style=DEFERRED):
        return order.stub.CreateOrder(self.lockstep.new_order(request_id, style), timeout=10)

    def check(self, told):
        for server in self.lockstep.servers:
            self.assertEqual(server.stop(), 0)
        owners = {"consumer": self.lockstep.consumer.db, "restaurant": self.lockstep.restaurant.db}
        self.assertEqual(Checker(self.one.db, owners, told).violations(), [])

    def test_killing_one_leaves_its_work_to_the_other(self):
        told = {}
        self.lockstep.restaurant.kill()
        for number in range(40):
            style = (DEFERRED, EVENT_DRIVEN)[number % 2]
            reply = self.place(self.lockstep.orders[number % 4 // 2], f"request-{number}", style)
            told[f"request-{number}"] = Told(reply.order.order_id, -1)
        self.one.kill()
        killed = time.monotonic()
        self.lockstep.restaurant.start()
        ids = [one.order_id for one in told.values()]
        until(lambda: all(self.get(self.other, order_id).state == States.STATE_VALIDATED for order_id in ids),
              "the other completes them all", 30)
        took = time.monotonic() - killed
        print(f"40 orders of both instances, one killed: final after {took:.2f} s", flush=True)
        self.assertLess(took, LEASE + MOMENT)
        self.one.start()
        for one in told.values():
            self.assertEqual(self.get(self.one, one.order_id).state, States.STATE_VALIDATED)
            one.final = VALIDATED
        self.check(told)

    def test_a_watcher_at_the_other_sees_each_change(self):
        self.lockstep.restaurant.kill()
        order_id = self.place(self.one).order.order_id
        changes = self.other.stub.WatchOrder(stubs.order.WatchOrderRequest(order_id=order_id), timeout=30)
        self.assertEqual(next(changes).change.state, States.STATE_PENDING)
        self.lockstep.restaurant.start()
        self.assertEqual(next(changes).change.state, States.STATE_VALIDATED)
        self.assertEqual(list(changes), [])

    def test_one_request_at_both_is_one_order(self):
        told = {}
        for number in range(30):
            replies = []
            style = (DEFERRED, NON_BLOCKING)[number % 2]

            def ask(order, request_id=f"both-{number}", style=style, replies=replies):
                replies.append(self.place(order, request_id, style))

            threads = [threading.Thread(target=ask, args=(order,)) for order in self.lockstep.orders]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ids = {reply.order.order_id for reply in replies}
            self.assertEqual((len(replies), len(ids)), (2, 1))
            self.assertEqual(sorted(reply.receipt.duplicate for reply in replies), [False, True])
            told[f"both-{number}"] = Told(ids.pop(), -1)
        until(lambda: self.one.backlog().orders_pending == 0, "all final")
        until(lambda: not any(d.waiting for server in self.lockstep.servers for d in server.backlog().destinations),
              "no message waits")
        self.check(told)

    def test_relays_share_the_work_without_sending_twice(self):
        before = [server.ledger().messages.duplicates for server in (self.lockstep.consumer, self.lockstep.restaurant)]
        for number in range(100):
            self.place(self.lockstep.orders[number % 2])
        until(lambda: self.one.backlog().orders_pending == 0, "all final")
        after = [server.ledger().messages.duplicates for server in (self.lockstep.consumer, self.lockstep.restaurant)]
        self.assertEqual(before, after)
        with sqlite3.connect(self.one.db) as file:
            holders = file.execute("SELECT count(DISTINCT holder) FROM relay_leases").fetchone()[0]
        self.assertGreaterEqual(holders, 1)


if __name__ == "__main__":
    unittest.main()
