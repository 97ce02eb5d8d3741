"""E1: what a waiting order holds. Little's law: a thread each, λ·D of them, unless nothing is held at all."""

import time
import unittest

import tolerances
from experiment import Experiment, repeated_when_busy, until
from load import Load, Sampler, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep

DELAY = 2.0  # D, of Restaurant, in seconds: what a call takes besides is small against it
WINDOW = 4.0  # how long is measured, once λ·D orders wait
TIMEOUT = 60.0  # no order of this experiment meets its deadline
STALLED = 5000


class ThreadsHeld(Experiment):
    name = "E1"

    def setUp(self):
        super().setUp()
        self.lockstep = self.enterContext(Lockstep(order=["--pool-queue", "10000"])).seed()
        self.order = self.lockstep.order
        # One order of each kind, so that what is made at the first one is there.
        for stub, style in ((self.order.stub, NON_BLOCKING), (self.order.stub, BLOCKING),
                            (self.order.sync_stub, BLOCKING)):
            stub.CreateOrder(self.lockstep.new_order(style=style), timeout=TIMEOUT)
        self.lockstep.restaurant.slow("ValidateOrderDetails", DELAY)
        self.watch_machine(self.lockstep)

    def idle_threads(self):
        """The kernel's count while nothing is ordered, and the control plane is asked as it will be: the most of it,
        because gRPC's own threads for that port come and go."""
        with Sampler(lambda: self.order.ledger().threads_held_now), Sampler(self.order.threads, 0.01) as kernel:
            time.sleep(0.5)
        return kernel.most()

    def measure(self, rate, seed, style, stub=None):
        """Offers λ orders a second; gives the ledger's mean and most, and the kernel's mean, over the window."""
        load = Load((stub or self.order.stub).CreateOrder, self.lockstep.new_order(style=style),
                    evenly(rate, DELAY + 0.5 + WINDOW, seed), TIMEOUT)
        with Sampler(lambda: self.order.ledger().threads_held_now) as held, \
                Sampler(self.order.threads) as kernel:
            load.start()
            begin, end = load.begun + DELAY + 0.5, load.begun + DELAY + 0.5 + WINDOW
            time.sleep(max(0.0, end - time.monotonic()))
        load.cancel()
        self.check_generator(load, DELAY)
        until(lambda: self.order.ledger().threads_held_now == 0, "no thread is held any more")
        return held.mean(begin, end), held.most(begin, end), kernel.mean(begin, end), kernel.most(begin, end)

    @repeated_when_busy
    def test_pool(self, seed):
        rate, threads = 40, 30
        self.order.set(pool_threads=256)
        held = self.predict(f"pool of 256, λ={rate}/s, D={DELAY} s: threads held", rate * DELAY,
                            tolerances.THREADS_HELD)
        held.check(self.measure(rate, seed, BLOCKING)[0])
        self.order.set(pool_threads=threads)
        full = self.predict(f"pool of {threads}, λ={rate}/s, D={DELAY} s: threads held at most",
                            min(rate * DELAY, threads), 0)
        full.check(self.measure(rate, seed + 100, BLOCKING)[1])

    @repeated_when_busy
    def test_thread_per_call(self, seed):
        for rate in (40, 100):
            idle = self.idle_threads()
            held = self.predict(f"thread per call, λ={rate}/s, D={DELAY} s: threads held", rate * DELAY,
                                tolerances.THREADS_HELD)
            kernel = self.predict_within(
                f"thread per call, λ={rate}/s, D={DELAY} s: the kernel's threads above idle", rate * DELAY,
                rate * DELAY * tolerances.THREADS_KERNEL + tolerances.THREADS_POLLERS)
            mean, _, kernel_mean, _ = self.measure(rate, seed, BLOCKING, self.order.sync_stub)
            held.check(mean)
            kernel.check(kernel_mean - idle)
            until(lambda most=idle: self.order.threads() <= most + tolerances.THREADS_POLLERS,
                  "the synchronous server's threads have ended")

    @repeated_when_busy
    def test_non_blocking(self, seed):
        for rate in (40, 100):
            idle = self.idle_threads()
            above = self.predict_at_most(
                f"non-blocking, λ={rate}/s, D={DELAY} s: the kernel's threads above idle", tolerances.THREADS_IDLE)
            _, most, _, kernel_most = self.measure(rate, seed, NON_BLOCKING)
            above.check(kernel_most - idle)
            self.assertEqual(most, 0, "the ledger says that no thread was held")

    @repeated_when_busy
    def test_non_blocking_stalled(self, seed):
        del seed  # all at once
        self.lockstep.restaurant.slow("ValidateOrderDetails", 600)
        idle = self.idle_threads()
        above = self.predict_at_most(f"non-blocking, {STALLED} orders stalled: the kernel's threads above idle",
                                     tolerances.THREADS_IDLE)
        load = Load(self.order.stub.CreateOrder, self.lockstep.new_order(style=NON_BLOCKING), [0.0] * STALLED, 600)
        with Sampler(self.order.threads) as kernel:
            load.start()
            until(lambda: self.lockstep.restaurant.ledger().calls_now >= STALLED,
                  f"{STALLED} orders wait for Restaurant", 60)
        self.assertEqual(self.order.ledger().calls_now, STALLED)
        above.check(max(kernel.most(), self.order.threads()) - idle)
        load.cancel()
        until(lambda: self.order.ledger().calls_now == 0, "every stalled order was given up by its caller")


if __name__ == "__main__":
    unittest.main()
