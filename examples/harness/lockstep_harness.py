"""Lockstep inside an integration test: three servers on free ports, slowed down, asserted on, stopped.

    with Lockstep() as lockstep:
        lockstep.seed()
        lockstep.restaurant.slow("ValidateOrderDetails", 0.2)
        reply = lockstep.order.stub.CreateOrder(lockstep.new_order(), timeout=2)

Each server listens on ports that the system chose (port 0) and says which in its ready file; only Order's
business port is chosen here, because Consumer and Restaurant are told it before Order runs. Nothing is
fixed, so that many harnesses can run at once. Everything lives in one temporary folder, which goes with
the harness. Threads: a Lockstep belongs to the thread that made it; stubs may be used from any.

Needs Debian's python3-grpcio and python3-protobuf, and protoc with grpc_python_plugin, which generate
the stubs from protos/ once for each content of these. Where things are, in the environment:
  LOCKSTEP_BIN_DIR     the programs (default: build/release/bin of this repository, then PATH)
  LOCKSTEP_SOURCE_DIR  the repository (default: the one that this file is in)
  LOCKSTEP_STUBS_DIR   where stubs are generated (default: beside LOCKSTEP_BIN_DIR)
"""

import functools
import hashlib
import importlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types

import grpc

SOURCE = pathlib.Path(
    os.environ.get("LOCKSTEP_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
BIN = pathlib.Path(os.environ.get("LOCKSTEP_BIN_DIR") or SOURCE / "build" / "release" / "bin")

START_SECONDS = 30  # a start takes 0.1 s; a machine under load takes its time
STOP_SECONDS = 15  # the servers' own --shutdown-grace is 10 s


# --- stubs -------------------------------------------------------------------------------------------


def _generate(protos, out):
    """Python stubs of every file in protos, in the folder out; atomic, so that many may do it at once."""
    files = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = tempfile.mkdtemp(prefix=out.name, dir=out.parent)
    plugin = shutil.which("grpc_python_plugin")
    if not plugin or not shutil.which("protoc"):
        raise RuntimeError("protoc and grpc_python_plugin are needed: scripts/setup --dev installs them")
    subprocess.run(["protoc", f"-I{protos}", f"--python_out={fresh}", f"--grpc_out={fresh}",
                    f"--plugin=protoc-gen-grpc={plugin}", *files], check=True)
    try:
        os.rename(fresh, out)
    except OSError:  # somebody else was first, with the same content
        shutil.rmtree(fresh)


def load_stubs():
    """Modules of the generated code: .order, .order_grpc, .call, .control, .health, .error_details …"""
    protos = SOURCE / "protos"
    content = hashlib.sha256()
    for path in sorted(protos.rglob("*.proto")):
        content.update(path.read_bytes())
    root = pathlib.Path(os.environ.get("LOCKSTEP_STUBS_DIR") or BIN.parent / "python-stubs")
    out = root / content.hexdigest()[:16]
    if not out.is_dir():
        _generate(protos, out)
    sys.path.insert(0, str(out))
    # Two packages exist already, from Debian: what is generated is looked for there as well.
    google = importlib.import_module("google")
    google.__path__ = [*google.__path__, str(out / "google")]
    grpc.__path__ = [*grpc.__path__, str(out / "grpc")]
    stubs = types.SimpleNamespace()
    for area in ("call", "consumer", "control", "message", "money", "order", "restaurant"):
        setattr(stubs, area, importlib.import_module(f"lockstep.{area}.v1.{area}_pb2"))
        if area not in ("call", "money"):
            setattr(stubs, f"{area}_grpc",
                    importlib.import_module(f"lockstep.{area}.v1.{area}_pb2_grpc"))
    for name in ("account", "fraud", "customer"):
        setattr(stubs, name, importlib.import_module(f"lockstep.consumer.v1.{name}_pb2"))
        setattr(stubs, f"{name}_grpc", importlib.import_module(f"lockstep.consumer.v1.{name}_pb2_grpc"))
    stubs.health = importlib.import_module("grpc.health.v1.health_pb2")
    stubs.health_grpc = importlib.import_module("grpc.health.v1.health_pb2_grpc")
    stubs.status = importlib.import_module("google.rpc.status_pb2")
    stubs.error_details = importlib.import_module("google.rpc.error_details_pb2")
    return stubs


stubs = load_stubs()

BLOCKING = stubs.call.STYLE_BLOCKING
NON_BLOCKING = stubs.call.STYLE_NON_BLOCKING
REPLICA = stubs.call.STYLE_REPLICA
DEFERRED = stubs.call.STYLE_DEFERRED
EVENT_DRIVEN = stubs.call.STYLE_EVENT_DRIVEN
COMMON_DATA = stubs.call.STYLE_COMMON_DATA


def seconds(duration):
    """A google.protobuf.Duration in seconds."""
    return duration.seconds + duration.nanos / 1e9


def set_duration(duration, value):
    """Writes seconds into a google.protobuf.Duration."""
    duration.FromNanoseconds(round(value * 1e9))


# --- errors ------------------------------------------------------------------------------------------


class Error:
    """What a failed call says: the code, and what stands in grpc-status-details-bin."""

    def __init__(self, failed):
        self.code = failed.code()
        self.message = failed.details()
        self.reason = ""  # of ErrorInfo: "POOL_FULL"
        self.metadata = {}
        self.fields = {}  # of BadRequest: the field's path → what is wrong with it
        self.preconditions = []  # of PreconditionFailure: what each is about
        self.retry_after = None  # of RetryInfo, in seconds
        self.receipt = None
        trailers = dict(failed.trailing_metadata() or ())
        status = stubs.status.Status()
        status.ParseFromString(trailers.get("grpc-status-details-bin", b""))
        for detail in status.details:
            self._read(detail)

    def _read(self, detail):
        kinds = stubs.error_details
        info, bad, failure = kinds.ErrorInfo(), kinds.BadRequest(), kinds.PreconditionFailure()
        retry, receipt = kinds.RetryInfo(), stubs.call.Receipt()
        if detail.Unpack(info):
            self.reason, self.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            self.fields = {v.field: v.description for v in bad.field_violations}
        elif detail.Unpack(failure):
            self.preconditions = [v.subject for v in failure.violations]
        elif detail.Unpack(retry):
            self.retry_after = seconds(retry.retry_delay)
        elif detail.Unpack(receipt):
            self.receipt = receipt

    def __repr__(self):
        return f"{self.code.name} {self.reason} {self.message!r} {self.fields or ''}".rstrip()


# --- servers -----------------------------------------------------------------------------------------


class Server:
    """One server process. Its ports are chosen at the first start and kept at every later one.

    name: which program, "order". node: another name for a second process of the same program, "order-2"; db: the
    file that it shares with the first.
    """

    # Calls of a test shall see what the server does, not what a client's own retries make of it; and the server
    # shall see each call's own timeout, not an earlier one that is 3 % longer and in HPACK's table already.
    CHANNEL = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1),
               ("grpc.http2.hpack_table_size.encoder", 0),
               ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100),
               ("grpc.min_reconnect_backoff_ms", 1000), ("grpc.max_receive_message_length", -1),
               ("grpc.max_send_message_length", -1))

    def __init__(self, name, folder, flags=(), node=None, db=None):
        self.name = name
        self.node = node or name
        self.folder = pathlib.Path(folder)
        self.flags = list(flags)
        self.db = pathlib.Path(db or self.folder / f"{name}.db")
        self.addresses = {}  # of the ready file: business, control, and for Order sync
        self.process = None
        self.popen = {}  # more arguments of subprocess.Popen
        self._channels = {}
        module = getattr(stubs, name)
        self._service = module.DESCRIPTOR.services_by_name[f"{name.capitalize()}Service"]
        self._stub_class = getattr(getattr(stubs, f"{name}_grpc"), f"{self._service.name}Stub")

    # --- the process

    @staticmethod
    def program(name):
        path = BIN / f"lockstep-{name}"
        found = str(path) if path.exists() else shutil.which(path.name)
        if not found:
            raise RuntimeError(f"no {path.name} in {BIN} or PATH: build it, or set LOCKSTEP_BIN_DIR")
        return found

    @property
    def log(self):
        """The file with what the server wrote to stderr, of all its starts."""
        return self.folder / f"{self.node}.log"

    @property
    def _ready_file(self):
        return self.folder / f"{self.node}.ready"

    def command(self):
        command = [self.program(self.name), "--db", str(self.db), "--node", self.node,
                   "--ready-file", str(self._ready_file)]
        ports = {"listen": "business", "control": "control"}
        if self.name == "order":
            ports["sync-listen"] = "sync"
        for flag, key in ports.items():
            command += [f"--{flag}", self.addresses.get(key, "127.0.0.1:0")]
        return command + self.flags

    def choose_port(self):
        """Chooses the business port now, so that others can be told it before this server runs."""
        self.addresses.setdefault("business", f"127.0.0.1:{free_port()}")
        return self.addresses["business"]

    def set_flag(self, flag, value):
        """Of later starts: in place of the value that the flag has, if it has one."""
        if flag in self.flags:
            self.flags[self.flags.index(flag) + 1] = str(value)
        else:
            self.flags += [flag, str(value)]

    def start(self, wait=True):
        self._ready_file.unlink(missing_ok=True)
        self._channels.clear()  # not closed: who holds a stub may go on with it
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, **self.popen)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Until the ready file says that every port accepts."""
        ready = self._ready_file
        give_up = time.monotonic() + START_SECONDS
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self.node} did not start, its exit status is "
                                   f"{self.process.poll()}; it said: {self.log.read_text()[-2000:]}")
            time.sleep(0.003)
        said = json.loads(ready.read_text())
        self.addresses = {key: said[key] for key in ("business", "control", "sync") if key in said}

    def stop(self):
        """SIGTERM: the server finishes what is under way. Gives its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a stopped process cannot end
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """SIGKILL: a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pause(self):
        """SIGSTOP: the process is there and does nothing; its connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def threads(self):
        """How many threads the kernel counts in the process."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    # --- its API

    def channel(self, port="business"):
        """A channel to one of the server's ports, a new one after each start: on a connection to the process
        before, the first call could fail."""
        if port not in self._channels:
            self._channels[port] = grpc.insecure_channel(self.addresses[port], self.CHANNEL)
        return self._channels[port]

    @property
    def stub(self):
        return self._stub_class(self.channel())

    @property
    def sync_stub(self):
        """The thread-per-call port. Order only."""
        return self._stub_class(self.channel("sync"))

    @property
    def accounts(self):
        """lockstep.consumer.v1.AccountService. Consumer only."""
        return stubs.account_grpc.AccountServiceStub(self.channel())

    @property
    def control(self):
        return stubs.control_grpc.ControlServiceStub(self.channel("control"))

    @property
    def mailbox(self):
        """lockstep.message.v1.Mailbox."""
        return stubs.message_grpc.MailboxStub(self.channel())

    @property
    def feed(self):
        """lockstep.message.v1.FeedService."""
        return stubs.message_grpc.FeedServiceStub(self.channel())

    def health(self, service="", port="control"):
        """SERVING, NOT_SERVING …"""
        stub = stubs.health_grpc.HealthStub(self.channel(port))
        request = stubs.health.HealthCheckRequest(service=service)
        status = stub.Check(request, timeout=5).status
        return stubs.health.HealthCheckResponse.ServingStatus.Name(status)

    def method(self, name):
        """The full name of one of the server's methods: "lockstep.order.v1.OrderService/GetOrder"."""
        return f"{self._service.full_name}/{name}"

    def slow(self, method, delay):
        """Every call of the method waits so many seconds before it is handled; replaces all faults."""
        request = stubs.control.SetFaultsRequest()
        fault = request.faults.add(method=self.method(method))
        set_duration(fault.fixed_delay, delay)
        self.control.SetFaults(request, timeout=5)

    def clear_faults(self):
        self.control.ClearFaults(stubs.control.ClearFaultsRequest(), timeout=5)

    def ledger(self):
        return self.control.GetLedger(stubs.control.GetLedgerRequest(), timeout=5)

    def backlog(self):
        """What waits, for whom: lockstep.message.v1.Backlog."""
        return self.control.GetBacklog(stubs.control.GetBacklogRequest(), timeout=5)

    def dead_letters(self):
        """The messages that were given up, the oldest first."""
        return self.control.ListMessages(stubs.control.ListMessagesRequest(page_size=1000),
                                         timeout=5).messages

    def set(self, **values):
        """Changes settings: set(drop_expired=False), and of Order set(pool_threads=8)."""
        request = stubs.control.UpdateSettingsRequest()
        for name, value in values.items():
            common = name in stubs.control.Settings.DESCRIPTOR.fields_by_name
            message = request.settings if common else request.settings.order
            request.update_mask.paths.append(name if common else f"order.{name}")
            if message.DESCRIPTOR.fields_by_name[name].message_type is None:
                setattr(message, name, value)
            elif value is not None:  # a duration; None takes it away
                set_duration(getattr(message, name), value)
        return self.control.UpdateSettings(request, timeout=5)

    def close(self):
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()


