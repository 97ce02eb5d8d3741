"""Orders a second: styles against each other, the cap of the pool, group commit, many in flight, a large store."""
import contextlib
import hashlib
import sqlite3

from .costs import Cost, take_sample, turns
from .figure import figure
from .programs import Failed, cpu_us

POOL_CAPPED = 16
DELAY_MS = 5


def rate(bench, order, style="non-blocking", in_flight=64, **more):
    return bench.closed(order.target, "--style", style, "--in-flight", in_flight, **more)["rate"]


@figure(at_least=1.4)
def non_blocking_over_blocking(bench):
    """Orders a second in style NON_BLOCKING ÷ in style BLOCKING; 64 in flight, a pool of 64, all healthy."""
    services = bench.start_services("--pool-threads", 64)
    rate(bench, services.order, "blocking", seconds=0.5)  # so that the pool's threads are there
    for _ in bench.each_round():
        non_blocking = rate(bench, services.order, "non-blocking")
        blocking = rate(bench, services.order, "blocking")
        yield non_blocking / blocking, {"non-blocking/s": non_blocking, "blocking/s": blocking}


def start_all_styles(bench, style):
    services = bench.start_services(all_styles=True)

    def accepted():
        try:
            rate(bench, services.order, style, seconds=0.5)
            return True
        except Failed:
            return False

    bench.wait_until(accepted, f"Order takes orders in style {style}")
    return services


def compare(bench, services, *sides):
    """One round: the cost of an order in each of these (name, style, whether Consumer and Restaurant stand still). What one
    leaves to be delivered is delivered before the next one's turn."""
    pids = services.pids()
    costs = {name: Cost() for name, _, _ in sides}
    for name, style, still in turns(*sides):
        bench.wait_until(lambda: services.messages_waiting() == 0, "all messages are delivered")
        with services.owners_still() if still else contextlib.nullcontext():
            costs[name].add(bench.closed(services.order.target, "--style", style, pids=pids.values(),
                                         seconds=bench.window / 2), pids)
    return costs


def explain(costs, name):
    base = costs["non-blocking"]
    return {f"CPU of all, {name} ÷ non-blocking": costs[name].us() / base.us(),
            f"CPU of Order, {name} ÷ non-blocking": costs[name].us("order") / base.us("order")}


def each_rate_and_cpu(costs):
    rates = {f"{name}/s": cost.rate() for name, cost in costs.items()}
    return rates | {f"{process} µs {name}": cost.us(process) for name, cost in costs.items() for process in cost.seconds}


@figure(at_least=1.8)
def replica_over_non_blocking(bench):
    """Orders a second in style REPLICA ÷ in style NON_BLOCKING; 64 in flight, all healthy."""
    services = start_all_styles(bench, "replica")
    for _ in bench.each_round():
        costs = compare(bench, services, ("replica", "replica", False), ("non-blocking", "non-blocking", False))
        yield (costs["replica"].rate() / costs["non-blocking"].rate(),
               explain(costs, "replica") | each_rate_and_cpu(costs))


@figure(at_least=1.8)
def deferred_over_non_blocking(bench):
    """Orders accepted a second in style DEFERRED, on the request path ÷ in style NON_BLOCKING; 64 in flight.

    The request path is what the caller waits for: Consumer and Restaurant stand still meanwhile (SIGSTOP), and the messages
    wait in the outbox until the turn is over. With messages delivered, judged and answered at the same time by the same
    processors an order is about as much work as in NON_BLOCKING; that ratio is printed too ("delivered").
    """
    services = start_all_styles(bench, "deferred")
    for _ in bench.each_round():
        costs = compare(bench, services, ("deferred", "deferred", True), ("non-blocking", "non-blocking", False),
                        ("delivered", "deferred", False))
        yield costs["deferred"].rate() / costs["non-blocking"].rate(), {
            **explain(costs, "deferred"), "delivered ÷ non-blocking": costs["delivered"].rate() / costs["non-blocking"].rate(),
            **explain(costs, "delivered"), **each_rate_and_cpu(costs)}


