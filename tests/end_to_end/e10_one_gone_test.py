"""E10: one dependency is gone. Both waiting styles accept nothing; failing fast says so at once, waiting does at T."""

import statistics
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy
from load import Load, evenly, percentile
from lockstep_harness import BLOCKING, NON_BLOCKING, Error, Lockstep, seconds

RATE = 40
TIMEOUT = 0.5  # T, in seconds
MOST = 0.9  # a call that meets a connect attempt waits for its end; the others must not


class OneGone(Experiment):
    name = "E10"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()
        for style in (BLOCKING, NON_BLOCKING):
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=30)
        self.lockstep.restaurant.kill()
        self.watch_machine(self.lockstep)

    def offer(self, seed, style, wait_for_ready):
        load = Load(self.lockstep.order.stub.CreateOrder,
                    self.lockstep.new_order(style=style, wait_for_ready=wait_for_ready),
                    evenly(RATE, 3.0, seed), TIMEOUT if wait_for_ready else 10).run()
        self.check_generator(load, TIMEOUT)
        return load

    @repeated_when_busy
    def test_failing_fast(self, seed):
        for style, name in ((BLOCKING, "blocking"), (NON_BLOCKING, "non-blocking")):
            accepted = self.predict_at_most(f"{name}, fail-fast: share accepted", 0.0)
            median = self.predict_at_most(f"{name}, fail-fast: median time until the caller knows",
                                          tolerances.FAIL_FAST, " s")
            most = self.predict_at_most(f"{name}, fail-fast: time in Order, of {MOST:.0%} of the calls",
                                        tolerances.FAIL_FAST, " s")
            load = self.offer(seed, style, wait_for_ready=False)
            accepted.check(len(load.accepted()) / len(load.calls))
            self.assertEqual(load.codes(), {"UNAVAILABLE": len(load.calls)})
            errors = [Error(call.error) for call in load.calls]
            self.assertEqual({(error.reason, error.metadata["peer"]) for error in errors},
                             {("DOWNSTREAM_UNAVAILABLE", "restaurant")})
            self.assertTrue(all(error.retry_after for error in errors), "each says when to try again")
            median.check(load.took())
            most.check(percentile([seconds(error.receipt.total) for error in errors], MOST))

    @repeated_when_busy
    def test_waiting_for_ready(self, seed):
        for style, name in ((BLOCKING, "blocking"), (NON_BLOCKING, "non-blocking")):
            accepted = self.predict_at_most(f"{name}, wait-for-ready: share accepted", 0.0)
            took = self.predict_within(f"{name}, wait-for-ready, T={TIMEOUT} s: median time until the caller knows",
                                       TIMEOUT, tolerances.LATENCY, " s")
            load = self.offer(seed, style, wait_for_ready=True)
            accepted.check(len(load.accepted()) / len(load.calls))
            self.assertEqual(load.codes(), {"DEADLINE_EXCEEDED": len(load.calls)})
            took.check(statistics.median(call.took for call in load.calls))


if __name__ == "__main__":
    unittest.main()
