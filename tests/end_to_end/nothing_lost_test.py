"""Nothing lost: the order service is killed again and again while orders, refusals and cancellations are under way.

A client that does not know what became of its request repeats it with the same request id until it knows. At
the end, each request id has one order, each acknowledged order is there once and as it was acknowledged, and
the counts reconcile: as ListOrders tells it, and as the file does, read with nothing of ours.

How many kills: $LOCKSTEP_KILLS, 200 unless set. The seed is printed, and is $LOCKSTEP_SEED if set. A kill cannot test
what a power cut does (the kernel keeps what was written); that is another test's business.
"""

import collections
import os
import random
import sqlite3
import threading
import time
import unittest
import uuid

import grpc

from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, stubs

KILLS = int(os.environ.get("LOCKSTEP_KILLS", "200"))
SEED = int(os.environ.get("LOCKSTEP_SEED", time.time_ns() % 1_000_000))
CLIENTS = 16
ALIVE = 0.25  # the longest life between start and kill, in seconds
UNKNOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
State = stubs.order.Order


class Client(threading.Thread):
    """Places one order after the other, each until it knows the outcome; remembers what was acknowledged."""

    def __init__(self, lockstep, number, stopping):
        super().__init__(daemon=True)
        self.lockstep, self.number, self.stopping = lockstep, number, stopping
        self.chance = random.Random(SEED * 1000 + number)
        self.stub = lockstep.order.stub
        self.orders = {}  # request id → (order id, state), as acknowledged
        self.repeats = self.already_there = 0
        self.failed = None

    def run(self):
        try:
            count = 0
            while not self.stopping.is_set():
                count += 1
                self.place(f"client-{self.number}-{count}")
        except Exception as failed:  # pylint: disable=broad-except
            self.failed = failed

    def known(self, call, request):
        """The reply, or the error that is an outcome; whatever it takes."""
        while True:
            try:
                return call(request, timeout=10, wait_for_ready=True), None
            except grpc.RpcError as failed:
                if failed.code() not in UNKNOWN:
                    return None, Error(failed)
                self.repeats += 1

    def place(self, request_id):
        request = self.lockstep.new_order(request_id, self.chance.choice((BLOCKING, NON_BLOCKING)))
        refused = self.chance.random() < 0.1
        if refused:
            request.lines[0].menu_item_id = "caviar"
        reply, error = self.known(self.stub.CreateOrder, request)
        if error:
            if not refused or error.reason != "MENU_ITEM_UNKNOWN":
                raise AssertionError(f"{request_id}: {error}")
            self.orders[request_id] = (error.metadata["order_id"], State.STATE_REJECTED)
            self.already_there += error.receipt.duplicate
            return
        self.orders[request_id] = (reply.order.order_id, reply.order.state)
        self.already_there += reply.receipt.duplicate
        if self.chance.random() < 0.1:
            cancelled, error = self.known(self.stub.CancelOrder,
                                          stubs.order.CancelOrderRequest(order_id=reply.order.order_id))
            if error:
                raise AssertionError(f"{request_id}: {error}")
            self.orders[request_id] = (cancelled.order_id, cancelled.state)


class NothingLost(unittest.TestCase):
    def setUp(self):
        self.lockstep = self.enterContext(Lockstep()).seed()

    def test_kills(self):
        print(f"seed {SEED}, {KILLS} kills, {CLIENTS} clients", flush=True)
        chance = random.Random(SEED)
        stopping = threading.Event()
        clients = [Client(self.lockstep, number, stopping) for number in range(CLIENTS)]
        begun = time.monotonic()
        for client in clients:
            client.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, ALIVE))  # not for a condition: at a random moment
            self.lockstep.order.kill()
            self.lockstep.order.start()
        stopping.set()
        for client in clients:
            client.join(60)
            self.assertIsNone(client.failed)
            self.assertFalse(client.is_alive(), "each client comes to know the outcome of its last request")
        acknowledged = {}
        for client in clients:
            acknowledged.update(client.orders)
        self.reconcile(acknowledged, self.listed(), "ListOrders")
        self.assertEqual(self.lockstep.order.stop(), 0)
        self.reconcile(acknowledged, self.stored(), "the file")
        print(f"{len(acknowledged)} orders in {time.monotonic() - begun:.1f} s, "
              f"{sum(client.repeats for client in clients)} requests repeated, "
              f"{sum(client.already_there for client in clients)} of them were committed but not acknowledged: "
              "none lost, none twice", flush=True)

    def reconcile(self, acknowledged, found, where):
        """found: (order id, request id, state) of each order there is."""
        ids = collections.Counter(order_id for order_id, _, _ in found)
        requests = collections.Counter(request_id for _, request_id, _ in found)
        self.assertEqual([entry for entry in ids.items() if entry[1] > 1], [], f"{where}: orders that are there twice")
        self.assertEqual([entry for entry in requests.items() if entry[1] > 1], [],
                         f"{where}: request ids with several orders")
        there = {request_id: (order_id, state) for order_id, request_id, state in found}
        lost = [f"{request_id}: acknowledged {order}, there is {there.get(request_id)}"
                for request_id, order in acknowledged.items() if there.get(request_id) != order]
        self.assertEqual(lost, [], f"{where}: acknowledged orders that are not there as they were acknowledged")
        self.assertEqual(len(found), len(acknowledged), f"{where}: orders that nobody knows of")

    def listed(self):
        found, token = [], ""
        while True:
            page = self.lockstep.order.stub.ListOrders(
                stubs.order.ListOrdersRequest(page_size=1000, page_token=token), timeout=30)
            found += [(order.order_id, order.request_id, order.state) for order in page.orders]
            token = page.next_page_token
            if not token:
                return found

    def stored(self):
        """The rows of the file, where states count from 0, as OrderState does, and not from UNSPECIFIED."""
        with sqlite3.connect(self.lockstep.order.db) as file:
            self.assertEqual(file.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(file.execute("PRAGMA foreign_key_check").fetchall(), [])
            rows = file.execute("SELECT orders.order_id, request_ids.request_id, state + 1 FROM request_ids "
                                "LEFT JOIN orders USING (order_id)").fetchall()
            self.assertEqual(file.execute("SELECT count(*) FROM orders").fetchone()[0], len(rows))
            lines = file.execute("SELECT count(*) FROM orders WHERE state + 1 != ? AND (SELECT count(*) "
                                 "FROM order_lines WHERE order_lines.order_id = orders.order_id) != 2",
                                 (State.STATE_REJECTED,)).fetchone()[0]
        self.assertEqual(lines, 0, "orders without all of their lines")
        return [(str(uuid.UUID(bytes=order_id)), request_id, state) for order_id, request_id, state in rows]


if __name__ == "__main__":
    unittest.main()