def start_capped(bench):
    services = bench.start_services("--pool-threads", POOL_CAPPED)
    bench.delay_both(services, DELAY_MS)
    rate(bench, services.order, "blocking", seconds=0.5)
    return services


@figure(at_least=0.9, at_most=1.1)
def blocking_cap(bench):
    """Orders a second in style BLOCKING ÷ what the pool allows, N/(Dc+Dr); N = 16 threads, Dc = Dr = 5 ms, 64 in flight."""
    services = start_capped(bench)
    predicted = POOL_CAPPED / (2 * DELAY_MS / 1000)
    for _ in bench.each_round():
        measured = rate(bench, services.order, "blocking")
        yield measured / predicted, {"measured/s": measured, "predicted/s": predicted}


@figure(at_least=4)
def non_blocking_over_capped(bench):
    """Orders a second in style NON_BLOCKING ÷ in style BLOCKING where blocking_cap has its cap; 64 in flight in both."""
    services = start_capped(bench)
    for _ in bench.each_round():
        non_blocking = rate(bench, services.order, "non-blocking")
        capped = rate(bench, services.order, "blocking")
        yield non_blocking / capped, {"non-blocking/s": non_blocking, "capped/s": capped}


@figure(at_least=5)
def group_commit_gain(bench):
    """Items a second of the store alone with group commit ÷ with one commit each; 64 items waiting at any moment.

    An item is the rows of an order. The databases are on the disk that --dir says.
    """
    for _ in bench.each_round():
        seconds = bench.window / 2
        store = [bench.program("lockstep-bench-store", "--db", bench.path("store.db"), "--waiting", 64,
                               "--seconds", seconds, *batch) for batch in ((), ("--batch", 1))]
        grouped, single = store
        yield grouped["rate"] / single["rate"], {
            "grouped/s": grouped["rate"], "items a commit": grouped["items_per_commit"], "one each/s": single["rate"],
            "grouped CPU µs": grouped["cpu_us"], "one each CPU µs": single["cpu_us"]}


def start_two_orders(bench):
    services = bench.start_services()
    return services.order, bench.start_order(services.consumer, services.restaurant, "--commit-batch", 1)


@figure(at_least=2.5)
def group_commit_end_to_end(bench):
    """Orders a second with group commit ÷ with one commit an order; non-blocking, 64 in flight."""
    with_group, without = start_two_orders(bench)
    for _ in bench.each_round():
        grouped = rate(bench, with_group)
        single = rate(bench, without)
        yield grouped / single, {"grouped/s": grouped, "one each/s": single}


@figure(at_most=1.05)
def idle_commit_cost(bench):
    """Median latency of an order with group commit ÷ without; one order in flight, so that nothing waits for company.

    Each round takes short turns, because the disk's own latency drifts.
    """
    with_group, without = start_two_orders(bench)
    turns = 8
    for _ in bench.each_round():
        p50 = {with_group: [], without: []}
        for turn in range(turns):
            for order in (with_group, without) if turn % 2 == 0 else (without, with_group):
                result = bench.closed(order.target, "--style", "non-blocking", "--in-flight", 1, "--warm-up", 0.1,
                                      seconds=bench.window / 4)
                p50[order].append(result["p50_us"])
        grouped, single = (sum(p50[order]) / turns for order in (with_group, without))
        yield grouped / single, {"grouped µs": grouped, "one each µs": single}


def cpu_by_process(result, pids):
    return {name: cpu_us(result, pid) for name, pid in pids.items()} | {"client": cpu_us(result)}


