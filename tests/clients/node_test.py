#!/usr/bin/python3
"""The example client in Node as a user runs it, and the checks of node_checks.js, against the same services."""
import json
import os
import shutil
import subprocess
import unittest

import example_output
from failing_peers import OrderWithFailingPeers
from services import LONGEST_ID, NODE_EXAMPLE, SOURCE, Services, skip_all


def install():
    """Skips the test where there is no Node, or no way to get the two packages that package.json names."""
    if not shutil.which("node") or not shutil.which("npm"):
        skip_all("there is no node or no npm; apt-get install nodejs npm")
    loads = ["node", "-e", "require('@grpc/grpc-js'); require('@grpc/proto-loader')"]
    if subprocess.run(loads, cwd=SOURCE, capture_output=True).returncode == 0:
        return
    print("node_test: installing node_modules", flush=True)
    npm = subprocess.run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], cwd=SOURCE, capture_output=True, text=True)
    if npm.returncode != 0 or subprocess.run(loads, cwd=SOURCE, capture_output=True).returncode != 0:
        skip_all(f"the npm packages are missing, and npm could not install them; npm ci at the root does\n{npm.stderr}")


class NodeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = cls.enterClassContext(Services())

    def test_example(self):
        ready = self.services.ready
        result = subprocess.run(
            [os.path.join(NODE_EXAMPLE, "order_client.js"), "--order", ready["order"]["business"],
             "--restaurant-control", ready["restaurant"]["control"]],
            capture_output=True, text=True, timeout=120, cwd=os.path.join(SOURCE, "tests"))
        example_output.check(self, result)

    def test_example_without_servers_says_so(self):
        result = subprocess.run([os.path.join(NODE_EXAMPLE, "order_client.js"), "--order", "127.0.0.1:1"],
                                capture_output=True, text=True, timeout=120)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"^order_client: 14 UNAVAILABLE: .*127\.0\.0\.1:1")

    def test_checks(self):
        with OrderWithFailingPeers() as failing:
            ready = dict(self.services.ready, failing=failing.addresses)
            environment = dict(os.environ, LOCKSTEP_READY=json.dumps(ready), LOCKSTEP_NODE_EXAMPLE=NODE_EXAMPLE,
                               LOCKSTEP_LONGEST_ID=LONGEST_ID)
            result = subprocess.run(
                ["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "node_checks.js")],
                capture_output=True, text=True, timeout=300, env=environment)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^. pass [12][0-9]$", result.stdout)


if __name__ == "__main__":
    install()
    unittest.main()
