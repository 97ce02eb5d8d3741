"""The three services on free ports, for the tests in this folder, with what they order from.

Each test class has its own, by `cls.enterClassContext(Services())`.
"""
import os
import sys

SOURCE = os.environ.get("LOCKSTEP_SOURCE_DIR") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PYTHON_EXAMPLE = os.path.join(SOURCE, "examples", "python")
NODE_EXAMPLE = os.path.join(SOURCE, "examples", "node")
sys.path[:0] = [PYTHON_EXAMPLE, os.path.join(SOURCE, "examples", "harness")]

from lockstep_harness import Lockstep, money, stubs  # noqa: E402

TIMEOUT = 30  # seconds, of calls whose time is not what a test is about
LONGEST_ID = "r" * 64  # of a second restaurant with the same menu: what errors say of it is as long as it gets


def skip_all(why):
    """Ends the test as skipped, which ctest reads off the line."""
    print(f"SKIPPED: {why}")
    sys.exit(0)


class Services(Lockstep):
    def __enter__(self):
        super().__enter__()
        try:
            self._load()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @property
    def ready(self):
        """{"order": {"business": "127.0.0.1:…", "control": …, "sync": …}, "consumer": …, "restaurant": …}"""
        return {server.name: server.addresses for server in self.servers}

    def slow_restaurant(self, delay):
        """Each verdict of the restaurant takes so many seconds longer, from now on; 0: no longer."""
        if delay:
            self.restaurant.slow("ValidateOrderDetails", delay)
        else:
            self.restaurant.clear_faults()

    def _load(self):
        """What the example clients order from has the ids that it has in the sample data."""
        states = {"c0001": stubs.consumer.Consumer.STATE_ACTIVE, "suspended": stubs.consumer.Consumer.STATE_SUSPENDED}
        for consumer_id, state in states.items():
            consumer = stubs.consumer.Consumer(
                consumer_id=consumer_id, display_name="Hugo Fairley", state=state, order_limit=money(250))
            self.consumer.stub.CreateConsumer(stubs.consumer.CreateConsumerRequest(consumer=consumer), timeout=TIMEOUT)
        item = stubs.restaurant.MenuItem
        for restaurant_id in ("forno-bianco", LONGEST_ID):
            restaurant = stubs.restaurant.Restaurant(
                restaurant_id=restaurant_id, display_name="Forno Bianco", minimum_order=money(10),
                delivery_area=stubs.restaurant.DeliveryArea(postal_code_prefixes=["HM1"]),
                menu_items=[
                    item(menu_item_id="margherita", display_name="Margherita", price=money(9, 500_000_000)),
                    item(menu_item_id="sold-out", display_name="Calzone", price=money(11),
                         availability=item.AVAILABILITY_SOLD_OUT)])
            self.restaurant.stub.CreateRestaurant(
                stubs.restaurant.CreateRestaurantRequest(restaurant=restaurant), timeout=TIMEOUT)
