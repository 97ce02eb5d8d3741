"""Kill points by name: each process ends itself at each point that it passes, between send, effect, mark and answer, under
load. After a restart all orders come to an end, and the checker finds nothing.

Each point and process RUNS times, with another N each time: it dies the Nth time that it passes the point. Several sets of
servers work through the list at once. The seed is printed, and is $LOCKSTEP_SEED if set.
"""

import os
import queue
import random
import signal
import subprocess
import threading
import time
import unittest

from checker import Checker
from clients import Load, wait_until_final
from lockstep_harness import Lockstep, Server

SEED = int(os.environ.get("LOCKSTEP_SEED", time.time_ns() % 1_000_000))
RUNS = 3
PASSES_MAX = 12
WORKERS = 4  # sets of servers: most of the time is waiting for a lease, or for a connection
CLIENTS = 3
DEATH_SECONDS = 30
ALL = ("order", "consumer", "restaurant")
OWNERS = ("consumer", "restaurant")
POINTS = {
    "relay.before_send": ALL, "relay.sent": ALL, "relay.marked": ALL,
    "inbox.effect": ALL, "inbox.committed": ALL,
    "order.before_commit": ("order",), "order.committed": ("order",),
    "record.before_commit": OWNERS, "record.committed": OWNERS,
    "feed.before_send": ALL, "feed.applied": ALL, "feed.marked": OWNERS,
    "copy.before_commit": ("order",),
}


class Worker(threading.Thread):
    """Works through runs, each a (process, point, N), on servers of its own."""

    def __init__(self, number, runs):
        super().__init__(daemon=True)
        self.number, self.runs = number, runs
        self.deaths, self.told, self.settled, self.failed = 0, {}, [], None

    def run(self):
        try:
            with Lockstep() as lockstep:
                lockstep.seed()
                while True:
                    self.die(lockstep, *self.runs.get_nowait())
        except queue.Empty:
            pass
        except BaseException as failed:  # pylint: disable=broad-except
            self.failed = failed

    def die(self, lockstep, name, point, nth):
        what = f"seed {SEED}: {name} at {point}:{nth}"
        victim = getattr(lockstep, name)
        if victim.stop() != 0:
            raise AssertionError(f"{what}: it did not stop")
        victim.flags += ["--kill-at", f"{point}:{nth}"]
        victim.start(wait=False)  # some points are passed before it is ready
        load = Load(lockstep, SEED, f"{name}-{point}-{nth}", CLIENTS, edit=True).start()
        try:
            ended = victim.process.wait(DEATH_SECONDS)
        finally:
            del victim.flags[-2:]
        said = victim.log.read_text().splitlines()[-1:]
        if ended != -signal.SIGKILL or said != [f"killed at {point}"]:
            raise AssertionError(f"{what}: ended with {ended}, and said {said}")
        self.deaths += 1
        victim.start()
        self.told |= load.stop().told()
        self.settled.append(wait_until_final(lockstep, what))
        owners = {"consumer": lockstep.consumer.db, "restaurant": lockstep.restaurant.db}
        violations = load.editor.lost() + Checker(lockstep.order.db, owners, self.told).violations()
        if violations:
            raise AssertionError(f"{what}: {violations}")


class KillPoints(unittest.TestCase):
    def test_each_point_of_each_process(self):
        chance = random.Random(SEED)
        listed = [(name, point, nth) for point, names in POINTS.items() for name in names
                  for nth in chance.sample(range(1, PASSES_MAX + 1), RUNS)]
        print(f"seed {SEED}, {len(POINTS)} points, {len(listed)} deaths; N of each:", flush=True)
        for point, names in POINTS.items():
            print("  ", point, {name: [nth for who, where, nth in listed if (who, where) == (name, point)]
                                for name in names}, flush=True)
        chance.shuffle(listed)
        runs = queue.SimpleQueue()
        for run in listed:
            runs.put(run)
        begun = time.monotonic()
        workers = [Worker(number, runs) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual([repr(worker.failed) for worker in workers if worker.failed], [])
        self.assertEqual(sum(worker.deaths for worker in workers), len(listed))
        settled = [took for worker in workers for took in worker.settled]
        print(f"{len(listed)} deaths in {time.monotonic() - begun:.1f} s, {sum(len(w.told) for w in workers)} requests; all "
              f"final {sum(settled) / len(settled):.2f} s after the load, at most {max(settled):.2f} s: 0 violations",
              flush=True)

    def test_all_points_are_listed(self):
        said = subprocess.run([Server.program("order"), "--kill-at", "relay.snet"], capture_output=True, text=True,
                              timeout=30, check=False)
        self.assertEqual(said.returncode, 2)
        self.assertIn(", ".join(POINTS), said.stderr)

    def test_no_faults_allows_none(self):
        said = subprocess.run([Server.program("consumer"), "--no-faults", "--kill-at", "relay.sent"],
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(said.returncode, 2)
        self.assertIn("--no-faults", said.stderr)


if __name__ == "__main__":
    unittest.main()
