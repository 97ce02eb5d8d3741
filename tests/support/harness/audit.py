"""Whether portions, pennies, points and orders add up, by what the three services say of themselves.

    audit = Audit(lockstep)
    audit.wait_until_quiet()
    self.assertEqual(audit.violations(), [])

Quiet: nothing waits in an outbox, no order is PENDING, nothing is held or authorised. The rules, each with a name that a
violation begins with:
  portions   stocked = sold + reserved + left, and sold is what the VALIDATED orders have of the item
  pennies    balance = deposits - captured; captured is what the VALIDATED orders cost that were paid by ACCOUNT
  points     one for each whole unit of these orders, each by itself
  open       no reservation is held and no payment is authorised once it is quiet
  order      each reservation and each payment that stands has its VALIDATED order, and the other way round
  ledger     the sums of the ledger are zero for each unit
"""

import collections
import time

from experiment import until
from lockstep_harness import stubs

NANOS = 1_000_000_000
VALIDATED = stubs.order.Order.STATE_VALIDATED
ACCOUNT = stubs.order.Order.PAYMENT_METHOD_ACCOUNT
CONFIRMED = stubs.restaurant.Reservation.STATE_CONFIRMED
HELD = stubs.restaurant.Reservation.STATE_HELD
AUTHORIZED = stubs.account.Payment.STATE_AUTHORIZED
CAPTURED = stubs.account.Payment.STATE_CAPTURED


def nanos(money):
    return money.units * NANOS + money.nanos


def every(method, request, field):
    """All pages of a list."""
    found = []
    request.page_size = 1000
    while True:
        page = method(request, timeout=30)
        found += getattr(page, field)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


class Audit:
    def __init__(self, lockstep, deposits=None):
        """deposits: consumer → what was put in, in nanos."""
        self._lockstep = lockstep
        self._deposits = deposits or {}
        self._found = []

    # --- what they say

    def orders(self):
        return every(self._lockstep.order.stub.ListOrders, stubs.order.ListOrdersRequest(), "orders")

    def reservations(self, state=0):
        return every(self._lockstep.restaurant.stub.ListReservations, stubs.restaurant.ListReservationsRequest(state=state),
                     "reservations")

    def payments(self, state=0):
        return every(self._lockstep.consumer.accounts.ListPayments, stubs.account.ListPaymentsRequest(state=state),
                     "payments")

    def stock(self):
        restaurants = every(self._lockstep.restaurant.stub.ListRestaurants, stubs.restaurant.ListRestaurantsRequest(),
                            "restaurants")
        request = stubs.restaurant.GetStockRequest()
        for restaurant in restaurants:
            request.queries.add(restaurant_id=restaurant.restaurant_id)
        return self._lockstep.restaurant.stub.GetStock(request, timeout=30).items

    # --- whether it adds up

    def open(self):
        """What is not settled yet, as texts."""
        waiting = {f"messages of {server.node} for {destination.destination}": destination.waiting
                   for server in self._lockstep.servers for destination in server.backlog().destinations}
        waiting["orders pending"] = self._lockstep.order.backlog().orders_pending
        waiting["reservations held"] = len(self.reservations(HELD))
        waiting["payments authorised"] = len(self.payments(AUTHORIZED))
        return {what: count for what, count in waiting.items() if count}

    def wait_until_quiet(self, seconds=30):
        begun = time.monotonic()
        until(lambda: not self.open(), f"everything is settled: {self.open()}", seconds)
        return time.monotonic() - begun

    def violations(self):
        self._found = []
        orders = {order.order_id: order for order in self.orders() if order.state == VALIDATED}
        self._check_portions(orders)
        self._check_pennies(orders)
        return self._found

    def _say(self, rule, what):
        if len(self._found) < 20:
            self._found.append(f"{rule}: {what}")

    def _check_portions(self, orders):
        ordered = collections.Counter()
        for order in orders.values():
            for line in order.lines:
                if line.limited:
                    ordered[order.restaurant_id, line.menu_item_id] += line.quantity
        for item in self.stock():
            if item.stocked != item.sold + item.reserved + item.left or item.left < 0:
                self._say("portions", f"{item.menu_item_id}: {item.stocked} stocked, {item.sold} sold, {item.reserved} "
                                      f"reserved, {item.left} left")
            sold = ordered[item.restaurant_id, item.menu_item_id]
            if sold != item.sold:
                self._say("portions", f"{item.menu_item_id}: {item.sold} sold, VALIDATED orders have {sold}")
        self._check_each(orders, lambda order: any(line.limited for line in order.lines), "reservation",
                         {r.order_id: r.state for r in self.reservations()}, CONFIRMED, HELD)

    def _check_pennies(self, orders):
        captured, points = collections.Counter(), collections.Counter()
        for order in orders.values():
            if order.payment_method == ACCOUNT:
                captured[order.consumer_id] += nanos(order.total)
                points[order.consumer_id] += order.total.units
        accounts = self._lockstep.consumer.accounts
        for account in every(accounts.ListAccounts, stubs.account.ListAccountsRequest(), "accounts"):
            name = account.consumer_id
            put_in = self._deposits.get(name, 0)
            if nanos(account.balance) != put_in - captured[name]:
                self._say("pennies", f"{name}: put in {put_in}, orders {captured[name]}, balance {nanos(account.balance)}")
            if nanos(account.balance) - nanos(account.held) < -nanos(account.credit_limit):
                self._say("pennies", f"{name} is past its credit limit")
            if account.points != points[name]:
                self._say("points", f"{name} has {account.points}, orders bring {points[name]}")
        self._check_each(orders, lambda order: order.payment_method == ACCOUNT, "payment",
                         {p.order_id: p.state for p in self.payments()}, CAPTURED, AUTHORIZED)
        units = collections.Counter()
        for row in every(accounts.ListLedgerSums, stubs.account.ListLedgerSumsRequest(), "sums"):
            units[row.unit] += row.sum
        for unit, total in units.items():
            if total:
                self._say("ledger", f"the entries in {unit} add up to {total}")

    def _check_each(self, orders, wants, what, states, done, still_open):
        for order_id, state in states.items():
            if state == still_open:
                self._say("open", f"{what} of {order_id} is neither confirmed nor undone")
            if state == done and order_id not in orders:
                self._say("order", f"{what} of {order_id} stands, which is no VALIDATED order")
        for order_id, order in orders.items():
            if wants(order) and states.get(order_id) != done:
                self._say("order", f"{order_id} is VALIDATED, its {what} is in state {states.get(order_id)}")
