"""What orders cost that wait for something downstream: threads and memory, by the kernel's account."""
import time

from .figure import figure
from .programs import VALIDATE_CONSUMER, VALIDATE_DETAILS

STALL_MS = 30 * 60 * 1000
SETTLE_SECONDS = 1.0


def start_stalled(bench):
    """Consumer and Restaurant that keep every question for half an hour."""
    consumer = bench.start_ours("consumer")
    restaurant = bench.start_ours("restaurant")
    bench.run("prepare", "--consumer", consumer.target, "--restaurant", restaurant.target)
    return consumer, restaurant


def set_stall(bench, consumer, restaurant, milliseconds):
    bench.delay(consumer, [VALIDATE_CONSUMER], milliseconds)
    bench.delay(restaurant, [VALIDATE_DETAILS], milliseconds)


def calls_now(bench, server):
    return bench.run("ledger", "--control", server.control)["calls_now"]


def wait_for_calls(bench, consumer, restaurant, count):
    """Until so many questions are held at both; at_least one of them where they are asked one after the other."""
    bench.wait_until(lambda: calls_now(bench, consumer) >= count and calls_now(bench, restaurant) >= count,
                     f"{count} orders stalled")


def warm_up(bench, target):
    bench.closed(target, "--style", "non-blocking", seconds=0.5)


@figure(unit="threads", at_most=2, combine=max)
def stalled_threads(bench):
    """Threads of the order service with 5,000 orders stalled downstream, less its threads when idle; the most seen.

    Read from /proc/PID/status, style NON_BLOCKING.
    """
    consumer, restaurant = start_stalled(bench)
    order = bench.start_order(consumer, restaurant)
    for _ in bench.each_round():
        set_stall(bench, consumer, restaurant, 0)
        warm_up(bench, order.target)
        time.sleep(SETTLE_SECONDS)
        idle = order.status("Threads")
        set_stall(bench, consumer, restaurant, STALL_MS)
        most = idle
        with bench.held(order) as hold:
            hold(5_000)
            wait_for_calls(bench, consumer, restaurant, 5_000)
            for _ in range(20):
                most = max(most, order.status("Threads"))
                time.sleep(0.05)
        bench.wait_until(lambda: calls_now(bench, order) == 0, "the orders have ended")
        yield most - idle, {"threads idle": idle, "threads with 5,000 stalled": most}


@figure(unit="KiB", at_most=64)
def stalled_kilobytes(bench):
    """Resident memory of the order service an order stalled downstream: the larger of 0 to 5,000 and 5,000 to 10,000.

    Both parts at most the bound means that memory grows no faster than linearly up to 10,000. A new process each round.
    """
    for _ in bench.each_round():
        consumer, restaurant = start_stalled(bench)
        order = bench.start_order(consumer, restaurant)
        warm_up(bench, order.target)
        set_stall(bench, consumer, restaurant, STALL_MS)
        resident = [order.status("VmRSS")]
        with bench.held(order) as hold:
            for count in (5_000, 10_000):
                hold(count)
                wait_for_calls(bench, consumer, restaurant, count)
                time.sleep(SETTLE_SECONDS)
                resident.append(order.status("VmRSS"))
        first, second = ((resident[i + 1] - resident[i]) / 5_000 for i in (0, 1))
        bench.stop_all()
        yield max(first, second), {"to 5,000": first, "from there to 10,000": second, "idle KiB": resident[0]}


@figure(at_most=1.1)
def stalled_memory(bench):
    """Memory of an order stalled downstream ÷ that in a synchronous server making the same calls; 1,000 stalled.

    Growth of the resident memory over that of the idle process. The synchronous server is bare: generated service, blocking
    stubs, a thread a call, no store; it asks one question after the other, ours asks both at once. New processes each round.
    """
    for _ in bench.each_round():
        consumer, restaurant = start_stalled(bench)
        order = bench.start_order(consumer, restaurant)
        bare = bench.start("lockstep-bench-reference", "sync-orders", "--consumer", consumer.target, "--restaurant",
                           restaurant.target)
        grown = {}
        for server in (order, bare):
            set_stall(bench, consumer, restaurant, 0)
            warm_up(bench, server.target)
            time.sleep(SETTLE_SECONDS)
            before = server.status("VmRSS")
            set_stall(bench, consumer, restaurant, STALL_MS)
            with bench.held(server) as hold:
                hold(1_000)
                bench.wait_until(lambda: calls_now(bench, consumer) >= 1_000, "1,000 orders stalled")
                time.sleep(SETTLE_SECONDS)
                grown[server] = (server.status("VmRSS") - before) / 1_000
            bench.wait_until(lambda: calls_now(bench, consumer) == 0, "the orders have ended")
        bench.stop_all()
        yield grown[order] / grown[bare], {"ours KiB": grown[order], "synchronous KiB": grown[bare]}
