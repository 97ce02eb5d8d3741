"""Random SIGKILL of each process while orders come in, in every style: nothing acknowledged is lost, nothing happens twice,
and all orders come to an end.

A client repeats a request with the same request id until it knows what became of it. When the kills are over, all orders
have to be final within FINAL_SECONDS, and the checker judges the files of all three services.

How many kills of each process: $LOCKSTEP_KILLS, 40 unless set. The seed is printed, and is $LOCKSTEP_SEED if set.
"""

import os
import random
import threading
import time
import unittest

import grpc

from checker import CANCELLED, REJECTED, VALIDATED, Checker, Told
from lockstep_harness import (BLOCKING, COMMON_DATA, DEFERRED, EVENT_DRIVEN, NON_BLOCKING, REPLICA, Error, Lockstep,
                              stubs)

KILLS = int(os.environ.get("LOCKSTEP_KILLS", "40"))
SEED = int(os.environ.get("LOCKSTEP_SEED", time.time_ns() % 1_000_000))
CLIENTS = 8
ALIVE = 0.25  # the longest time between two kills, in seconds
FINAL_SECONDS = 30
STYLES = (BLOCKING, NON_BLOCKING, REPLICA, DEFERRED, DEFERRED, EVENT_DRIVEN, EVENT_DRIVEN, COMMON_DATA)
OUTCOMES = {stubs.order.Order.STATE_VALIDATED: VALIDATED, stubs.order.Order.STATE_CANCELLED: CANCELLED}


class Client(threading.Thread):
    """Places one order after the other, each until it knows the outcome."""

    def __init__(self, lockstep, number, stopping):
        super().__init__(daemon=True)
        self.lockstep, self.number, self.stopping = lockstep, number, stopping
        self.chance = random.Random(SEED * 1000 + number)
        self.stub = lockstep.order.stub
        self.told, self.unknown, self.failed = {}, 0, None

    def run(self):
        try:
            count = 0
            while not self.stopping.is_set():
                count += 1
                self.place(f"client-{self.number}-{count}")
        except Exception as failed:  # pylint: disable=broad-except
            self.failed = failed

    def place(self, request_id):
        told = self.told[request_id] = Told()
        request = self.lockstep.new_order(request_id, self.chance.choice(STYLES))
        if self.chance.random() < 0.1:
            request.lines[0].menu_item_id = "caviar"
        while True:
            try:
                reply = self.stub.CreateOrder(request, timeout=5, wait_for_ready=True)
                told.order_id, told.final = reply.order.order_id, OUTCOMES.get(reply.order.state, -1)
                return
            except grpc.RpcError as failed:
                error = Error(failed)
                if error.code == grpc.StatusCode.FAILED_PRECONDITION:
                    told.order_id, told.final = error.metadata["order_id"], REJECTED
                    return
                # One of the three is gone just now: unknown, or not taken. Either way it is asked again.
                if error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                                      grpc.StatusCode.CANCELLED):
                    raise AssertionError(f"{request_id}: {error}") from failed
                self.unknown += 1
                if self.stopping.wait(self.chance.uniform(0, 0.02)):  # a moment, as RetryInfo asks
                    return  # it stays unknown: there may be an order


class Kills(unittest.TestCase):
    def test_each_process(self):
        lockstep = self.enterContext(Lockstep()).seed()
        print(f"seed {SEED}, {KILLS} kills of each process, {CLIENTS} clients", flush=True)
        chance = random.Random(SEED)
        stopping = threading.Event()
        clients = [Client(lockstep, number, stopping) for number in range(CLIENTS)]
        begun = time.monotonic()
        for client in clients:
            client.start()
        victims = [lockstep.order, lockstep.consumer, lockstep.restaurant] * KILLS
        chance.shuffle(victims)
        for victim in victims:
            time.sleep(chance.uniform(0.0, ALIVE))  # not for a condition: at a random moment
            victim.kill()
            victim.start()
        stopping.set()
        for client in clients:
            client.join(60)
            self.assertIsNone(client.failed)
            self.assertFalse(client.is_alive())
        told = {}
        for client in clients:
            told.update(client.told)
        settled = self.wait_until_final(lockstep)
        for server in lockstep.servers:
            self.assertEqual(server.stop(), 0)
        violations = Checker(lockstep.order.db, {"consumer": lockstep.consumer.db, "restaurant": lockstep.restaurant.db},
                             told).violations()
        self.assertEqual(violations, [], f"seed {SEED}")
        print(f"{len(told)} requests in {time.monotonic() - begun:.1f} s, {sum(c.unknown for c in clients)} answers "
              f"unknown on the way; all final {settled:.2f} s after the last kill: 0 violations", flush=True)

    def wait_until_final(self, lockstep):
        begun = time.monotonic()
        while True:
            waiting = [lockstep.order.backlog().orders_pending]
            waiting += [sum(d.waiting for d in server.backlog().destinations) for server in lockstep.servers]
            if not any(waiting):
                return time.monotonic() - begun
            self.assertLess(time.monotonic() - begun, FINAL_SECONDS, f"seed {SEED}: still waiting: {waiting}")
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
