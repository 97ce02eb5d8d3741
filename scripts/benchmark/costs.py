"""CPU time a call, ours against bare servers."""
import functools
import sqlite3

from .figure import figure

SAMPLE_ORDERS = 20_000
METHODS = ("create-order", "validate-consumer", "validate-order-details")
TURNS = 4  # of each side in a round: what the machine does to one it soon does to the other


def turns(*sides):
    """Each side so often, forwards and backwards by turns."""
    for turn in range(TURNS):
        yield from sides if turn % 2 == 0 else reversed(sides)


class Cost:
    """CPU seconds of several measurements together, by process."""

    def __init__(self):
        self.calls, self.seconds, self.time = 0, {}, 0.0

    def add(self, result, pids):
        used = {name: result["processes"][str(pid)]["cpu_seconds"] for name, pid in pids.items()}
        used["client"] = result["client_cpu_seconds"]
        self.calls += result["calls"]
        self.time += result["seconds"]
        for name, seconds in used.items():
            self.seconds[name] = self.seconds.get(name, 0) + seconds

    def add_rows(self, result):
        self.calls += result["orders"]
        self.time += result["seconds"]
        self.seconds["rows"] = self.seconds.get("rows", 0) + result["cpu_seconds"]

    def rate(self):
        """Calls a second."""
        return self.calls / self.time

    def us(self, name=None):
        """Microseconds a call: of one process, or of all."""
        return 1e6 * (sum(self.seconds.values()) if name is None else self.seconds[name]) / self.calls


@figure(at_most=1.15)
def server_shell_cpu(bench):
    """CPU a call of our queue server on a method that does nothing ÷ that of a bare completion-queue echo server.

    The server process alone, 64 calls in flight from the same bare client, the same messages in both directions: ours adds
    the receipt to its answer, the bare server's answer has one already.
    """
    ours = bench.start_leaf()
    bare = bench.start("lockstep-bench-reference", "queue-echo")
    synchronous = bench.start("lockstep-bench-reference", "sync-echo")
    for _ in bench.each_round():
        cost = {server: Cost() for server in (ours, bare, synchronous)}
        for turn in turns(ours, bare, synchronous):
            cost[turn].add(bench.closed(turn.target, pids=[turn.pid], method="validate-consumer", seconds=bench.window / 3),
                           {"server": turn.pid})
        yield cost[ours].us("server") / cost[bare].us("server"), {
            "ours µs": cost[ours].us("server"), "bare µs": cost[bare].us("server"),
            "bare synchronous µs": cost[synchronous].us("server"),
            "client µs, of ours": cost[ours].us("client"), "of bare": cost[bare].us("client")}


def take_sample(bench, services):
    """A real order with its answer, and a copy of the order service's database with a few thousand orders."""
    if bench.sample is not None:
        return bench.sample
    messages = bench.path("messages")
    taken = 0
    while taken < SAMPLE_ORDERS:
        taken += bench.closed(services.order.target, "--style", "non-blocking", "--capture", messages)["calls"]
    database = bench.path("sample.db")
    source = sqlite3.connect(f"file:{services.order_db}?mode=ro", uri=True)
    copy = sqlite3.connect(database)
    source.backup(copy)
    copy.close()
    source.close()
    bench.sample = messages, database
    return bench.sample


@figure(at_most=1.4)
def create_order_cpu(bench):
    """CPU of a non-blocking CreateOrder, client and all three services ÷ (3 hops + 1 row); 64 in flight.

    A hop is client and server of a bare completion-queue echo with the same messages (of CreateOrder, ValidateConsumer and
    ValidateOrderDetails, taken from a real order) at the same load: the three run at once, each with 64 in flight, so that
    they share the processors and have about as many calls a second as in orders. (One after the other each has the
    processors for itself, many more calls a second, and costs less; that figure is printed too.) A row is what the order
    service has stored of an order, inserted by a bare SQLite loop into the same schema at 32 orders a commit. The client is
    the same bare one.
    """
    services = bench.start_services()
    messages, sample = take_sample(bench, services)
    bare = {method: bench.start("lockstep-bench-reference", "queue-echo", "--messages", messages) for method in METHODS}
    pids = services.pids()

    def hop(method, costs, seconds):
        costs[method].add(bench.closed(bare[method].target, "--messages", messages, pids=[bare[method].pid], seconds=seconds,
                                       method=method), {"server": bare[method].pid})

    for _ in bench.each_round():
        ours, row = Cost(), Cost()
        together, alone = ({method: Cost() for method in METHODS} for _ in range(2))
        for side in turns("ours", "hops", "alone", "row"):
            if side == "ours":
                ours.add(bench.closed(services.order.target, "--style", "non-blocking", "--messages", messages,
                                      pids=pids.values(), seconds=bench.window / 2), pids)
            elif side == "hops":
                bench.at_once(*(functools.partial(hop, method, together, bench.window / 2) for method in METHODS))
            elif side == "alone":
                for method in METHODS:
                    hop(method, alone, bench.window / 8)
            else:
                rows = bench.path("rows.db")
                row.add_rows(bench.program("lockstep-bench-reference", "insert", "--like", sample, "--db", rows))
                bench.remove_database(rows)
        hops = sum(cost.us() for cost in together.values())
        hops_alone = sum(cost.us() for cost in alone.values())
        yield ours.us() / (hops + row.us()), {
            "ours µs": ours.us(), "3 hops µs": hops, "row µs": row.us(),
            **{f"{name} µs": ours.us(name) for name in ours.seconds}, "orders/s": ours.rate(),
            **{f"hops/s {method}": cost.rate() for method, cost in together.items()},
            "3 hops, each alone µs": hops_alone, "ratio to those": ours.us() / (hops_alone + row.us()),
            "row commit wall µs": 32e6 * row.time / row.calls}
