"""Receipts are true: each field against somebody else's word for it.

The witnesses: the caller's clocks, the faults and settings that the test itself has set, and a Restaurant written with
gRPC's Python library, which notes when it was asked and which deadline it saw on the wire. For all four policies, both
styles, and both shells of the blocking one. All clocks are those of one machine.
"""

import os
import time
import unittest

import grpc

from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, Server, seconds, stubs
from witness import RestaurantWitness

Call = stubs.call
CONSUMER = 0.03  # Consumer's delay, a fault, in seconds
HOLD = 0.06  # what the witness takes to answer
TIMEOUT = 0.95  # under 1 s, where gRPC writes a timeout to the millisecond
FIXED = 0.7
RESERVE = 0.2
MILLISECOND = 0.001
WALL = 0.002  # how far the wall clock may be moved while a test runs
SHELLS = (("non-blocking", NON_BLOCKING, Call.SHELL_QUEUE, "business"),
          ("blocking, pool", BLOCKING, Call.SHELL_POOL, "business"),
          ("blocking, thread per call", BLOCKING, Call.SHELL_THREAD_PER_CALL, "sync"))
POLICIES = (("NONE", Call.DEADLINE_POLICY_NONE, {}),
            ("FIXED", Call.DEADLINE_POLICY_FIXED, {"consumer_timeout": FIXED, "restaurant_timeout": FIXED}),
            ("PROPAGATE", Call.DEADLINE_POLICY_PROPAGATE, {}),
            ("RESERVE", Call.DEADLINE_POLICY_RESERVE, {"reserve": RESERVE}))


