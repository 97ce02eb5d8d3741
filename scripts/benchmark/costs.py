"""CPU time a call, ours against bare servers."""
import sqlite3

from .figure import figure
from .programs import cpu_us

SAMPLE_ORDERS = 20_000


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
        cost = {}
        for server in (ours, bare, synchronous):
            result = bench.closed(server.target, pids=[server.pid], method="validate-consumer")
            cost[server] = (cpu_us(result, server.pid), cpu_us(result))
        yield cost[ours][0] / cost[bare][0], {
            "ours µs": cost[ours][0], "bare µs": cost[bare][0], "bare synchronous µs": cost[synchronous][0],
            "client µs, of ours": cost[ours][1], "of bare": cost[bare][1]}


def take_sample(bench, services):
    """A real order with its answer, and a copy of the order service's database with a few thousand orders."""
    if bench.sample is not None:
        return bench.sample
    messages = bench.path("messages")
    taken = 0
    while taken < SAMPLE_ORDERS:
        taken += bench.closed(services.order.target, "--style", "non-blocking", "--capture", messages)["calls"]
    database = bench.path("sample.db")
    source = sqlite3.connect(f"file:{services.order.db}?mode=ro", uri=True)
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
    for _ in bench.each_round():
        ours = bench.closed(services.order.target, "--style", "non-blocking", "--messages", messages, pids=pids.values())
        cost = {name: cpu_us(ours, pid) for name, pid in pids.items()} | {"client": cpu_us(ours)}
        hops = 0
        for method in ("create-order", "validate-consumer", "validate-order-details"):
            hop = bench.closed(bare.target, "--messages", messages, pids=[bare.pid], seconds=bench.window / 2, method=method)
            hops += cpu_us(hop, bare.pid) + cpu_us(hop)
        loop = bench.program("lockstep-bench-reference", "insert", "--like", sample, "--db", bench.path("rows.db"))
        row = 1e6 * loop["cpu_seconds"] / loop["orders"]
        yield sum(cost.values()) / (hops + row), {
            "ours µs": sum(cost.values()), "3 hops µs": hops, "row µs": row, **{f"{n} µs": c for n, c in cost.items()},
            "orders/s": ours["rate"]}
