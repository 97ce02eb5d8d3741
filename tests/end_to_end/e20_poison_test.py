"""E20: a poison message. The others go on as if it were not there, and it ends in the dead letters after k tries."""

import sqlite3
import statistics
import time
import unittest
import uuid

from experiment import Experiment, repeated_when_busy, until
from lockstep_harness import DEFERRED, Lockstep, stubs

TRIES = 8  # k, limits::kMessageAttempts
ORDERS = 60


class Poison(Experiment):
    name = "E20"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()

    def median_to_validated(self):
        """Seconds from the first state of an order to its last, the median of some orders one after the other."""
        took = []
        for _ in range(ORDERS):
            reply = self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=DEFERRED), timeout=10)
            order = self.lockstep.final(reply.order.order_id)
            self.assertEqual(order.state, stubs.order.Order.STATE_VALIDATED)
            first, last = order.state_changes[0].time, order.state_changes[-1].time
            took.append((last.ToNanoseconds() - first.ToNanoseconds()) / 1e9)
        return statistics.median(took)

    def put_poison(self):
        """A message that Restaurant cannot understand, in Order's outbox as if Order had written it."""
        envelope = stubs.message.Envelope(message_id=str(uuid.uuid4()), type="lockstep.restaurant.v1.ValidateOrderDetails",
                                          type_version=1, key="poison", correlation_id="poison", reply_to="order",
                                          payload=b"\xff\xff\xff")
        envelope.send_time.GetCurrentTime()
        with sqlite3.connect(self.lockstep.order.db, timeout=10) as file:
            row = file.execute(
                "INSERT INTO outbox (destination, message_id, key, envelope, write_time) VALUES (?,?,?,?,?)",
                ("restaurant", envelope.message_id, "poison", envelope.SerializeToString(), time.time_ns()))
            file.execute("INSERT INTO outbox_waiting (destination, sequence) VALUES (?,?)",
                         ("restaurant", row.lastrowid))
        return envelope.message_id

    @repeated_when_busy
    def test_poison(self, seed):  # pylint: disable=unused-argument
        self.watch_machine(self.lockstep)
        self.median_to_validated()  # warm
        baseline = self.median_to_validated()
        slower = self.predict_at_most("median time to VALIDATED beside the poison ÷ without it", 2.0)
        message_id = self.put_poison()
        slower.check(self.median_to_validated() / baseline)
        dead = until(self.lockstep.order.dead_letters, "the poison is in the dead letters", 30)
        self.assertEqual([(m.envelope.message_id, m.attempts, m.destination) for m in dead],
                         [(message_id, TRIES, "restaurant")])
        self.assertTrue(dead[0].error, "it says why")
        self.lockstep.order.control.DropMessage(stubs.control.DropMessageRequest(message_id=message_id), timeout=5)
        self.assertEqual(list(self.lockstep.order.dead_letters()), [])


if __name__ == "__main__":
    unittest.main()
