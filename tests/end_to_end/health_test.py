"""Health is truthful, name by name and on every port: the whole, each service, each style."""

import resource
import unittest

import grpc

from experiment import until
from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, Server, stubs

Code = grpc.StatusCode
SERVICE = "lockstep.order.v1.OrderService"


class Health(unittest.TestCase):
    def setUp(self):
        # A full disk is played by a limit on the size of files, whose signal the servers' parents must ignore.
        self.popen = {"restore_signals": False}
        make, Server.__init__ = Server.__init__, self.with_popen(Server.__init__)
        self.addCleanup(setattr, Server, "__init__", make)
        self.lockstep = self.enterContext(Lockstep()).seed()
        self.order = self.lockstep.order

    def with_popen(self, make):
        def made(server, *arguments, **options):
            make(server, *arguments, **options)
            server.popen = self.popen
        return made

    def states(self, port="control"):
        return {name: self.order.health(name, port)
                for name in ("", SERVICE, f"{SERVICE}/BLOCKING", f"{SERVICE}/NON_BLOCKING")}

    def test_names(self):
        for port in ("business", "control", "sync"):
            self.assertEqual(set(self.states(port).values()), {"SERVING"}, port)
            self.assertEqual(self.order.health("lockstep.control.v1.ControlService", port), "SERVING")
            with self.assertRaises(grpc.RpcError) as failed:
                self.order.health("lockstep.order.v1.OrderService/FAX", port)
            self.assertEqual(failed.exception.code(), Code.NOT_FOUND)
        for server, name in ((self.lockstep.consumer, "lockstep.consumer.v1.ConsumerService"),
                             (self.lockstep.restaurant, "lockstep.restaurant.v1.RestaurantService")):
            for port in ("business", "control"):
                self.assertEqual((server.health("", port), server.health(name, port)), ("SERVING", "SERVING"))

    def test_a_full_pool(self):
        """The style that needs the pool does not serve; the whole does, for the other one is well."""
        self.order.set(pool_threads=1, pool_queue=1)
        self.lockstep.restaurant.slow("ValidateOrderDetails", 30)
        waiting = [self.order.stub.CreateOrder.future(self.lockstep.new_order(style=BLOCKING), timeout=30)
                   for _ in range(2)]
        until(lambda: self.order.health(f"{SERVICE}/BLOCKING") == "NOT_SERVING", "the style BLOCKING does not serve")
        expected = {"": "SERVING", SERVICE: "SERVING", f"{SERVICE}/BLOCKING": "NOT_SERVING",
                    f"{SERVICE}/NON_BLOCKING": "SERVING"}
        for port in ("business", "control", "sync"):
            self.assertEqual(self.states(port), expected, port)
        with self.assertRaises(grpc.RpcError) as failed:
            self.order.stub.CreateOrder(self.lockstep.new_order(style=BLOCKING), timeout=20)
        error = Error(failed.exception)
        self.assertEqual((error.code, error.reason), (Code.RESOURCE_EXHAUSTED, "POOL_FULL"))
        self.assertGreater(error.retry_after, 0)
        ledger = self.order.ledger()
        self.assertEqual((ledger.threads_held_now, ledger.queue_length_now, ledger.refused.count), (1, 1, 1))
        self.lockstep.restaurant.clear_faults()
        reply = self.order.stub.CreateOrder(self.lockstep.new_order(style=NON_BLOCKING), timeout=20)
        self.assertEqual(reply.order.state, stubs.order.Order.STATE_VALIDATED)
        for future in waiting:
            future.cancel()
        until(lambda: self.states() == {name: "SERVING" for name in expected}, "all serve again")
        self.order.stub.CreateOrder(self.lockstep.new_order(style=BLOCKING), timeout=20)

    def test_a_full_disk(self):
        """No file can grow, as on a full disk: nothing serves, on any port and in any style; then all is well again."""
        pid = self.order.process.pid
        before = self.order.stub.CreateOrder(self.lockstep.new_order("before"), timeout=20).order.order_id
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        with self.assertRaises(grpc.RpcError) as failed:
            self.order.stub.CreateOrder(self.lockstep.new_order("during"), timeout=20)
        error = Error(failed.exception)
        self.assertIn(error.code, (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.INTERNAL), error)
        self.assertTrue(error.reason.startswith("STORE_"), error)
        self.assertIn(str(self.order.db), error.message)
        until(lambda: set(self.states().values()) == {"NOT_SERVING"}, "nothing serves")
        self.assertEqual(set(self.states("business").values()), {"NOT_SERVING"})
        self.assertEqual(self.order.health("lockstep.control.v1.ControlService"), "SERVING")
        read = self.order.stub.GetOrder(stubs.order.GetOrderRequest(order_id=before), timeout=20)
        self.assertEqual(read.request_id, "before", "what is there can be read")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        until(lambda: set(self.states().values()) == {"SERVING"}, "all serve again, without a restart")
        after = self.order.stub.CreateOrder(self.lockstep.new_order("during"), timeout=20)
        self.assertFalse(after.receipt.duplicate, "what could not be written was no outcome")

    def test_a_database_that_goes(self):
        """The same of a service that owns records."""
        pid = self.lockstep.consumer.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        request = stubs.consumer.UpdateConsumerRequest()
        request.consumer.consumer_id, request.consumer.display_name = "ann", "Anna"
        request.update_mask.paths.append("display_name")
        with self.assertRaises(grpc.RpcError):
            self.lockstep.consumer.stub.UpdateConsumer(request, timeout=20)
        until(lambda: self.lockstep.consumer.health() == "NOT_SERVING", "Consumer does not serve")
        read = self.lockstep.consumer.stub.GetConsumer(stubs.consumer.GetConsumerRequest(consumer_id="ann"), timeout=20)
        self.assertEqual(read.display_name, "Ann Example", "a change that was not written is not seen")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        until(lambda: self.lockstep.consumer.health() == "SERVING", "Consumer serves again")
        self.assertEqual(self.lockstep.consumer.stub.UpdateConsumer(request, timeout=20).version, 2)


if __name__ == "__main__":
    unittest.main()
