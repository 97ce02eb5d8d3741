"""E5: how many handlers a slow service is left with, by what its caller's callers do with their deadlines.

λ·min(D, T): T is what the deadline policy leaves of the caller's timeout: nothing of it under NONE, a
timeout of Order's own under FIXED, all of it under PROPAGATE. Measured at Restaurant, the far end.
"""

import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, Sampler, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep, stubs

RATE = 60  # λ
DELAY = 1.5  # D, of Restaurant, in seconds
TIMEOUT = 0.15  # T, of the caller
FIXED = 0.75  # Order's own timeout under FIXED
WINDOW = 3.0


class HandlersHeld(Experiment):
    name = "E5"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep(order=["--pool-threads", "512"])).seed()
        for style in (BLOCKING, NON_BLOCKING):
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=30)
        self.lockstep.restaurant.slow("ValidateOrderDetails", DELAY)
        self.watch_machine(self.lockstep)

    def measure(self, seed, style, name):
        policies = stubs.call.DeadlinePolicy
        for policy, left in (("NONE", DELAY), ("FIXED", FIXED), ("PROPAGATE", TIMEOUT)):
            held = self.predict(
                f"{name}, {policy}, λ={RATE}/s, D={DELAY} s, T={TIMEOUT} s: handlers held at Restaurant",
                RATE * min(DELAY, left), tolerances.HANDLERS_HELD)
            request = self.lockstep.new_order(
                style=style, policy=policies.Value(f"DEADLINE_POLICY_{policy}"),
                **({"restaurant_timeout": FIXED, "consumer_timeout": FIXED} if policy == "FIXED" else {}))
            settled = min(DELAY, left) + 0.25
            load = Load(self.lockstep.order.stub.CreateOrder, request, evenly(RATE, settled + WINDOW, seed), TIMEOUT)
            with Sampler(lambda: self.lockstep.restaurant.ledger().calls_now) as handlers:
                load.run()
            self.check_generator(load, DELAY)
            held.check(handlers.mean(load.begun + settled, load.begun + settled + WINDOW))
            self.assertEqual(load.accepted(), [], "no order is accepted after its caller's deadline")
            until(lambda: self.lockstep.restaurant.ledger().calls_now == 0, "Restaurant is idle again")

    @repeated_when_busy
    def test_non_blocking(self, seed):
        self.measure(seed, NON_BLOCKING, "non-blocking")

    @repeated_when_busy
    def test_blocking(self, seed):
        self.measure(seed, BLOCKING, "blocking")


if __name__ == "__main__":
    unittest.main()
