"""The styles that judge by copies: with the owners there, gone, and never heard; what is too old is no answer."""

import os
import pathlib
import shutil
import socket
import tempfile
import time
import unittest

import grpc

from experiment import until
from lockstep_harness import Error, Lockstep, money, seconds, stubs

REPLICA = stubs.call.STYLE_REPLICA
COMMON_DATA = stubs.call.STYLE_COMMON_DATA
VALIDATED = stubs.order.Order.STATE_VALIDATED
Code = grpc.StatusCode


class Copies:
    """What both styles are to do."""

    style = None

    def setUp(self):
        self.lockstep = self.enterContext(Lockstep()).seed()
        until(self.taken, "the copies have what was seeded")

    def create(self, **fields):
        request = self.lockstep.new_order(style=self.style)
        for name, value in fields.items():
            setattr(request, name, value)
        return self.lockstep.order.stub.CreateOrder(request, timeout=10)

    def taken(self):
        """The reply, or None where the copies cannot say yet."""
        try:
            return self.create()
        except grpc.RpcError as failed:
            error = Error(failed)
            self.assertIn(error.reason, ("COPY_NOT_READY", "CONSUMER_UNKNOWN", "RESTAURANT_UNKNOWN"))
            return None

    def refused(self, **fields):
        with self.assertRaises(grpc.RpcError) as failed:
            self.create(**fields)
        return Error(failed.exception)

    def check(self, reply, total=15):
        order, receipt = reply.order, reply.receipt
        self.assertEqual(order.state, VALIDATED)
        self.assertEqual((order.total.units, order.total.nanos), (total, 0))
        self.assertEqual(order.style, self.style)
        self.assertEqual(order.consumer_verdict.node, "order")
        self.assertEqual(order.restaurant_verdict.node, "order")
        self.assertFalse(receipt.calls, "nobody was asked")
        self.assertEqual([copy.peer for copy in receipt.copies], ["consumer", "restaurant"])
        self.assertEqual([copy.version for copy in receipt.copies],
                         [order.consumer_verdict.consumer_version, order.restaurant_verdict.restaurant_version])

    def ages(self):
        return [seconds(copy.age) for copy in self.create().receipt.copies]

    def take_the_owners_away(self):
        """Both are dead, and their files are somewhere that Order does not know."""
        for owner in (self.lockstep.consumer, self.lockstep.restaurant):
            owner.kill()
            for path in list(self.lockstep.folder.glob(f"{owner.name}.db*")):
                hidden = pathlib.Path(self.enterContext(Hidden()))
                shutil.move(path, hidden / path.name)

    def test_an_order_is_judged_and_priced(self):
        self.check(self.create())

    def test_a_refusal_is_the_owners(self):
        unknown = self.refused(consumer_id="nobody")
        self.assertEqual((unknown.code, unknown.reason), (Code.FAILED_PRECONDITION, "CONSUMER_UNKNOWN"))
        unknown = self.refused(restaurant_id="nowhere")
        self.assertEqual((unknown.code, unknown.reason), (Code.FAILED_PRECONDITION, "RESTAURANT_UNKNOWN"))
        self.assertEqual([copy.version for copy in unknown.receipt.copies], [1, 0])

    def test_a_change_comes_by_itself(self):
        request = stubs.restaurant.ReviseMenuRequest(restaurant_id="corner")
        request.put_items.add(menu_item_id="soup", display_name="Soup", price=money(10))
        self.lockstep.restaurant.stub.ReviseMenu(request, timeout=10)
        reply = until(lambda: (lambda reply: reply if reply.order.total.units == 22 else None)(self.create()),
                      "the new price is known")
        self.check(reply, total=22)
        self.assertEqual(reply.receipt.copies[1].version, 2)

    def test_nothing_changes_and_the_copy_stays_young(self):
        began = time.monotonic()
        oldest = 0.0
        while time.monotonic() - began < 3:
            oldest = max(oldest, *self.ages())
        self.assertLess(oldest, 2.0)  # a heartbeat each 0.25 s; the rest is for a busy machine

    def test_both_owners_gone_and_order_restarted(self):
        self.take_the_owners_away()
        self.check(self.create())
        for restart in (self.lockstep.order.stop, self.lockstep.order.kill):
            restart()
            self.lockstep.order.start()
            reply = until(self.taken, "it judges by what it has")
            self.check(reply)
            self.assertTrue(all(seconds(copy.age) > 0 for copy in reply.receipt.copies))
        open_files = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{self.lockstep.order.process.pid}/fd")
                      if os.path.exists(entry.path)}
        self.assertFalse([name for name in open_files if "consumer.db" in name or "restaurant.db" in name])
        self.assertEqual(self.refused(consumer_id="nobody").reason, "CONSUMER_UNKNOWN")

    def test_too_old_is_no_answer(self):
        self.take_the_owners_away()
        gone = time.monotonic()
        ages = self.ages()
        later = self.ages()
        self.assertTrue(all(before < after for before, after in zip(ages, later)), "it grows older")
        limit = 1.0
        self.lockstep.order.set(copy_age_max=limit)
        error = until(lambda: self.failed("COPY_TOO_OLD"), "the copy is too old")
        self.assertGreaterEqual(time.monotonic() - gone, limit / 2)
        self.assertEqual(error.code, Code.UNAVAILABLE)
        self.assertIn(error.metadata["peer"], ("consumer", "restaurant"))
        self.assertEqual(error.metadata["copy_age_max"], "1s")
        self.assertGreater(float(error.metadata["age"].rstrip("s")), limit)
        self.assertIsNotNone(error.retry_after)
        self.assertTrue(all(seconds(copy.age) > 0 for copy in error.receipt.copies))
        until(lambda: self.health() == "NOT_SERVING", "the style does not serve")
        self.assertEqual(self.lockstep.order.health(), "SERVING", "the whole does")
        self.lockstep.order.set(copy_age_max=3600)
        self.check(self.create())
        until(lambda: self.health() == "SERVING", "the style serves again")

    def health(self):
        name = stubs.call.Style.Name(self.style).removeprefix("STYLE_")
        return self.lockstep.order.health(f"lockstep.order.v1.OrderService/{name}")

    def failed(self, reason):
        try:
            self.create()
        except grpc.RpcError as failed:
            error = Error(failed)
            return error if error.reason == reason else None
        return None

    def test_the_owners_come_back(self):
        for owner in (self.lockstep.consumer, self.lockstep.restaurant):
            owner.kill()
        self.check(self.create())
        for owner in (self.lockstep.consumer, self.lockstep.restaurant):
            owner.start()
        request = stubs.consumer.UpdateConsumerRequest()
        request.consumer.consumer_id = "ann"
        request.consumer.state = stubs.consumer.Consumer.STATE_SUSPENDED
        request.update_mask.paths.append("state")
        self.lockstep.consumer.stub.UpdateConsumer(request, timeout=10, wait_for_ready=True)
        until(lambda: self.failed("CONSUMER_SUSPENDED"), "the change after the return is known")


