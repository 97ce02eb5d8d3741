"""WatchOrder as its users meet it: the tool through kills and restarts, two processes on one file, a thousand streams."""

import json
import signal
import subprocess
import time
import unittest

import grpc

from lockstep_harness import BIN, Lockstep, NON_BLOCKING, stubs

Order = stubs.order.Order
STREAMS = 1000
THREADS_MAX = 16


class Watching(unittest.TestCase):
    def lockstep_with(self, **options):
        lockstep = self.enterContext(Lockstep(**options)).seed()
        self.lockstep, self.order = lockstep, lockstep.order
        return lockstep

    def place(self):
        reply = self.order.stub.CreateOrder(self.lockstep.new_order(style=NON_BLOCKING), timeout=20)
        return reply.order.order_id

    def cancel(self, order_id, order=None):
        (order or self.order).stub.CancelOrder(stubs.order.CancelOrderRequest(order_id=order_id), timeout=20)

    def tool(self, *arguments):
        return [BIN / "lockstep", "--servers", self.lockstep.folder, "order", "watch", *arguments]

    def run_tool(self, *arguments, status=0):
        ended = subprocess.run(self.tool(*arguments), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(ended.returncode, status, ended.stderr)
        return ended.stdout if status == 0 else ended.stdout + ended.stderr

    def start_tool(self, *arguments):
        process = subprocess.Popen(self.tool(*arguments), stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_the_tool(self):
        self.lockstep_with()
        order_id = self.place()
        text = self.run_tool(order_id)
        self.assertRegex(text, r"^1  validated  at \S+Z, 15\.00 GBP\n$")
        said = [json.loads(line) for line in self.run_tool(order_id, "--json").splitlines()]
        self.assertEqual([(change["version"], change["change"]["state"]) for change in said],
                         [("1", "STATE_VALIDATED")])
        self.assertEqual(said[0]["order"]["order_id"], order_id)
        self.assertEqual(self.run_tool(order_id, "--after", "1"), "")
        self.cancel(order_id)
        self.assertEqual([line.split()[:2] for line in self.run_tool(order_id).splitlines()],
                         [["1", "validated"], ["2", "cancelled"]])
        self.assertIn("ORDER_UNKNOWN", self.run_tool("0193e2a1-7c4e-7b21-9f0e-2d4c8a1b3c5d", "--json", status=1))
        self.run_tool(order_id, "--after", "-1", status=2)

    def test_the_tool_goes_on_after_a_kill(self):
        self.lockstep_with()
        order_id = self.place()
        watching = self.start_tool(order_id, "--and-later")
        self.assertEqual(watching.stdout.readline().split()[:2], ["1", "validated"])
        self.order.kill()
        self.order.start()
        self.cancel(order_id)
        self.assertEqual(watching.stdout.readline().split()[:2], ["2", "cancelled"], "and nothing twice")

    def test_two_processes_on_one_file(self):
        lockstep = self.lockstep_with(orders=2)
        order_id = self.place()
        request = stubs.order.WatchOrderRequest(order_id=order_id, and_later_changes=True)
        for watched, other in (lockstep.orders, lockstep.orders[::-1]):
            order_id = self.place()
            request = stubs.order.WatchOrderRequest(order_id=order_id, and_later_changes=True)
            stream = watched.stub.WatchOrder(request, timeout=30)
            self.assertEqual(next(stream).version, 1)
            begun = time.monotonic()
            self.cancel(order_id, other)
            self.assertEqual(next(stream).change.state, Order.STATE_CANCELLED)
            self.assertLess(time.monotonic() - begun, 1)
            stream.cancel()

    def test_an_orderly_end_with_streams_open(self):
        self.lockstep_with()
        order_id = self.place()
        request = stubs.order.WatchOrderRequest(order_id=order_id, and_later_changes=True)
        stream = self.order.stub.WatchOrder(request)
        self.assertEqual(next(stream).version, 1)
        begun = time.monotonic()
        self.order.process.send_signal(signal.SIGTERM)
        with self.assertRaises(grpc.RpcError) as ended:
            next(stream)
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.order.process.wait(15), 0)
        self.assertLess(time.monotonic() - begun, 5, "the grace is 10 s; streams do not use it up")

    def test_a_thousand_streams(self):
        self.lockstep_with()
        order_id = self.place()
        request = stubs.order.WatchOrderRequest(order_id=order_id, and_later_changes=True)
        before = self.order.threads()
        streams = [self.order.stub.WatchOrder(request) for _ in range(STREAMS)]
        for stream in streams:
            self.assertEqual(next(stream).version, 1)
        now = self.order.threads()
        self.assertEqual(self.order.ledger().calls_now, 0, "streams are no calls under way")
        self.assertLessEqual(now - before, THREADS_MAX, f"{before} threads before, {now} with the streams")
        self.cancel(order_id)
        for stream in streams:
            self.assertEqual(next(stream).version, 2)
            stream.cancel()
        self.assertEqual(self.order.ledger().finished_abandoned.count, 0, "a caller that leaves a stream is no waste")
        self.assertEqual(self.order.stop(), 0)


if __name__ == "__main__":
    unittest.main()
