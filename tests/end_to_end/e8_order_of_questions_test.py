"""E8: one question after the other, or both at once: the sum of two delays, or the larger one."""

import unittest

import tolerances
from experiment import Experiment, repeated_when_busy
from load import Load, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep

CONSUMER = 0.25  # Dc, in seconds
RESTAURANT = 0.40  # Dr
BETWEEN = (CONSUMER + RESTAURANT + max(CONSUMER, RESTAURANT)) / 2  # a timeout that is enough for one of the two styles
RATE = 20
STYLES = ((BLOCKING, "blocking", CONSUMER + RESTAURANT), (NON_BLOCKING, "non-blocking", max(CONSUMER, RESTAURANT)))


class OrderOfQuestions(Experiment):
    name = "E8"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep()).seed()
        for style, _, _ in STYLES:
            self.lockstep.order.stub.CreateOrder(self.lockstep.new_order(style=style), timeout=30)
        self.lockstep.consumer.slow("ValidateConsumer", CONSUMER)
        self.lockstep.restaurant.slow("ValidateOrderDetails", RESTAURANT)
        self.watch_machine(self.lockstep)

    def offer(self, style, seed, duration, timeout):
        load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=style),
                    evenly(RATE, duration, seed), timeout).run()
        self.check_generator(load, max(CONSUMER, RESTAURANT))
        return load

    @repeated_when_busy
    def test_sum_against_maximum(self, seed):
        for style, name, time in STYLES:
            took = self.predict_within(f"{name}, Dc={CONSUMER} s, Dr={RESTAURANT} s: median latency", time,
                                       tolerances.LATENCY, " s")
            load = self.offer(style, seed, 3.0, 30)
            self.assertEqual(len(load.accepted()), len(load.calls))
            took.check(load.took())

    @repeated_when_busy
    def test_a_timeout_between_the_two(self, seed):
        for style, name, time in STYLES:
            enough = 1.0 if time < BETWEEN else 0.0
            what = f"{name}, T={BETWEEN} s: share accepted"
            share = self.predict_at_least(what, 0.99) if enough else self.predict_at_most(what, 0.0)
            load = self.offer(style, seed, 5.0, BETWEEN)
            share.check(len(load.accepted()) / len(load.calls))


if __name__ == "__main__":
    unittest.main()
