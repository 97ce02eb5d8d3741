#!/usr/bin/python3
"""grpcurl against the running servers: reflection, health and channelz on their ports, errors decoded, and each grpcurl
line that scripts/serve prints or the documentation shows, run as it stands.

Where grpcurl is not installed, its lines go to grpcurl_stand_in.py beside this file; the first line says which of the two.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import grpcurl_lines
from services import SOURCE, Services

HEALTH, REFLECTION, CHANNELZ = (
    "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", "grpc.channelz.v1.Channelz")
CONTROL = "lockstep.control.v1.ControlService"
ORDERS = "lockstep.order.v1.OrderService"
MESSAGES = ("lockstep.message.v1.Mailbox", "lockstep.message.v1.FeedService")
SERVICES = {node: f"lockstep.{node}.v1.{node.capitalize()}Service" for node in ("order", "consumer", "restaurant")}
BESIDE = {"consumer": {f"lockstep.consumer.v1.{name}Service" for name in ("Account", "Fraud", "Customer")}}
CODES = {"Unimplemented": 12, "FailedPrecondition": 9, "InvalidArgument": 3, "DeadlineExceeded": 4, "NotFound": 5,
         "AlreadyExists": 6, "ResourceExhausted": 8, "Internal": 13, "Unavailable": 14, "Canceled": 1, "Aborted": 10}
ORDER = {"consumer_id": "c0001", "restaurant_id": "forno-bianco", "lines": [{"menu_item_id": "margherita", "quantity": 2}],
         "delivery_address": {"street": "129 Kelp Street", "city": "Harmouth", "postal_code": "HM1 6GZ"}}
ORDER_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
PATH = None  # with grpcurl, or its stand-in, on it


def find_grpcurl(folder):
    global PATH
    PATH = os.environ["PATH"]
    real = shutil.which("grpcurl")
    if real:
        print(f"grpcurl_test: grpcurl is {real}", flush=True)
        return
    stand_in = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grpcurl_stand_in.py")
    os.symlink(stand_in, os.path.join(folder, "grpcurl"))
    PATH = folder + os.pathsep + PATH
    print("grpcurl_test: there is no grpcurl on the PATH; its lines are run by the stand-in", flush=True)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ, PATH=PATH))


def grpcurl(*arguments):
    return run("grpcurl", "-plaintext", *arguments)


class ServersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.services = cls.enterClassContext(Services())
        cls.ready = cls.services.ready

    def ok(self, *arguments):
        result = grpcurl(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def failed(self, code, *arguments):
        result = grpcurl(*arguments)
        self.assertEqual((result.returncode, result.stdout), (64 + CODES[code], ""), (arguments, result.stderr))
        self.assertRegex(result.stderr, rf"\AERROR:\n  Code: {code}\n")
        return result.stderr

    def ports(self):
        """Of each server: where it is, and which services are there."""
        for node, addresses in self.ready.items():
            yield addresses["business"], {SERVICES[node], *BESIDE.get(node, ()), *MESSAGES, HEALTH, REFLECTION}
            yield addresses["control"], {CONTROL, HEALTH, REFLECTION, CHANNELZ}
        yield self.ready["order"]["sync"], {ORDERS, HEALTH, REFLECTION}

    def test_list_and_describe_on_every_port(self):
        for address, services in self.ports():
            with self.subTest(address=address, services=services):
                self.assertEqual(self.ok(address, "list").splitlines(), sorted(services))
                for service in services:
                    methods = self.ok(address, "list", service).splitlines()
                    self.assertTrue(methods and all(method.startswith(service + ".") for method in methods), methods)
                    text = self.ok(address, "describe", service)
                    self.assertTrue(text.startswith(f"{service} is a service:\nservice "), text)
                    for method in methods:
                        self.assertIn(f"rpc {method.rpartition('.')[2]} (", text)

    def test_describe_a_message(self):
        text = self.ok(self.ready["order"]["business"], "describe", "lockstep.order.v1.CreateOrderRequest")
        self.assertIn("repeated .lockstep.restaurant.v1.OrderLine lines = 4;", text)
        text = self.ok(self.ready["order"]["business"], "describe", "google.rpc.ErrorInfo")
        self.assertIn("map<string, string> metadata = 3;", text)

    def test_health_by_reflection_on_every_port(self):
        for address, services in self.ports():
            with self.subTest(address=address, services=services):
                self.assertEqual(json.loads(self.ok(address, f"{HEALTH}/Check")), {"status": "SERVING"})
        for port in ("business", "control"):
            for name in (ORDERS, f"{ORDERS}/BLOCKING", f"{ORDERS}/NON_BLOCKING"):
                with self.subTest(port=port, name=name):
                    answer = self.ok("-d", json.dumps({"service": name}), self.ready["order"][port], f"{HEALTH}/Check")
                    self.assertEqual(json.loads(answer), {"status": "SERVING"})
            self.failed("NotFound", "-d", '{"service": "nobody"}', self.ready["order"][port], f"{HEALTH}/Check")

    def test_channelz_on_the_control_port_only(self):
        for address, services in self.ports():
            with self.subTest(address=address, services=services):
                if CHANNELZ in services:
                    servers = json.loads(self.ok(address, f"{CHANNELZ}/GetServers"))["server"]
                    self.assertGreaterEqual(len(servers), 2, "the business server and the control server")
                else:
                    self.failed("Unimplemented", address, f"{CHANNELZ}/GetServers")

    def test_receipts(self):
        order = self.ready["order"]["business"]
        answer = json.loads(self.ok("-max-time", "20", "-d", json.dumps(ORDER), order, f"{ORDERS}/CreateOrder"))
        self.assertEqual(answer["order"]["state"], "STATE_VALIDATED")
        self.assertEqual({call["peer"] for call in answer["receipt"]["calls"]}, {"consumer", "restaurant"})
        self.assertEqual(answer["receipt"]["budget_source"], "BUDGET_SOURCE_CALLER")
        self.assertLessEqual(float(answer["receipt"]["budget"].rstrip("s")), 20.1)
        # Where the answer is the resource, the receipt is a trailer.
        text = self.ok("-v", "-d", json.dumps({"order_id": answer["order"]["order_id"]}), order, f"{ORDERS}/GetOrder")
        self.assertRegex(text, r"Response trailers received:\n(.*\n)*lockstep-receipt: node=order; ")

    def test_details_of_errors_are_decoded(self):
        order = self.ready["order"]["business"]
        malformed = dict(ORDER, lines=[], consumer_id="?")
        refused = dict(ORDER, lines=[{"menu_item_id": "sold-out", "quantity": 1}], consumer_id="suspended")
        for code, data, kind, inside in [
                ("InvalidArgument", malformed, "BadRequest", '"field": "consumer_id"'),
                ("FailedPrecondition", refused, "PreconditionFailure", '"type": "CONSUMER_SUSPENDED"')]:
            with self.subTest(code):
                text = self.failed(code, "-d", json.dumps(data), order, f"{ORDERS}/CreateOrder")
                for name in ("google.rpc.ErrorInfo", f"google.rpc.{kind}", "lockstep.call.v1.Receipt"):
                    self.assertIn(f'"@type": "type.googleapis.com/{name}"', text)
                for part in (inside, '"domain": "lockstep"', '"method": "lockstep.order.v1.OrderService/CreateOrder"'):
                    self.assertIn(part, text)
                self.assertNotIn("@value", text)

    def test_details_of_a_peer_that_is_gone(self):
        with Services() as services:
            services.restaurant.kill()
            text = self.failed("Unavailable", "-d", json.dumps(ORDER), services.ready["order"]["business"],
                               f"{ORDERS}/CreateOrder")
        for part in ('"@type": "type.googleapis.com/google.rpc.RetryInfo"', '"retry_delay": "0.500s"', '"peer": "restaurant"'):
            self.assertIn(part, text)

    def test_a_deadline(self):
        self.services.slow_restaurant(20)
        self.addCleanup(self.services.slow_restaurant, 0)
        started = time.monotonic()
        self.failed("DeadlineExceeded", "-max-time", "2", "-d", json.dumps(ORDER), self.ready["order"]["business"],
                    f"{ORDERS}/CreateOrder")
        self.assertLess(time.monotonic() - started, 15)

    def test_what_grpcurl_does_not_take(self):
        control, method = self.ready["order"]["control"], f"{CONTROL}/UpdateSettings"
        settings = {"settings": {"drop_expired": True}}
        self.ok("-d", json.dumps(settings | {"update_mask": {"paths": ["drop_expired"]}}), control, method)
        for status, arguments in [(1, ["-d", json.dumps(settings | {"update_mask": "drop_expired"}), control, method]),
                                  (1, ["-d", '{"nothing": 1}', control, method]), (1, ["-d", '{', control, method]),
                                  (1, [control, f"{CONTROL}/Nothing"]), (1, [control, "lockstep.Nothing/Nothing"]),
                                  (2, ["-nothing", control, "list"]), (2, [control])]:
            with self.subTest(arguments):
                result = grpcurl(*arguments)
                self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
                self.assertRegex(result.stderr, {1: r"\AError invoking method ", 2: r"(?m)^(Try '|  -|Usage)"}[status])


class FindingTest(unittest.TestCase):
    def test_lines_in_markdown(self):
        text = "grpcurl no\n```\n$ grpcurl -d '{\n}' a:1 S/M\n{\n  \"x\": 1\n}\n# grpcurl no\ngrpcurl \\\n b:2 list\n" \
               "ERROR:\n  Code: NotFound\n```\ngrpcurl no\n"
        first, second = grpcurl_lines.of_markdown(text, "F")
        self.assertEqual((first.where, first.text, first.shown_fields()), ("F:3", "grpcurl -d '{\n}' a:1 S/M", ["x"]))
        self.assertEqual((second.where, second.text), ("F:9", "grpcurl \\\n b:2 list"))
        self.assertEqual((second.shown_code(), first.shown_code()), ("NotFound", None))


class LinesTest(unittest.TestCase):
    """The lines of scripts/serve first, then those of the documentation, against what scripts/serve has started."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="lockstep-serve-"))
        path = os.path.join(folder, "printed")
        bin_folder = os.environ.get("LOCKSTEP_BIN_DIR") or os.path.join(SOURCE, "build", "release", "bin")
        with open(path, "wb") as printed:
            cls.serve = subprocess.Popen(
                [os.path.join(SOURCE, "scripts", "serve"), "--free-ports", "--folder", os.path.join(folder, "run")],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
                env=dict(os.environ, LOCKSTEP_SKIP_SETUP="1", LOCKSTEP_BIN_DIR=bin_folder))
        cls.addClassCleanup(cls.stop)
        until = time.monotonic() + 120
        cls.printed = ""
        while "With the tool:" not in cls.printed:
            if cls.serve.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"scripts/serve is not up (status {cls.serve.poll()}): {cls.printed}")
            time.sleep(0.05)
            with open(path, encoding="utf-8") as printed:
                cls.printed = printed.read()
        cls.addresses = cls.default_addresses(os.path.join(folder, "run"))
        cls.order_id = None  # of the order placed last

    @classmethod
    def stop(cls):
        """Ctrl-C; gives the exit status."""
        if cls.serve.poll() is None:
            os.killpg(cls.serve.pid, signal.SIGINT)
        try:
            return cls.serve.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(cls.serve.pid, signal.SIGKILL)
            raise

    @staticmethod
    def default_addresses(folder):
        """Where what the documentation calls 127.0.0.1:50051 is."""
        addresses = {}
        for number, node in enumerate(["order", "consumer", "restaurant"], 1):
            with open(os.path.join(folder, f"{node}.ready"), encoding="utf-8") as ready:
                ports = json.load(ready)
            for first, port in ((5005, "business"), (5006, "control"), (5007, "sync")):
                if port in ports:
                    addresses[f"{first}{number}"] = ports[port]
        return addresses

    def check(self, command, text):
        result = run("bash", "-c", text)
        code = command.shown_code()
        self.assertEqual(result.returncode, 64 + CODES[code] if code else 0, f"{text}\n{result.stdout}{result.stderr}")
        if code:
            self.assertIn(f"Code: {code}", result.stderr)
        elif command.shown_fields() is not None:
            self.assertEqual(sorted(json.loads(result.stdout)), command.shown_fields(), text)
        if text.rstrip().endswith("CreateOrder") and not code:
            order = json.loads(result.stdout)["order"]
            answers_first = re.search("STYLE_(DEFERRED|EVENT_DRIVEN)", text) and "wait_for_final" not in text
            self.assertEqual(order["state"], "STATE_PENDING" if answers_first else "STATE_VALIDATED")
            type(self).order_id = order["order_id"]

    def test_1_lines_of_serve(self):
        commands = grpcurl_lines.of_lines(self.printed.splitlines(), "scripts/serve")
        self.assertGreaterEqual(len(commands), 10, self.printed)
        for command in commands:
            with self.subTest(command.where):
                command.shown = ""  # what follows in the text is no answer
                self.check(command, command.text)
        print(f"grpcurl_test: {len(commands)} lines of scripts/serve", flush=True)

    def test_2_lines_of_the_documentation(self):
        count = 0
        for path in [os.path.join(SOURCE, "README.md")] + sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md"))):
            if not os.path.exists(path):
                continue
            with open(path, encoding="utf-8") as file:
                commands = grpcurl_lines.of_markdown(file.read(), os.path.relpath(path, SOURCE))
            for command in commands:
                with self.subTest(command.where):
                    text = re.sub(r"\b(?:127\.0\.0\.1|localhost):(500[567][123])\b",
                                  lambda match: self.addresses[match[1]], command.text)
                    self.check(command, ORDER_ID.sub(lambda match: self.order_id or match[0], text))
            if path.endswith("README.md"):
                self.assertTrue(commands, "README.md shows what grpcurl can do")
            count += len(commands)
        print(f"grpcurl_test: {count} lines of the documentation", flush=True)

    def test_3_serve_ends(self):
        self.assertEqual(self.stop(), 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="lockstep-grpcurl-") as found:
        find_grpcurl(found)
        unittest.main()
