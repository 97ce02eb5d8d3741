"""E7: what is left of a budget at the second hop. left(2) = left(1) − work(1) − ε under PROPAGATE, and
never more than left(1); infinite under NONE; under FIXED Order's own timeout, which may be more than the
caller has; under RESERVE less by the reserve.

left(1) and work(1) are Order's receipt; left(2) is the receipt of Restaurant, and, from outside, what a
Restaurant written with gRPC's Python library saw on the wire. gRPC 1.51 writes a timeout of 1 s and more in
steps of about 1 %, rounded up; Order rounds down first, so that ε may be a step and a bit, but never below
zero.
"""

import os
import random
import statistics

import grpc

import tolerances
from experiment import Experiment, MachineTooBusy, repeated_when_busy
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep, Server, seconds, stubs
from witness import RestaurantWitness

CONSUMER = 0.03  # Consumer's delay: the work of a blocking order before it asks Restaurant, in seconds
RANGES = ((0.4, 1.0), (1.0, 10.0), (10.0, 100.0))  # of the callers' timeouts: gRPC's steps are 1, 10 and 100 ms there
CALLS = 12  # for each range and shell
FIXED = 5.0  # Order's own timeout under FIXED, more than the callers have
RESERVE = 0.1
POLICIES = stubs.call.DeadlinePolicy


class Budgets(Experiment):
    name = "E7"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()
        self.witness = self.enterContext(RestaurantWitness())
        self.lockstep.consumer.slow("ValidateConsumer", CONSUMER)
        folder = self.lockstep.folder / "witnessed"
        os.mkdir(folder)
        self.witnessed = Server("order", folder, ["--consumer", self.lockstep.consumer.addresses["business"],
                                                  "--restaurant", self.witness.address])
        self.addCleanup(self.witnessed.kill)
        self.addCleanup(self.witnessed.close)
        self.witnessed.start()
        for server in (self.lockstep.order, self.witnessed):
            for shell in self.shells():  # connections are made, threads are there
                self.place(server, shell, 30)
        self.watch_machine(self.lockstep)

    def shells(self):
        """Each way through Order: name, style, and the stub of a server."""
        return (("non-blocking", NON_BLOCKING, lambda server: server.stub),
                ("blocking, pool", BLOCKING, lambda server: server.stub),
                ("blocking, thread per call", BLOCKING, lambda server: server.sync_stub))

    def place(self, server, shell, timeout, **options):
        """One order: its budget at Order and at Restaurant, and the work before Restaurant was asked."""
        _, style, stub = shell
        request = self.lockstep.new_order(style=style, **options)
        for attempt in (1, 2, 3):  # a call that met its deadline tells nothing about its budget
            try:
                reply = stub(server).CreateOrder(request, timeout=timeout)
                break
            except grpc.RpcError as failed:
                self.assertEqual(failed.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
                if attempt == 3:
                    raise MachineTooBusy(f"no answer within {timeout:.2f} s, three times") from None
        asked = next(call for call in reply.receipt.calls if call.peer == "restaurant")
        at_restaurant = asked.receipt.budget if asked.HasField("receipt") else None
        if at_restaurant is None:
            left = self.witness.seen[reply.order.order_id]
        elif asked.receipt.budget_source == stubs.call.BUDGET_SOURCE_CALLER:
            left = seconds(at_restaurant)
        else:
            left = None
        return seconds(reply.receipt.budget), seconds(asked.start), left, asked

    @repeated_when_busy
    def test_propagate(self, seed):
        chance = random.Random(seed)
        for shell in self.shells():
            for low, high in RANGES:
                step = tolerances.steps(low)
                what = f"{shell[0]}, PROPAGATE, T {low:g} to {high:g} s"
                # Below 1 s gRPC's own rounding up to 1 ms is not taken back.
                more = 0.001 if high <= 1 else 0.0
                lost = self.predict_at_most(f"{what}: median of left(1) − work(1) − left(2)",
                                            tolerances.HOP + (step + 0.002 if low >= 1 else 0), " s")
                grown = self.predict_at_most(f"{what}: most that left(2) is above left(1) − work(1)", more,
                                             " s", excusable=False)
                wire = self.predict_at_most(f"{what}: the same, seen on the wire by the witness", more,
                                            " s", excusable=False)
                epsilons, witnessed = [], []
                for _ in range(CALLS):
                    timeout = chance.uniform(low, high)
                    at_order, work, left, _ = self.place(self.lockstep.order, shell, timeout)
                    epsilons.append(at_order - work - left)
                    at_order, work, left, _ = self.place(self.witnessed, shell, timeout)
                    witnessed.append(at_order - work - left)
                lost.check(statistics.median(epsilons))
                grown.check(-min(epsilons))
                wire.check(-min(witnessed))

    @repeated_when_busy
    def test_other_policies(self, seed):
        chance = random.Random(seed)
        for shell in self.shells():
            timeout = chance.uniform(0.5, 1.0)
            infinite = self.predict(f"{shell[0]}, NONE, T={timeout:.3f} s: deadlines at hop 2", 0, 0)
            more = self.predict_within(f"{shell[0]}, FIXED {FIXED:g} s, T={timeout:.3f} s: left(2)", FIXED - 0.011,
                                       0.011 + tolerances.HOP, " s")
            reserved = self.predict_within(f"{shell[0]}, RESERVE {RESERVE:g} s: left(1) − work(1) − left(2)",
                                           RESERVE, tolerances.HOP, " s")
            none = POLICIES.DEADLINE_POLICY_NONE
            _, _, left, asked = self.place(self.lockstep.order, shell, timeout, policy=none)
            _, _, wire, _ = self.place(self.witnessed, shell, timeout, policy=none)
            infinite.check((left is not None) + (wire is not None))
            self.assertFalse(asked.HasField("deadline_sent"), "the receipt says that no deadline was sent")
            own = {"consumer_timeout": FIXED, "restaurant_timeout": FIXED}
            at_order, _, left, _ = self.place(self.lockstep.order, shell, timeout,
                                              policy=POLICIES.DEADLINE_POLICY_FIXED, **own)
            more.check(left)
            self.assertGreater(left, at_order, "FIXED gives Restaurant more than the caller has")
            losses = []
            for _ in range(CALLS):
                at_order, work, left, _ = self.place(self.lockstep.order, shell, timeout,
                                                     policy=POLICIES.DEADLINE_POLICY_RESERVE, reserve=RESERVE)
                losses.append(at_order - work - left)
            reserved.check(statistics.median(losses))
