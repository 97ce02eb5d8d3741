"""E21: the price of a replica. Orders accepted on stale data = λ·P(that menu changed within the lag); 0 in the
styles that ask; and the audit finds each of them, which an oracle that knows every change confirms."""

import threading
import time

import tolerances
from delayed_link import DelayedLink
from experiment import Experiment, repeated_when_busy, until
from load import Load, evenly
from lockstep_harness import BLOCKING, NON_BLOCKING, Lockstep, money, stubs

REPLICA = stubs.call.STYLE_REPLICA
COMMON_DATA = stubs.call.STYLE_COMMON_DATA
RATE = 80  # λ, orders/s
DURATION = 12.0  # seconds
PERIOD = 1.5  # between changes of the menu, in seconds
LAG = 0.4  # of the feed


class StaleOrders(Experiment):
    name = "E21"

    def world(self, far):
        """far: whether Order hears of changes only LAG later. Gives the servers."""
        lockstep = self.enterContext(Lockstep()).seed()
        if far:
            lockstep.order.kill()
            link = self.enterContext(DelayedLink(lockstep.restaurant.addresses["business"], LAG))
            lockstep.order.set_flag("--restaurant", link.address)
            lockstep.order.start()
        return lockstep

    def change_menus(self, lockstep, until_event, versions):
        """Changes the price of the soup each PERIOD; notes when each version was made, by Restaurant's clock."""
        units = 6
        while not until_event.wait(PERIOD):
            units = 13 - units
            request = stubs.restaurant.ReviseMenuRequest(restaurant_id="corner")
            request.put_items.add(menu_item_id="soup", display_name="Soup", price=money(units))
            changed = lockstep.restaurant.stub.ReviseMenu(request, timeout=10)
            versions[changed.version] = changed.update_time.ToNanoseconds()

    def run_style(self, lockstep, style, seed):
        """The load with the changes beside it. Gives the orders that were accepted, those that were accepted on
        stale data by the history of changes, and the number of changes."""
        until(lambda: self.accepts(lockstep, style), "the style takes orders")
        over, versions = threading.Event(), {}
        changing = threading.Thread(target=self.change_menus, args=(lockstep, over, versions))
        changing.start()
        load = Load(lockstep.order.stub.CreateOrder, lockstep.new_order(style=style),
                    evenly(RATE, DURATION, seed), 10)
        load.start()
        load.wait()
        over.set()
        changing.join()
        self.check_generator(load, LAG)
        self.assertEqual(load.codes(), {"OK": len(load.calls)})
        accepted, stale = [], set()
        for call in load.accepted():
            verdict = call.reply.order.restaurant_verdict
            later = [made for version, made in versions.items() if version > verdict.restaurant_version]
            accepted.append(call.reply.order.order_id)
            if any(made <= verdict.judge_time.ToNanoseconds() for made in later):
                stale.add(call.reply.order.order_id)
        return accepted, stale, len(versions)

    @staticmethod
    def accepts(lockstep, style):
        try:
            return lockstep.order.stub.CreateOrder(lockstep.new_order(style=style), timeout=10)
        except Exception:  # pylint: disable=broad-except
            return None

    @staticmethod
    def marked(lockstep):
        """The orders that the audit has marked."""
        found, token = set(), ""
        while True:
            request = stubs.order.ListOrdersRequest(page_size=1000, page_token=token)
            page = lockstep.order.stub.ListOrders(request, timeout=30)
            found |= {order.order_id for order in page.orders if order.accepted_on_stale_data}
            token = page.next_page_token
            if not token:
                return found

    def check_audit(self, lockstep, stale):
        until(lambda: len(self.marked(lockstep)) >= len(stale), "the audit has found them")
        self.assertEqual(self.marked(lockstep), stale, "exactly those of the history")
        self.assertEqual(lockstep.order.ledger().messages.orders_on_stale_data, len(stale))

    @repeated_when_busy
    def test_replica(self, seed):
        lockstep = self.world(far=True)
        self.watch_machine(lockstep)
        predicted = self.predict("replica: share of orders accepted on stale data", LAG / PERIOD,
                                 tolerances.STALE)
        accepted, stale, changes = self.run_style(lockstep, REPLICA, seed)
        # Changes in the middle of the load: the first comes a period after its begin.
        exposed = RATE * PERIOD * changes
        predicted.check(len(stale) / exposed)
        self.assertGreater(len(accepted), exposed / 2)
        self.check_audit(lockstep, stale)

    @repeated_when_busy
    def test_common_data(self, seed):
        lockstep = self.world(far=False)
        self.watch_machine(lockstep)
        _, stale, _ = self.run_style(lockstep, COMMON_DATA, seed)
        print(f"E21 common data: {len(stale)} orders accepted on stale data", flush=True)
        self.check_audit(lockstep, stale)

    @repeated_when_busy
    def test_styles_that_ask(self, seed):
        lockstep = self.world(far=False)
        self.watch_machine(lockstep)
        for style, name in ((BLOCKING, "blocking"), (NON_BLOCKING, "non-blocking")):
            none = self.predict_at_most(f"{name}: orders marked as accepted on stale data", 0, excusable=False)
            began = time.monotonic()
            self.run_style(lockstep, style, seed)
            none.check(len(self.marked(lockstep)))
            self.assertGreater(time.monotonic() - began, DURATION / 2)


if __name__ == "__main__":
    import unittest

    unittest.main()
