"""E2: how many orders get through. Blocking: N threads that wait D each do N/D a second, whatever is offered."""

import time
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep

DELAY = 1.0  # D, of Restaurant, in seconds
THREADS = 10  # N
RATE = 40  # λ, more than N/D and 2·N/D
TIMEOUT = 120.0


def cycles(ended, threads):
    """The rate of answers, measured over whole rounds of the pool: from one answer to that of the same thread's last.

    Counting in a window of fixed length would be off by up to a round of N answers.
    """
    ended = sorted(ended)
    rounds = (len(ended) - 1) // threads
    if rounds < 2:
        return float("nan")
    return rounds * threads / (ended[rounds * threads] - ended[0])


class Throughput(Experiment):
    name = "E2"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep(order=["--pool-queue", "10000"])).seed()
        self.lockstep.restaurant.slow("ValidateOrderDetails", DELAY)
        self.watch_machine(self.lockstep)

    def predict_rate(self, what, rate):
        return self.predict(f"{what}: orders/s", rate, tolerances.THROUGHPUT)

    @repeated_when_busy
    def test_blocking_is_capped(self, seed):
        measured = 6 * DELAY
        self.lockstep.order.set(pool_threads=THREADS)
        once = self.predict_rate(f"blocking, λ={RATE}/s, N={THREADS}, D={DELAY} s", min(RATE, THREADS / DELAY))
        twice = self.predict_rate(f"blocking, λ={RATE}/s, N={2 * THREADS}, D={DELAY} s",
                                  min(RATE, 2 * THREADS / DELAY))
        load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=BLOCKING),
                    evenly(RATE, 2 * measured + 3 * DELAY, seed), TIMEOUT).start()
        settled = load.begun + DELAY
        time.sleep(settled + measured - time.monotonic())
        resized = time.monotonic()
        self.lockstep.order.set(pool_threads=2 * THREADS)
        time.sleep(measured + 1.5 * DELAY)
        end = time.monotonic()
        load.cancel()
        self.check_generator(load, DELAY)
        ended = [call.ended for call in load.accepted()]
        once.check(cycles([moment for moment in ended if settled <= moment <= resized], THREADS))
        twice.check(cycles([moment for moment in ended if resized + DELAY <= moment <= end], 2 * THREADS))

    @repeated_when_busy
    def test_not_capped(self, seed):
        for style, name, rate in ((BLOCKING, f"blocking, N={THREADS}", THREADS // 2),
                                  (NON_BLOCKING, "non-blocking", RATE)):
            self.lockstep.order.set(pool_threads=THREADS)
            predicted = self.predict_rate(f"{name}, λ={rate}/s, D={DELAY} s",
                                          rate if style == NON_BLOCKING else min(rate, THREADS / DELAY))
            load = Load(self.lockstep.order.stub.CreateOrder, self.lockstep.new_order(style=style),
                        evenly(rate, 6.0, seed), TIMEOUT).run()
            self.check_generator(load, DELAY)
            ended = sorted(call.ended for call in load.accepted())
            predicted.check((len(ended) - 1) / (ended[-1] - ended[0]))
            until(lambda: self.lockstep.order.ledger().calls_now == 0, "all orders have ended")


if __name__ == "__main__":
    unittest.main()
