#!/usr/bin/python3
"""scripts/bench by itself: what it says of figures, in its table, its document and its exit status. What it starts is a
stand-in that answers with numbers of the test's choosing; nothing is measured."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STORE = """#!/usr/bin/python3
import os, sys
rates = os.environ["RATES"].split()
single = "--batch" in sys.argv
if os.environ.get("BREAKS"):
    sys.exit("the disk is gone")
print('{"rate": %s, "items_per_commit": 64, "cpu_us": 1}' % rates[single])
"""


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.bin = os.path.join(self.directory.name, "bin")
        os.mkdir(self.bin)
        store = os.path.join(self.bin, "lockstep-bench-store")
        with open(store, "w", encoding="utf-8") as file:
            file.write(STORE)
        os.chmod(store, 0o755)

    def bench(self, *arguments, rates="100 10", breaks=""):
        document = os.path.join(self.directory.name, "bench.json")
        done = subprocess.run(
            [os.path.join(ROOT, "scripts/bench"), *arguments, "--no-build", "--bin", self.bin, "--json", document],
            env=os.environ | {"RATES": rates, "BREAKS": breaks}, capture_output=True, text=True, check=False)
        figures = None
        if os.path.exists(document):
            with open(document, encoding="utf-8") as file:
                figures = json.load(file)["figures"]
        return done, figures

    def test_a_figure_that_holds(self):
        done, figures = self.bench("group_commit_gain", "--strict")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(figures), 1)
        figure = figures[0]
        self.assertEqual(
            {key: figure[key] for key in ("name", "value", "unit", "bound", "at_most", "holds", "rounds")},
            {"name": "group_commit_gain", "value": 10, "unit": "", "bound": 5, "at_most": False, "holds": True,
             "rounds": [10, 10, 10, 10]})
        self.assertIn("holds", done.stdout)
        self.assertEqual(os.listdir(self.directory.name + "/bin"), ["lockstep-bench-store"])  # and no directory stays

    def test_a_bound_that_is_missed_is_a_failure_only_if_strict(self):
        done, figures = self.bench("group_commit_gain", "--rounds", "5", rates="40 10")
        self.assertEqual(done.returncode, 0)
        self.assertFalse(figures[0]["holds"])
        self.assertEqual(figures[0]["rounds"], [4] * 5)
        self.assertIn("MISSED", done.stdout)
        self.assertEqual(self.bench("group_commit_gain", "--strict", rates="40 10")[0].returncode, 1)

    def test_a_figure_that_cannot_be_measured_is_a_failure_and_does_not_hold(self):
        done, figures = self.bench("group_commit_gain", breaks="yes")
        self.assertEqual(done.returncode, 1)
        self.assertFalse(figures[0]["holds"])
        self.assertIsNone(figures[0]["value"])
        self.assertIn("the disk is gone", figures[0]["error"])
        self.assertIn("ERROR", done.stdout)

    def test_usage(self):
        for arguments in (["no_such_figure"], ["--rounds", "3"], ["--no-such-flag"]):
            with self.subTest(arguments=arguments):
                done, figures = self.bench(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIsNone(figures)
        done, _ = self.bench("--help")
        self.assertEqual(done.returncode, 0)
        for name in ("create_order_cpu", "blocking_cap", "reconnect_ms"):
            self.assertIn(name, done.stdout)

    def test_a_bound_on_either_side(self):
        sys.path.insert(0, os.path.join(ROOT, "scripts"))
        sys.dont_write_bytecode = True
        from benchmark import throughput  # noqa: F401 (adds its figures)
        from benchmark.figure import FIGURES
        cap = FIGURES["blocking_cap"]
        self.assertEqual([cap.holds(value) for value in (0.89, 0.9, 1.0, 1.1, 1.11)], [False, True, True, True, False])


if __name__ == "__main__":
    unittest.main(verbosity=2)