def wall(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


class Receipts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lockstep = cls.enterClassContext(Lockstep()).seed()
        cls.lockstep.consumer.slow("ValidateConsumer", CONSUMER)
        cls.witness = cls.enterClassContext(RestaurantWitness())
        cls.witness.hold = HOLD
        folder = cls.lockstep.folder / "witnessed"
        os.mkdir(folder)
        cls.order = Server("order", folder, ["--consumer", cls.lockstep.consumer.addresses["business"],
                                             "--restaurant", cls.witness.address])
        cls.addClassCleanup(cls.order.kill)
        cls.order.start()
        for _, style, _, port in SHELLS:  # connections are made, threads are there
            cls.stub(port).CreateOrder(cls.lockstep.new_order(style=style), timeout=30)

    @classmethod
    def stub(cls, port):
        return cls.order.stub if port == "business" else cls.order.sync_stub

    def place(self, shell, timeout=TIMEOUT, **options):
        """An order, and when it was sent and answered, by the wall clock."""
        _, style, _, port = shell
        request = self.lockstep.new_order(style=style, **options)
        for attempt in (1, 2, 3):
            sent = time.time()
            try:
                return self.stub(port).CreateOrder(request, timeout=timeout), sent, time.time()
            except grpc.RpcError as failed:
                if failed.code() != grpc.StatusCode.DEADLINE_EXCEEDED or attempt == 3:
                    raise
        return None

    def assert_between(self, low, value, high, what):
        self.assertTrue(low <= value <= high, f"{what}: {low:.6f} <= {value:.6f} <= {high:.6f}")

    def test_every_field(self):
        for shell in SHELLS:
            for policy_name, policy, options in POLICIES:
                with self.subTest(shell=shell[0], policy=policy_name):
                    reply, sent, answered = self.place(shell, policy=policy, **options)
                    self.check_call(reply.receipt, shell, policy, sent, answered)
                    self.check_questions(reply.receipt, shell[1], policy)
                    self.check_restaurant(reply, policy)

    def check_call(self, receipt, shell, policy, sent, answered):
        """What the caller can witness."""
        self.assertEqual((receipt.node, receipt.method), ("order", "lockstep.order.v1.OrderService/CreateOrder"))
        self.assertEqual((receipt.style, receipt.deadline_policy, receipt.shell), (shell[1], policy, shell[2]))
        self.assertEqual((receipt.budget_source, receipt.duplicate), (Call.BUDGET_SOURCE_CALLER, False))
        self.assertFalse(receipt.HasField("fault_delay"))
        took = answered - sent
        arrived = wall(receipt.arrival_time)
        self.assert_between(sent - WALL, arrived, answered + WALL, "arrival_time")
        self.assert_between(TIMEOUT - (arrived - sent) - WALL - MILLISECOND, seconds(receipt.budget),
                            TIMEOUT + MILLISECOND, "budget")
        work = CONSUMER - MILLISECOND + HOLD if shell[1] == BLOCKING else HOLD
        self.assert_between(work, seconds(receipt.total), took + WALL, "total")
        self.assert_between(0, seconds(receipt.commit.duration), seconds(receipt.total) - work, "commit.duration")
        self.assertEqual(receipt.commit.batch, 1, "nobody else was writing")
        if shell[1] == BLOCKING:
            self.assert_between(work, seconds(receipt.thread_held), seconds(receipt.total), "thread_held")
        else:
            self.assertEqual(seconds(receipt.thread_held), 0)
        if shell[2] == Call.SHELL_POOL:
            self.assert_between(0, seconds(receipt.queue_wait),
                                seconds(receipt.total) - seconds(receipt.thread_held) + MILLISECOND, "queue_wait")
        else:
            self.assertEqual(seconds(receipt.queue_wait), 0)

    def check_questions(self, receipt, style, policy):
        """Both questions, their order, and Consumer's own receipt against the fault that was set."""
        self.assertEqual([call.peer for call in receipt.calls], ["consumer", "restaurant"])
        consumer, restaurant = receipt.calls
        self.assertEqual(consumer.method, "lockstep.consumer.v1.ConsumerService/ValidateConsumer")
        self.assertEqual(restaurant.method, "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails")
        self.assertEqual({(call.attempt, call.code) for call in receipt.calls}, {(1, 0)})
        first_ended = seconds(consumer.start) + seconds(consumer.duration)
        if style == BLOCKING:
            self.assertGreaterEqual(seconds(restaurant.start), first_ended, "one after the other")
        else:
            self.assertLess(seconds(restaurant.start), first_ended, "both at once")
        # gRPC's alarms count whole milliseconds: a delay ends up to half of one early.
        delayed = CONSUMER - MILLISECOND
        self.assert_between(delayed, seconds(consumer.receipt.fault_delay), seconds(consumer.duration), "fault_delay")
        self.assert_between(delayed, seconds(consumer.receipt.total), seconds(consumer.duration), "Consumer's total")
        self.assertEqual((consumer.receipt.node, consumer.receipt.shell), ("consumer", Call.SHELL_QUEUE))
        sent = policy != Call.DEADLINE_POLICY_NONE
        self.assertEqual(consumer.receipt.budget_source,
                         Call.BUDGET_SOURCE_CALLER if sent else Call.BUDGET_SOURCE_SERVER_LIMIT)
        for call in receipt.calls:
            self.assertEqual(call.HasField("deadline_sent"), sent)
            left = seconds(receipt.budget) - seconds(call.start)
            expected = {Call.DEADLINE_POLICY_NONE: 0, Call.DEADLINE_POLICY_FIXED: FIXED,
                        Call.DEADLINE_POLICY_PROPAGATE: left, Call.DEADLINE_POLICY_RESERVE: left - RESERVE}[policy]
            self.assertAlmostEqual(seconds(call.deadline_sent), expected, delta=MILLISECOND)

    def check_restaurant(self, reply, policy):
        """The question to Restaurant, against the witness."""
        call = reply.receipt.calls[1]
        began, ended = self.witness.asked[reply.order.order_id]
        start = wall(reply.receipt.arrival_time) + seconds(call.start)
        end = start + seconds(call.duration)
        self.assert_between(start - WALL, began, end + WALL, "Restaurant was asked after the call's start")
        self.assert_between(start - WALL, ended, end + WALL, "and answered before its end")
        self.assertFalse(call.HasField("receipt"), "the witness gives none")
        seen = self.witness.seen[reply.order.order_id]
        if policy == Call.DEADLINE_POLICY_NONE:
            self.assertIsNone(seen)
            return
        sent = seconds(call.deadline_sent)
        self.assert_between(sent - (began - start) - 2 * MILLISECOND - WALL, seen, sent + MILLISECOND,
                            "the deadline on the wire")

    def test_queue_wait(self):
        """A pool of one thread: the second order waits as long as the first holds it."""
        self.order.set(pool_threads=1)
        self.addCleanup(self.order.set, pool_threads=64)
        futures = [self.order.stub.CreateOrder.future(self.lockstep.new_order(style=BLOCKING), timeout=30)
                   for _ in range(2)]
        first, second = sorted((future.result() for future in futures),
                               key=lambda reply: self.witness.asked[reply.order.order_id])
        free = wall(first.receipt.arrival_time) + seconds(first.receipt.queue_wait) + seconds(first.receipt.thread_held)
        taken = wall(second.receipt.arrival_time) + seconds(second.receipt.queue_wait)
        self.assert_between(free - WALL - MILLISECOND, taken, free + 0.1, "the thread went on to the second")
        self.assertGreaterEqual(self.witness.asked[second.order.order_id][0],
                                self.witness.asked[first.order.order_id][1], "so says the witness")

    def test_a_deadline_downstream(self):
        """The receipt of an error: the question that ended it, and when."""
        timeout = 0.05
        self.witness.hold = 1.0
        self.addCleanup(setattr, self.witness, "hold", HOLD)
        for shell in SHELLS:
            request = self.lockstep.new_order(style=shell[1], policy=Call.DEADLINE_POLICY_FIXED,
                                              restaurant_timeout=timeout)
            with self.assertRaises(grpc.RpcError) as failed:
                self.stub(shell[3]).CreateOrder(request, timeout=20)
            error = Error(failed.exception)
            self.assertEqual(error.code, grpc.StatusCode.DEADLINE_EXCEEDED)
            call = next(call for call in error.receipt.calls if call.peer == "restaurant")
            self.assertEqual(call.code, grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
            self.assertAlmostEqual(seconds(call.deadline_sent), timeout, delta=MILLISECOND)
            self.assertGreaterEqual(seconds(call.duration), timeout - MILLISECOND)
            self.assertFalse(error.receipt.HasField("commit"), "nothing was written")

    def test_without_a_deadline(self):
        """The server's own limit bounds the work, and the receipt says whose it is."""
        for shell in SHELLS:
            with self.subTest(shell=shell[0]):
                reply, _, _ = self.place(shell, timeout=None, policy=Call.DEADLINE_POLICY_NONE)
                self.assertEqual(reply.receipt.budget_source, Call.BUDGET_SOURCE_SERVER_LIMIT)
                self.assertEqual(seconds(reply.receipt.budget), 30)
                self.assertIsNone(self.witness.seen[reply.order.order_id], "it never travels under NONE")

    def test_a_repeat(self):
        for shell in SHELLS:
            request_id = shell[0].replace(", ", "-").replace(" ", "-")
            self.place(shell, timeout=20, request_id=request_id)
            again, _, _ = self.place(shell, timeout=20, request_id=request_id)
            self.assertTrue(again.receipt.duplicate)
            self.assertEqual(len(again.receipt.calls), 0, "nobody was asked again")
            self.assertFalse(again.receipt.HasField("commit"))


if __name__ == "__main__":
    unittest.main()
