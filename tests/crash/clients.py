"""What puts a server under load while it is killed: clients that place orders, and editors that change records.

Each repeats what it asked for until it knows what became of it, as a caller does whom the crash of a server befalls.
Threads: one each; what they were told is to be read once they have ended.
"""

import random
import threading
import time

import grpc

from checker import CANCELLED, REJECTED, VALIDATED, Told
from lockstep_harness import (BLOCKING, COMMON_DATA, DEFERRED, EVENT_DRIVEN, NON_BLOCKING, REPLICA, Error, stubs)

# Those that answer first are where messages are, so they come more often.
STYLES = (BLOCKING, NON_BLOCKING, REPLICA, DEFERRED, DEFERRED, EVENT_DRIVEN, EVENT_DRIVEN, COMMON_DATA)
OUTCOMES = {stubs.order.Order.STATE_VALIDATED: VALIDATED, stubs.order.Order.STATE_CANCELLED: CANCELLED}
# One of the three is gone just now: what was asked for is done, or not, and is asked for again.
UNKNOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
FINAL_SECONDS = 30


class Caller(threading.Thread):
    """Does step() again and again until it is to stop. An error that no crash explains is in failed."""

    def __init__(self, lockstep, stopping, chance):
        super().__init__(daemon=True)
        self.lockstep, self.stopping, self.chance = lockstep, stopping, chance
        self.unknown, self.failed = 0, None

    def step(self):
        raise NotImplementedError

    def run(self):
        try:
            while not self.stopping.is_set():
                self.step()
        except Exception as failed:  # pylint: disable=broad-except
            self.failed = failed

    def ask(self, method, request):
        """The answer, an error that is one, or None if it is to stop and does not know."""
        while True:
            try:
                return method(request, timeout=5, wait_for_ready=True)
            except grpc.RpcError as failed:
                error = Error(failed)
                if error.code not in UNKNOWN:
                    return error
                self.unknown += 1
                if self.stopping.wait(self.chance.uniform(0.0, 0.05)):  # a moment, as RetryInfo asks
                    return None


class Client(Caller):
    """Places one order after the other. told: request id → what it knows of it."""

    def __init__(self, lockstep, stopping, chance, name):
        super().__init__(lockstep, stopping, chance)
        self.name_of_requests, self.count, self.told, self.acknowledged = name, 0, {}, 0
        self.stub = lockstep.order.stub

    def step(self):
        self.count += 1
        request_id = f"{self.name_of_requests}-{self.count}"
        told = self.told[request_id] = Told()
        request = self.lockstep.new_order(request_id, self.chance.choice(STYLES))
        if self.chance.random() < 0.1:
            request.lines[0].menu_item_id = "caviar"
        reply = self.ask(self.stub.CreateOrder, request)
        if reply is None:
            return
        if not isinstance(reply, Error):
            told.order_id, told.final = reply.order.order_id, OUTCOMES.get(reply.order.state, -1)
        elif reply.code == grpc.StatusCode.FAILED_PRECONDITION:
            told.order_id, told.final = reply.metadata["order_id"], REJECTED
        else:
            raise AssertionError(f"{request_id}: {reply}")
        self.acknowledged += 1


class Editor(Caller):
    """Renames the consumer and a dish, at most about 100 times a second, and notes the versions it was told."""

    def __init__(self, lockstep, stopping, chance):
        super().__init__(lockstep, stopping, chance)
        self.stubs = {"consumer": lockstep.consumer.stub, "restaurant": lockstep.restaurant.stub}
        self.versions = {"consumer": 0, "restaurant": 0}  # acknowledged
        self.count = 0

    def step(self):
        self.count += 1
        consumer = stubs.consumer.UpdateConsumerRequest()
        consumer.consumer.consumer_id, consumer.consumer.display_name = "ann", f"Ann {self.count} {self.chance.random()}"
        consumer.update_mask.paths.append("display_name")
        self.note("consumer", self.ask(self.stubs["consumer"].UpdateConsumer, consumer))
        menu = stubs.restaurant.ReviseMenuRequest(restaurant_id="corner")
        item = menu.put_items.add(menu_item_id="soup", display_name=f"Soup {self.count} {self.chance.random()}")
        item.price.currency_code, item.price.units, item.price.nanos = "GBP", 6, 500_000_000
        self.note("restaurant", self.ask(self.stubs["restaurant"].ReviseMenu, menu))
        self.stopping.wait(0.01)

    def note(self, owner, reply):
        if isinstance(reply, Error):
            raise AssertionError(f"{owner}: {reply}")
        if reply is not None:
            self.versions[owner] = reply.version

    def lost(self):
        """The records that are older than what was acknowledged."""
        consumer = self.stubs["consumer"].GetConsumer(stubs.consumer.GetConsumerRequest(consumer_id="ann"), timeout=5)
        restaurant = self.stubs["restaurant"].GetRestaurant(
            stubs.restaurant.GetRestaurantRequest(restaurant_id="corner"), timeout=5)
        there = {"consumer": consumer.version, "restaurant": restaurant.version}
        return [f"record: {owner} is at version {there[owner]}, {told} was acknowledged"
                for owner, told in self.versions.items() if there[owner] < told]


class Load:
    """Clients, and an editor if wanted, from start to stop; what they were told."""

    def __init__(self, lockstep, seed, name, clients, edit=False):
        self._stopping = threading.Event()
        chances = [random.Random(f"{seed} {name} {number}") for number in range(clients + 1)]
        self.clients = [Client(lockstep, self._stopping, chance, f"{name}-{number}")
                        for number, chance in enumerate(chances[1:])]
        self.editor = Editor(lockstep, self._stopping, chances[0]) if edit else None
        self._callers = self.clients + ([self.editor] if edit else [])

    def start(self):
        for caller in self._callers:
            caller.start()
        return self

    def stop(self):
        self._stopping.set()
        for caller in self._callers:
            caller.join(60)
            if caller.failed:
                raise caller.failed
            if caller.is_alive():
                raise AssertionError("a call has not ended within 60 s")
        return self

    def accepted(self):
        """How many orders have been acknowledged so far."""
        return sum(client.acknowledged for client in self.clients)

    def unknown(self):
        return sum(caller.unknown for caller in self._callers)

    def told(self):
        return {request_id: told for client in self.clients for request_id, told in client.told.items()}


def wait_until_final(lockstep, what):
    """Until no order is PENDING and no message waits; gives how long that took."""
    begun = time.monotonic()
    while True:
        waiting = [lockstep.order.backlog().orders_pending]
        waiting += [sum(d.waiting for d in server.backlog().destinations) for server in lockstep.servers]
        if not any(waiting):
            return time.monotonic() - begun
        if time.monotonic() - begun > FINAL_SECONDS:
            raise AssertionError(f"{what}: still waiting after {FINAL_SECONDS} s: {waiting}")
        time.sleep(0.02)
