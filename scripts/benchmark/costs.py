"""CPU time a call, ours against bare servers."""
import sqlite3

from .figure import figure

SAMPLE_ORDERS = 20_000
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

    A hop is client and server of a bare completion-queue echo with the same messages at the same load (CreateOrder,
    ValidateConsumer and ValidateOrderDetails, taken from a real order); a row is what the order service has stored of an
    order, inserted by a bare SQLite loop into the same schema at 32 orders a commit. The client is the same bare one.
    """
    services = bench.start_services()
    messages, sample = take_sample(bench, services)
    bare = bench.start("lockstep-bench-reference", "queue-echo", "--messages", messages)
    pids = services.pids()
    methods = ("create-order", "validate-consumer", "validate-order-details")
    for _ in bench.each_round():
        ours, row, hops = Cost(), Cost(), {method: Cost() for method in methods}
        for side in turns("ours", *methods, "row"):
            if side == "ours":
                ours.add(bench.closed(services.order.target, "--style", "non-blocking", "--messages", messages,
                                      pids=pids.values(), seconds=bench.window / 2), pids)
            elif side == "row":
                row.add_rows(bench.program("lockstep-bench-reference", "insert", "--like", sample,
                                           "--db", bench.path("rows.db"), "--seconds", 1))
            else:
                hops[side].add(bench.closed(bare.target, "--messages", messages, pids=[bare.pid], seconds=bench.window / 4,
                                            method=side), {"server": bare.pid})
        reference = sum(hop.us() for hop in hops.values()) + row.us()
        yield ours.us() / reference, {
            "ours µs": ours.us(), "3 hops µs": reference - row.us(), "row µs": row.us(),
            **{f"{name} µs": ours.us(name) for name in ours.seconds},
            "orders/s": ours.calls / ours.time, "row commit wall µs": 32e6 * row.time / row.calls}
