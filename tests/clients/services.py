"""The three services on free ports, for the tests in this folder, with what they order from.

Each test class has its own services, started by `with Services() as services`, and stopped with it.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("LOCKSTEP_SOURCE_DIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAMS = os.environ.get("LOCKSTEP_BIN_DIR") or os.path.join(SOURCE, "build", "release", "bin")
PYTHON_EXAMPLE = os.path.join(SOURCE, "examples", "python")
NODE_EXAMPLE = os.path.join(SOURCE, "examples", "node")
START_SECONDS = 60  # a loaded machine; a server is up in under 0.1 s on an idle one

subprocess.run([os.path.join(PYTHON_EXAMPLE, "generate")], check=True)
sys.path[:0] = [os.path.join(SOURCE, "build", "python"), PYTHON_EXAMPLE]

import grpc  # noqa: E402
from lockstep.consumer.v1 import consumer_pb2, consumer_pb2_grpc  # noqa: E402
from lockstep.control.v1 import control_pb2, control_pb2_grpc  # noqa: E402
from lockstep.money.v1 import money_pb2  # noqa: E402
from lockstep.order.v1 import order_pb2_grpc  # noqa: E402
from lockstep.restaurant.v1 import restaurant_pb2, restaurant_pb2_grpc  # noqa: E402

TIMEOUT = 30  # seconds, of calls whose time is not what a test is about
LONGEST_ID = "r" * 64  # of a second restaurant with the same menu: what errors say of it is as long as it gets
VALIDATE_ORDER_DETAILS = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails"


def skip_all(why):
    """Ends the test as skipped, which ctest reads off the line."""
    print(f"SKIPPED: {why}")
    sys.exit(0)


def pounds(pence):
    return money_pb2.Money(currency_code="GBP", units=pence // 100, nanos=pence % 100 * 10_000_000)


class Services:
    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="lockstep-clients-")
        self._processes = {}
        self._channels = []
        self.ready = {}  # {"order": {"business": "127.0.0.1:…", "control": …, "sync": …}, …}

    def __enter__(self):
        try:
            for node in ("consumer", "restaurant"):
                self._start(node)
            self._start("order", "--sync-listen", "127.0.0.1:0", "--consumer", self.ready["consumer"]["business"],
                        "--restaurant", self.ready["restaurant"]["business"])
        except BaseException:
            self.__exit__()
            raise
        self.orders = order_pb2_grpc.OrderServiceStub(self._channel("order", "business"))
        self.restaurant_control = control_pb2_grpc.ControlServiceStub(self._channel("restaurant", "control"))
        self.order_control = control_pb2_grpc.ControlServiceStub(self._channel("order", "control"))
        self._load()
        return self

    def __exit__(self, *_):
        for channel in self._channels:
            channel.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def slow_restaurant(self, seconds):
        """Each verdict of the restaurant takes so much longer, from now on; 0: no longer."""
        faults = control_pb2.SetFaultsRequest()
        if seconds:
            faults.faults.add(method=VALIDATE_ORDER_DETAILS).fixed_delay.FromMilliseconds(round(seconds * 1000))
        self.restaurant_control.SetFaults(faults, timeout=TIMEOUT)

    def _channel(self, node, address):
        self._channels.append(grpc.insecure_channel(self.ready[node][address]))
        return self._channels[-1]

    def _start(self, node, *arguments):
        path = os.path.join(self._folder.name, node)
        with open(path + ".log", "wb") as log:
            self._processes[node] = subprocess.Popen(
                [os.path.join(PROGRAMS, "lockstep-" + node), "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
                 "--db", path + ".db", "--ready-file", path + ".ready", *arguments], stderr=log)
        until = time.monotonic() + START_SECONDS
        while not os.path.exists(path + ".ready"):
            if self._processes[node].poll() is not None or time.monotonic() > until:
                with open(path + ".log", encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"lockstep-{node} did not start: {log.read()}")
            time.sleep(0.01)
        with open(path + ".ready", encoding="utf-8") as ready:
            self.ready[node] = json.load(ready)

    def _load(self):
        """What the example clients order from has the ids that it has in the sample data."""
        consumers = consumer_pb2_grpc.ConsumerServiceStub(self._channel("consumer", "business"))
        states = {"c0001": consumer_pb2.Consumer.STATE_ACTIVE, "suspended": consumer_pb2.Consumer.STATE_SUSPENDED}
        for consumer_id, state in states.items():
            consumer = consumer_pb2.Consumer(
                consumer_id=consumer_id, display_name="Hugo Fairley", state=state, order_limit=pounds(250_00))
            consumers.CreateConsumer(consumer_pb2.CreateConsumerRequest(consumer=consumer), timeout=TIMEOUT)
        restaurants = restaurant_pb2_grpc.RestaurantServiceStub(self._channel("restaurant", "business"))
        item = restaurant_pb2.MenuItem
        for restaurant_id in ("forno-bianco", LONGEST_ID):
            restaurant = restaurant_pb2.Restaurant(
                restaurant_id=restaurant_id, display_name="Forno Bianco", minimum_order=pounds(10_00),
                delivery_area=restaurant_pb2.DeliveryArea(postal_code_prefixes=["HM1"]),
                menu_items=[
                    item(menu_item_id="margherita", display_name="Margherita", price=pounds(9_50)),
                    item(menu_item_id="sold-out", display_name="Calzone", price=pounds(11_00),
                         availability=item.AVAILABILITY_SOLD_OUT)])
            restaurants.CreateRestaurant(restaurant_pb2.CreateRestaurantRequest(restaurant=restaurant), timeout=TIMEOUT)