def free_port():
    """A port of 127.0.0.1 that nobody listens on, from below those that the system gives away by itself."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass  # taken


@functools.lru_cache
def has_flag(name, flag):
    """Whether a server knows a flag: has_flag("consumer", "--peer")."""
    text = subprocess.run([Server.program(name), "--help"], capture_output=True, text=True, check=True)
    return f"{flag} " in text.stdout


class Lockstep:
    """The three servers, in a temporary folder, each told where the others are.

    order, consumer, restaurant: more flags for each. orders: how many lockstep-order processes share one database.
    """

    def __init__(self, order=(), consumer=(), restaurant=(), orders=1):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-"))
        self.common_data = self.folder / "common.db"
        self.consumer = Server("consumer", self.folder, consumer)
        self.restaurant = Server("restaurant", self.folder, restaurant)
        self.orders = [Server("order", self.folder, order, node=f"order-{i + 1}" if i else "order")
                       for i in range(orders)]
        self.order = self.orders[0]
        self.servers = (self.consumer, self.restaurant, *self.orders)

    def __enter__(self):
        try:
            where = ",".join(order.choose_port() for order in self.orders)
            for server in self.servers:
                if has_flag(server.name, "--common-data"):
                    server.flags[:0] = ["--common-data", str(self.common_data)]
            for server in (self.consumer, self.restaurant):
                if has_flag(server.name, "--peer"):
                    server.flags[:0] = ["--peer", f"order={where}"]
                server.start()  # one after the other: both make the file of the common data
            for order in self.orders:
                order.flags[:0] = ["--consumer", self.consumer.addresses["business"],
                                   "--restaurant", self.restaurant.addresses["business"]]
                order.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.close()
            server.kill()  # a test that wants to see an orderly stop says stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def seed(self):
        """One consumer, `ann`, and one restaurant, `corner`, that sells `soup` and `bread`."""
        request = stubs.consumer.CreateConsumerRequest()
        request.consumer.consumer_id = "ann"
        request.consumer.display_name = "Ann Example"
        request.consumer.order_limit.CopyFrom(money(500))
        self.consumer.stub.CreateConsumer(request, timeout=10)
        request = stubs.restaurant.CreateRestaurantRequest()
        request.restaurant.restaurant_id = "corner"
        request.restaurant.display_name = "The Corner"
        request.restaurant.minimum_order.CopyFrom(money(5))
        for item, price in (("soup", money(6, 500_000_000)), ("bread", money(2))):
            request.restaurant.menu_items.add(menu_item_id=item, display_name=item.capitalize(),
                                              price=price)
        self.restaurant.stub.CreateRestaurant(request, timeout=10)
        return self

    @staticmethod
    def new_order(request_id="", style=0, policy=0, **options):
        """Two soups and a bread for ann: 15.00 GBP. options: of OrderOptions, times in seconds."""
        request = stubs.order.CreateOrderRequest(
            request_id=request_id, consumer_id="ann", restaurant_id="corner")
        request.lines.add(menu_item_id="soup", quantity=2)
        request.lines.add(menu_item_id="bread", quantity=1)
        request.delivery_address.street = "1 Long Lane"
        request.delivery_address.city = "London"
        request.delivery_address.postal_code = "N1 1AA"
        request.options.style = style
        request.options.deadline_policy = policy
        for name, value in options.items():
            if name in ("wait_for_ready", "wait_for_final"):
                setattr(request.options, name, value)
            else:
                set_duration(getattr(request.options, name), value)
        return request

    def final(self, order_id, timeout=20.0):
        """Waits until an order is VALIDATED, REJECTED or CANCELLED, and gives it."""
        give_up = time.monotonic() + timeout
        while True:
            order = self.order.stub.GetOrder(stubs.order.GetOrderRequest(order_id=order_id), timeout=5)
            if order.state != stubs.order.Order.STATE_PENDING:
                return order
            if time.monotonic() > give_up:
                raise AssertionError(f"order {order_id} is still PENDING after {timeout} s")
            time.sleep(0.01)


def money(units, nanos=0, currency="GBP"):
    return stubs.money.Money(currency_code=currency, units=units, nanos=nanos)
