"""The checker of crashes: it finds nothing in sound files, and each breach that is put into a copy of them."""

import shutil
import sqlite3
import unittest
import uuid

from checker import Checker, Told
from clients import OUTCOMES, wait_until_final
from lockstep_harness import DEFERRED, EVENT_DRIVEN, NON_BLOCKING, Lockstep

# The rule that has to find it, the file, and what is done to it.
BREACHES = (
    ("lost", "order", "UPDATE orders SET request_id = '' WHERE request_id = 'r-1'"),
    ("request-id", "order", "UPDATE orders SET request_id = 'r-1' WHERE request_id = 'r-2'"),
    ("request-id", "order", "UPDATE orders SET request_id = 'nobody' WHERE request_id = 'r-1'"),
    ("answer", "order", "UPDATE orders SET state = 2 WHERE request_id = 'r-0'"),  # of the style that waits
    ("outbox", "order", "DELETE FROM outbox WHERE sequence = 1"),
    ("outbox", "order", "INSERT INTO outbox_waiting (destination, sequence) VALUES ('consumer', 1)"),
    ("outbox", "order", "INSERT INTO outbox SELECT sequence + 1000, destination, message_id, key, envelope, write_time "
                        "FROM outbox WHERE sequence = 1"),
    ("sent", "consumer", "DELETE FROM inbox WHERE message_id LIKE '%-%'"),
    ("sent", "order", "DELETE FROM inbox"),
    ("dead", "restaurant", "INSERT INTO dead_letters VALUES (1, 'm', 'self', x'', 0, 8, 'refused', 0)"),
    ("effect", "restaurant", "DELETE FROM outbox WHERE sequence = 1"),
    ("verdict", "order", "UPDATE orders SET restaurant_accepted = NULL WHERE request_id = 'r-1'"),
    ("verdict", "order", "UPDATE orders SET consumer_accepted = 0 WHERE request_id = 'r-0'"),
    ("said", "order", "UPDATE orders SET consumer_node = 'nobody' WHERE request_id = 'r-1'"),
    ("said", "order", "UPDATE orders SET restaurant_judge_time = restaurant_judge_time + 1 WHERE request_id = 'r-2'"),
    ("feed", "order", "DELETE FROM order_feed WHERE number = 2"),
    ("feed", "order", "INSERT INTO order_feed (order_id, kind, time) SELECT order_id, 2, 0 FROM orders LIMIT 1"),
    ("final", "order", "UPDATE orders SET state = 0 WHERE request_id = 'r-1'"),
    ("file", "order", "DELETE FROM orders WHERE request_id = 'r-1'"),  # its lines stay
)


class CheckerFinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lockstep = cls.enterClassContext(Lockstep()).seed()
        cls.told = {}
        for number in range(9):
            style = (NON_BLOCKING, DEFERRED, EVENT_DRIVEN)[number % 3]
            order = lockstep.order.stub.CreateOrder(lockstep.new_order(f"r-{number}", style), timeout=10).order
            cls.told[f"r-{number}"] = Told(order.order_id, OUTCOMES.get(order.state, -1))
        wait_until_final(lockstep, "before the check")
        for server in lockstep.servers:
            server.stop()
        cls.folder = lockstep.folder
        cls.files = {server.name: server.db for server in lockstep.servers}

    def violations(self, breach=None):
        copies = {}
        for name, path in self.files.items():
            copies[name] = self.folder / f"copy-{uuid.uuid4()}.db"
            shutil.copyfile(path, copies[name])
        if breach:
            name, sql = breach
            with sqlite3.connect(copies[name]) as file:
                self.assertGreater(file.execute(sql).rowcount, 0, sql)
        return Checker(copies.pop("order"), copies, self.told).violations()

    def test_nothing_in_sound_files(self):
        self.assertEqual(self.violations(), [])

    def test_each_breach(self):
        for rule, name, sql in BREACHES:
            with self.subTest(rule=rule, sql=sql):
                found = self.violations((name, sql))
                self.assertTrue(any(one.startswith(f"{rule}: ") for one in found), found)


if __name__ == "__main__":
    unittest.main()