class Hidden:
    """A folder of its own that goes at the end."""

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="lockstep-hidden-")
        return self._folder

    def __exit__(self, *_):
        shutil.rmtree(self._folder, ignore_errors=True)


class Replica(Copies, unittest.TestCase):
    style = REPLICA

    def test_another_database_of_an_owner_is_copied_anew(self):
        self.lockstep.restaurant.kill()
        for path in list(self.lockstep.folder.glob("restaurant.db*")):
            path.unlink()
        self.lockstep.restaurant.start()
        until(lambda: self.failed("RESTAURANT_UNKNOWN"), "what is no more is no more")

    def test_never_heard_is_not_ready(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            nobody = "127.0.0.1:%d" % silent.getsockname()[1]
            self.lockstep.order.kill()
            for path in list(self.lockstep.folder.glob("order.db*")):
                path.unlink()
            for owner in ("--consumer", "--restaurant"):
                self.lockstep.order.set_flag(owner, nobody)
            self.lockstep.order.start()
            error = self.refused()
            self.assertEqual((error.code, error.reason), (Code.UNAVAILABLE, "COPY_NOT_READY"))
            self.assertIsNotNone(error.retry_after)


class CommonData(Copies, unittest.TestCase):
    style = COMMON_DATA

    def test_without_the_file_it_is_not_ready(self):
        self.lockstep.order.kill()
        self.lockstep.order.set_flag("--common-data", self.lockstep.folder / "nothing.db")
        self.lockstep.order.start()
        error = self.refused()
        self.assertEqual((error.code, error.reason), (Code.UNAVAILABLE, "COPY_NOT_READY"))
        self.assertFalse((self.lockstep.folder / "nothing.db").exists(), "whoever reads makes no file")

    def test_order_writes_nothing_there(self):
        self.take_the_owners_away()
        before = self.lockstep.common_data.read_bytes()
        self.check(self.create())
        self.assertEqual(self.lockstep.common_data.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
