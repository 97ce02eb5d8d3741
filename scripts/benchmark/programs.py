"""Starts and stops the programs, and reads what they use. Whatever was started ends with the bench."""
import concurrent.futures
import contextlib
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time

READY_SECONDS_MAX = 30
END_SECONDS_MAX = 20
RUN_SECONDS_MAX = 300  # the longest measurement, 100,000 calls on a slow machine, takes a minute
VALIDATE_CONSUMER = "lockstep.consumer.v1.ConsumerService/ValidateConsumer"
VALIDATE_DETAILS = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails"


class Failed(RuntimeError):
    """A program did not do what it was started for."""


class Server:
    """A program that says in a file where it listens."""

    def __init__(self, bench, program, arguments, name):
        self.program = program
        self.log = os.path.join(bench.directory, f"{name}.log")
        self.ready_file = os.path.join(bench.directory, f"{name}.ready")
        self.command = [os.path.join(bench.bin, program), *map(str, arguments), "--ready-file", self.ready_file]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        self.addresses = {}

    def wait_ready(self):
        until = time.monotonic() + READY_SECONDS_MAX
        while not os.path.exists(self.ready_file):
            if self.process.poll() is not None or time.monotonic() > until:
                with open(self.log, encoding="utf-8", errors="replace") as log:
                    raise Failed(f"{self.program} did not start: {log.read()[-500:].strip()}")
            time.sleep(0.002)
        with open(self.ready_file, encoding="utf-8") as file:
            self.addresses = json.load(file)
        return self

    @property
    def target(self):
        return self.addresses["business"]

    @property
    def control(self):
        return self.addresses["control"]

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.ready_file)

    def status(self, field):
        """A number of /proc/PID/status: Threads, or VmRSS in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise Failed(f"{self.program} has no {field}")


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Services:
    """Order, with the Consumer and Restaurant that it asks."""

    def __init__(self, order, consumer, restaurant, order_db, databases):
        self.order, self.consumer, self.restaurant, self.order_db = order, consumer, restaurant, order_db
        self.databases = databases

    def pids(self):
        return {"order": self.order.pid, "consumer": self.consumer.pid, "restaurant": self.restaurant.pid}

    @contextlib.contextmanager
    def owners_still(self):
        """Meanwhile Consumer and Restaurant are there and do nothing."""
        owners = self.consumer.process, self.restaurant.process
        for process in owners:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in owners:
                process.send_signal(signal.SIGCONT)

    def messages_waiting(self):
        """In the outboxes of all three."""
        waiting = 0
        for path in self.databases:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                waiting += database.execute("SELECT count(*) FROM outbox_waiting").fetchone()[0]
        return waiting


class Bench:
    """Where, how often, how long; and what runs meanwhile."""

    def __init__(self, binaries, directory, rounds, quick):
        self.bin, self.directory, self.rounds, self.quick = binaries, directory, rounds, quick
        self.window = 1.0 if quick else 3.0  # seconds that one measurement takes
        self.numbers = itertools.count(1)
        self.running = []
        self.consumer_db = None
        self.sample = None  # a captured order, and the database of a few thousand

    def say(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def path(self, name):
        return os.path.join(self.directory, f"{next(self.numbers):03}-{name}")

    def each_round(self):
        return range(self.rounds)

    # --- programs

    def start(self, program, *arguments, wait=True):
        server = Server(self, program, arguments, os.path.basename(self.path(program)))
        self.running.append(server)
        return server.wait_ready() if wait else server

    def stop(self, *servers):
        for server in servers:
            server.stop()
            self.running.remove(server)

    def kill(self, server):
        server.stop(signal.SIGKILL)
        self.running.remove(server)

    def stop_all(self):
        while self.running:
            self.running.pop().stop(signal.SIGKILL)

    def close(self):
        self.stop_all()

    def start_ours(self, name, *arguments, db=None, listen="127.0.0.1:0"):
        return self.start(f"lockstep-{name}", "--listen", listen, "--control", "127.0.0.1:0",
                          "--db", db or self.path(f"{name}.db"), "--log-level", "error", *arguments)

    def start_order(self, consumer, restaurant, *arguments, db=None, listen="127.0.0.1:0"):
        return self.start_ours("order", "--sync-listen", "127.0.0.1:0", "--consumer", consumer.target, "--restaurant",
                               restaurant.target, *arguments, db=db, listen=listen)

    def start_services(self, *order_arguments, db=None, all_styles=False):
        """all_styles: Consumer and Restaurant can answer Order by messages. Nobody listens to Order's feed."""
        listen, peer = "127.0.0.1:0", ()
        if all_styles:
            listen = f"127.0.0.1:{free_port()}"
            peer = ("--peer", f"order={listen}", "--no-order-feed")
        self.consumer_db, restaurant_db = self.path("consumer.db"), self.path("restaurant.db")
        consumer = self.start_ours("consumer", *peer, db=self.consumer_db)
        restaurant = self.start_ours("restaurant", *peer, db=restaurant_db)
        self.run("prepare", "--consumer", consumer.target, "--restaurant", restaurant.target)
        db = db or self.path("order.db")
        order = self.start_order(consumer, restaurant, *order_arguments, db=db, listen=listen)
        return Services(order, consumer, restaurant, db, [db, self.consumer_db, restaurant_db])

    def start_leaf(self, *arguments):
        return self.start("lockstep-bench-leaf", "--db", self.path("none"), "--log-level", "error", *arguments)

    # --- what runs and ends

    def program(self, program, *arguments):
        command = [os.path.join(self.bin, program), *map(str, arguments)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                                  timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Failed(f"{program} {arguments[0]} has not ended after {RUN_SECONDS_MAX} s") from None
        if done.returncode != 0:
            raise Failed(f"{program} {arguments[0]}: status {done.returncode}: {done.stderr[-500:].strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def run(self, *arguments):
        return self.program("lockstep-bench-load", *arguments)

    def closed(self, target, *arguments, pids=(), seconds=None, method="create-order"):
        """A closed loop; all calls must have ended well."""
        watched = [word for pid in pids for word in ("--pid", pid)]
        result = self.run("closed", "--target", target, "--method", method, "--seconds", seconds or self.window,
                          *watched, *arguments)
        if result["ok"] < 0.999 * result["calls"] or result["ok"] == 0:
            raise Failed(f"of {result['calls']} calls {result['ok']} ended well: {result['codes']} {result['first_error']}")
        return result

    @staticmethod
    def remove_database(path):
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path + end)

    @staticmethod
    def at_once(*measurements):
        """Runs them at the same time; the first that failed, fails."""
        with concurrent.futures.ThreadPoolExecutor(len(measurements)) as pool:
            for future in [pool.submit(measurement) for measurement in measurements]:
                future.result()

    def delay(self, server, methods, milliseconds):
        """A fixed delay on these methods of a server, and on no other; 0: none."""
        named = [word for method in methods for word in ("--method", method)]
        self.run("delay", "--control", server.control, *named, "--milliseconds", milliseconds)

    def delay_both(self, services, milliseconds):
        self.delay(services.consumer, [VALIDATE_CONSUMER], milliseconds)
        self.delay(services.restaurant, [VALIDATE_DETAILS], milliseconds)

    @contextlib.contextmanager
    def held(self, order, style="non-blocking"):
        """Holds orders in so many steps: yields a function that goes on to the next count and waits until they are there."""
        held = []

        def go_on(count):
            more = count - sum(number for number, _ in held)
            process = subprocess.Popen(
                [os.path.join(self.bin, "lockstep-bench-load"), "stall", "--target", order.target, "--in-flight", str(more),
                 "--style", style], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            held.append((more, process))
            process.stdout.readline()

        try:
            yield go_on
        finally:
            for _, process in held:
                process.stdin.close()
                try:
                    process.wait(END_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                process.stdout.close()

    def wait_until(self, condition, what, seconds=60):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise Failed(f"after {seconds} s still not: {what}")
            time.sleep(0.05)


def cpu_us(result, pid=None):
    """CPU microseconds a call: of the client, or of a process that was watched."""
    seconds = result["client_cpu_seconds"] if pid is None else result["processes"][str(pid)]["cpu_seconds"]
    return 1e6 * seconds / result["calls"]
