"""Restaurant is stopped in its tracks, and every way into Order is full: the control plane answers all the same."""

import time
import unittest

from experiment import until
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep, seconds, stubs

POOL, QUEUE, THREADS, STALLED = 4, 16, 50, 500
ANSWER = 2.0  # seconds; the control plane takes 1 ms when the machine has nothing else to do


class EverythingStuck(unittest.TestCase):
    def test_the_control_plane_answers(self):
        lockstep = self.enterContext(Lockstep(
            order=["--pool-threads", str(POOL), "--pool-queue", str(QUEUE)])).seed()
        order = lockstep.order
        lockstep.restaurant.pause()
        none = stubs.call.DEADLINE_POLICY_NONE
        futures = []
        for stub, style, count in ((order.stub, BLOCKING, POOL + QUEUE), (order.sync_stub, BLOCKING, THREADS),
                                   (order.stub, NON_BLOCKING, STALLED)):
            futures += [stub.CreateOrder.future(lockstep.new_order(style=style, policy=none), timeout=60)
                        for _ in range(count)]
        until(lambda: order.ledger().calls_now == len(futures), "every order is stuck")
        began = time.monotonic()
        ledger = order.control.GetLedger(stubs.control.GetLedgerRequest(), timeout=ANSWER)
        self.assertEqual((ledger.threads_held_now, ledger.queue_length_now), (POOL + THREADS, QUEUE))
        calls = order.control.ListCalls(stubs.control.ListCallsRequest(page_size=1000), timeout=ANSWER)
        self.assertEqual((calls.total, len(calls.calls)), (len(futures), len(futures)))
        ages = [seconds(call.age) for call in calls.calls]
        self.assertEqual(ages, sorted(ages, reverse=True), "the oldest first")
        self.assertTrue(all(0 < seconds(call.budget_left) < 62 and not call.cancelled for call in calls.calls))
        shells = [call.shell for call in calls.calls]
        self.assertEqual(shells.count(stubs.call.SHELL_THREAD_PER_CALL), THREADS)
        order.set(pool_threads=POOL + 1)
        until(lambda: order.ledger().threads_held_now == POOL + 1 + THREADS, "a larger pool takes from the queue")
        order.slow("GetOrder", 0.1)
        order.clear_faults()
        self.assertEqual(order.health(), "SERVING")
        print(f"the control plane's answers took {time.monotonic() - began:.3f} s together, "
              f"with {len(futures)} orders stuck", flush=True)
        for future in futures:
            future.cancel()
        lockstep.restaurant.resume()
        until(lambda: order.ledger().calls_now == 0, "all are free again")
        order.stub.CreateOrder(lockstep.new_order(style=BLOCKING), timeout=20)


if __name__ == "__main__":
    unittest.main()
