"""Random SIGKILL of each process while orders come in, in every style: nothing acknowledged is lost, nothing happens twice,
and all orders come to an end.

Each of the three is killed at random moments of its own, so that now and then two or all are gone. A client repeats a
request with the same request id until it knows what became of it. When the kills are over, all orders have to be final
within FINAL_SECONDS, and the checker judges the files of all three services.

How many kills of each process: $LOCKSTEP_KILLS, 200 unless set. The seed is printed, and is $LOCKSTEP_SEED if set.
"""

import os
import random
import threading
import time
import unittest

from checker import Checker
from clients import Load, wait_until_final
from lockstep_harness import Lockstep

KILLS = int(os.environ.get("LOCKSTEP_KILLS", "200"))
SEED = int(os.environ.get("LOCKSTEP_SEED", time.time_ns() % 1_000_000))
CLIENTS = 8
ALIVE = 0.5  # the longest life of a process, in seconds, from when it is ready


class Killer(threading.Thread):
    """Kills one server again and again. idle: lives of it in which no order at all was acknowledged."""

    def __init__(self, victim, load):
        super().__init__(daemon=True)
        self.victim, self.load, self.idle, self.failed = victim, load, 0, None
        self.chance = random.Random(f"{SEED} {victim.name}")

    def run(self):
        try:
            for _ in range(KILLS):
                accepted = self.load.accepted()
                time.sleep(self.chance.uniform(0.0, ALIVE))  # not for a condition: until a random moment
                self.victim.kill()
                self.idle += self.load.accepted() == accepted
                self.victim.start()
        except Exception as failed:  # pylint: disable=broad-except
            self.failed = failed


class Kills(unittest.TestCase):
    def test_each_process(self):
        lockstep = self.enterContext(Lockstep()).seed()
        print(f"seed {SEED}, {KILLS} kills of each process, {CLIENTS} clients", flush=True)
        load = Load(lockstep, SEED, "client", CLIENTS).start()
        begun = time.monotonic()
        killers = [Killer(server, load) for server in lockstep.servers]
        for killer in killers:
            killer.start()
        for killer in killers:
            killer.join()
            self.assertIsNone(killer.failed, f"seed {SEED}")
        took, accepted = time.monotonic() - begun, load.accepted()
        told = load.stop().told()
        settled = wait_until_final(lockstep, f"seed {SEED}")
        for server in lockstep.servers:
            self.assertEqual(server.stop(), 0)
        owners = {"consumer": lockstep.consumer.db, "restaurant": lockstep.restaurant.db}
        self.assertEqual(Checker(lockstep.order.db, owners, told).violations(), [], f"seed {SEED}")
        idle = {killer.victim.name: killer.idle for killer in killers}
        print(f"{len(killers) * KILLS} kills in {took:.1f} s; {accepted} orders acknowledged on the way, in {idle} lives "
              f"none; {load.unknown()} answers unknown; all final {settled:.2f} s after the last kill: 0 violations",
              flush=True)
        self.assertLess(idle["order"], KILLS / 2, "there is to be work between kills")


if __name__ == "__main__":
    unittest.main()