@figure(at_least=0.6)
def many_in_flight(bench):
    """Orders a second with 10,000 in flight ÷ with 64; non-blocking, over 30 s without the ramp.

    What is missing is explained by the numbers beside it: CPU an order of each process at either load, and how much of
    the processors was used. More CPU an order is memory that no cache holds; processors idle would be something else.
    """
    services = bench.start_services()
    pids = services.pids()
    seconds = 4 if bench.quick else 30
    for _ in bench.each_round():
        few = bench.closed(services.order.target, "--style", "non-blocking", "--in-flight", 64, pids=pids.values(),
                           seconds=seconds / 3)
        many = bench.closed(services.order.target, "--style", "non-blocking", "--in-flight", 10_000, "--warm-up",
                            seconds / 6, "--timeout", 60, pids=pids.values(), seconds=seconds)
        costs = cpu_by_process(few, pids), cpu_by_process(many, pids)
        yield many["rate"] / few["rate"], {
            "10,000: orders/s": many["rate"], "64: orders/s": few["rate"],
            "10,000: processors used": sum(costs[1].values()) * many["rate"] / 1e6,
            "64: processors used": sum(costs[0].values()) * few["rate"] / 1e6,
            **{f"{name} µs {'10,000' if i else '64'}": cost for i in (0, 1) for name, cost in costs[i].items()}}


STORED_ORDERS = 1_000_000
TABLES = ("orders", "order_lines", "request_ids")


def multiply_orders(sample, path, wanted):
    """Makes a database of so many orders out of a smaller one: each order again with ids of its own, the older the further
    from the original, so that the ids keep their order of time."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=OFF")
    database.execute("PRAGMA synchronous=OFF")
    database.execute("PRAGMA cache_size=-1000000")
    sqlite3.connect(sample).backup(database)
    (count, first, last) = database.execute("SELECT count(*), min(order_id), max(order_id) FROM orders").fetchone()
    span = int.from_bytes(last[:6], "big") - int.from_bytes(first[:6], "big") + 1  # milliseconds: the head of a UUIDv7

    def moved(order_id, copy):
        return (int.from_bytes(order_id[:6], "big") - copy * span).to_bytes(6, "big") + order_id[6:]

    def renamed(request_id, copy):
        return hashlib.blake2b(f"{request_id} {copy}".encode(), digest_size=16).hexdigest()

    database.create_function("moved", 2, moved, deterministic=True)
    database.create_function("renamed", 2, renamed, deterministic=True)
    database.execute("BEGIN")
    for table in TABLES:
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = ["moved(order_id, copy)" if name == "order_id" else "renamed(request_id, copy)" if name == "request_id"
                  else name for name in names]
        database.execute(f"CREATE TEMP TABLE base AS SELECT * FROM {table}")
        database.execute(
            f"WITH RECURSIVE copies(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {wanted // count}) "
            f"INSERT INTO {table} SELECT {', '.join(values)} FROM base, copies ORDER BY 1")
        database.execute("DROP TABLE base")
    database.execute("COMMIT")
    (stored,) = database.execute("SELECT count(*) FROM orders").fetchone()
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    return stored


@figure(at_least=0.8)
def large_store(bench):
    """Orders a second with 1,000,000 orders stored ÷ with an empty store at the start; non-blocking, 64 in flight.

    The stored orders are real ones with ids of their own.
    """
    services = bench.start_services()
    _, sample = take_sample(bench, services)
    bench.stop(services.order)
    path = bench.path("large.db")
    stored = multiply_orders(sample, path, STORED_ORDERS // 10 if bench.quick else STORED_ORDERS)
    large = bench.start_order(services.consumer, services.restaurant, db=path)
    empty = bench.start_order(services.consumer, services.restaurant)
    for _ in bench.each_round():
        result = {order: bench.closed(order.target, "--style", "non-blocking", pids=[order.pid]) for order in (large, empty)}
        yield result[large]["rate"] / result[empty]["rate"], {
            "stored": stored, "large/s": result[large]["rate"], "empty/s": result[empty]["rate"],
            "order's CPU µs, large": cpu_us(result[large], large.pid), "empty": cpu_us(result[empty], empty.pid)}
