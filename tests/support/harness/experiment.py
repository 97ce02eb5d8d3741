"""An experiment: what is predicted from the settings is printed before the load, what was measured after it.

    held = self.predict("blocking threads held", rate * delay, tolerances.THREADS_HELD)
    … load …
    held.check(sampler.mean(begin, end))      E1 blocking threads held: predicted 40.0 measured 40.3 tolerance 5% PASS

A prediction that is missed while others use much of the machine, or while the generator was late, says nothing about
Lockstep: the experiment is tried once more with another seed, and then skipped. Neither is ever a pass.
"""

import functools
import os
import time
import unittest

import tolerances

ATTEMPTS = 2


class MachineTooBusy(Exception):
    """The machine did not let the experiment happen as planned."""


def repeated_when_busy(test):
    """For a test method that takes a seed."""

    @functools.wraps(test)
    def run(self):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return test(self, seed=attempt)
            except MachineTooBusy as busy:
                print(f"{self.name} INCONCLUSIVE, attempt {attempt} of {ATTEMPTS}: machine too busy: {busy}",
                      flush=True)
                why = busy
        raise unittest.SkipTest(f"machine too busy: {why}")

    return run


class Cpu:
    """How much of the machine others have used since this was made. Processes: ours, by id."""

    def __init__(self, processes):
        self._processes = processes
        self._at_start = self._read()

    def _read(self):
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        busy = sum(ticks) - ticks[3] - ticks[4]  # idle, and waiting for a disk
        ours = 0
        for pid in self._processes:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            ours += int(fields[11]) + int(fields[12])
        return sum(ticks), busy, ours

    def others(self):
        total, busy, ours = (now - then for now, then in zip(self._read(), self._at_start))
        return max(busy - ours, 0) / max(total, 1)


class Prediction:
    def __init__(self, test, what, low, high, shown, tolerance, excusable=True):
        self._test, self._what, self._low, self._high = test, what, low, high
        self._excusable = excusable
        self._shown, self._tolerance = shown, tolerance
        print(f"{what}: predicted {shown} tolerance {tolerance}", flush=True)

    def check(self, measured):
        good = self._low <= measured <= self._high
        verdict = "PASS" if good else "FAIL"
        why = "" if good or not self._excusable else self._test.excuse()
        if why:
            verdict = "INCONCLUSIVE"
        print(f"{self._what}: predicted {self._shown} measured {_text(measured)} "
              f"tolerance {self._tolerance} {verdict}", flush=True)
        if why:
            raise MachineTooBusy(why)
        if not good:
            self._test.missed.append(self._what)


def _text(value):
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.4g}"


class Experiment(unittest.TestCase):
    name = ""  # "E1"

    def setUp(self):
        self.missed = []
        self._cpu = None

    def tearDown(self):
        if self.missed:
            self.fail("predictions missed: " + "; ".join(self.missed))

    # --- predictions

    def predict(self, what, value, tolerance, unit=""):
        """tolerance: a share of the value."""
        margin = abs(value) * tolerance
        return self._predict(what, value - margin, value + margin, value, f"{tolerance:.0%}", unit)

    def predict_within(self, what, value, margin, unit=""):
        """margin: in the unit of the value."""
        return self._predict(what, value - margin, value + margin, value, f"±{_text(margin)}{unit}", unit)

    def predict_at_most(self, what, value, unit="", excusable=True):
        """excusable=False: a busy machine cannot be the cause of more."""
        return self._predict(what, float("-inf"), value, value, "at most that", unit, excusable)

    def predict_at_least(self, what, value, unit=""):
        return self._predict(what, value, float("inf"), value, "at least that", unit)

    def _predict(self, what, low, high, value, tolerance, unit, excusable=True):
        return Prediction(self, f"{self.name} {what}", low, high, f"{_text(value)}{unit}", tolerance, excusable)

    # --- the machine

    def watch_machine(self, lockstep):
        """From here on it is noted how much of the machine others use."""
        pids = [server.process.pid for server in lockstep.servers if server.process.poll() is None]
        self._cpu = Cpu([os.getpid(), *pids])

    def excuse(self):
        """Why a missed prediction says nothing; empty if it does."""
        others = self._cpu.others() if self._cpu else 0.0
        if others > tolerances.OTHERS:
            return f"others used {others:.0%} of its CPU"
        return ""

    def check_generator(self, load, shortest):
        """shortest: the shortest time, in seconds, that the experiment is about."""
        late = load.lateness()
        allowed = tolerances.LATENESS * shortest
        sent = len(load.calls)
        print(f"{self.name} generator: {sent} calls sent, late by {late * 1000:.1f} ms at the 99th percentile, "
              f"{allowed * 1000:.0f} ms allowed; codes {load.codes()}", flush=True)
        if late > allowed:
            raise MachineTooBusy(f"the generator was {late * 1000:.0f} ms late")


def until(condition, what, timeout=20.0):
    """Waits for a condition; fails with what was waited for."""
    give_up = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)
