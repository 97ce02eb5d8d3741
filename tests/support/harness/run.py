#!/usr/bin/python3
"""Runs test files as ctest wants it: run.py FILE [TEST …]. Status 0: all passed; 1: some failed.

A test that was skipped while none failed ends with a line "SKIPPED: why", which is how ctest tells a skipped
test from one that passed. Ended by SIGTERM it stops the servers that it started.
"""

import importlib.util
import pathlib
import signal
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "crash"), str(HERE.parents[2] / "examples" / "harness")]


def load(path, names):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    loader = unittest.defaultTestLoader
    return loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tests = load(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:])
    if tests.countTestCases() == 0:
        print("no test was run", file=sys.stderr)
        return 1
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    if not result.wasSuccessful():
        return 1
    for test, why in result.skipped:
        print(f"SKIPPED: {test}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
