"""The three servers and the tool, as the tests of the tool use them: on free ports, in one folder, gone at the end."""
import functools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(os.environ.get("LOCKSTEP_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("LOCKSTEP_BIN_DIR", ROOT / "build/release/bin"))
START_SECONDS = 30


def wait_for(condition, seconds, what):
    """Looks until condition() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.005)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def free_port():
    """A port that nobody listens on, from below those that the system gives away by itself."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass  # taken


@functools.lru_cache
def has_flag(program, flag):
    return f"{flag} " in subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True).stdout


class ThreeServers:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lockstep-test-"))
        self.processes = {}
        # Consumer and Restaurant are told where Order is before it runs.
        self.addresses = {"order": {"business": f"127.0.0.1:{free_port()}"}}

    def __enter__(self):
        self.start("consumer")
        self.start("restaurant")
        self.start("order")
        return self

    def __exit__(self, *error):
        for process in self.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def start(self, node):
        """Starts a server; one that ran before gets its addresses and its database again."""
        before = self.addresses.get(node, {})
        ready = self.folder / f"{node}.ready"
        ready.unlink(missing_ok=True)
        arguments = ["--listen", before.get("business", "127.0.0.1:0"), "--control", before.get("control", "127.0.0.1:0"),
                     "--db", self.folder / f"{node}.db", "--ready-file", ready, "--node", node, "--log-level", "error"]
        if node == "order":
            arguments += ["--sync-listen", before.get("sync", "127.0.0.1:0"),
                          "--consumer", self.addresses["consumer"]["business"],
                          "--restaurant", self.addresses["restaurant"]["business"]]
        if has_flag(f"lockstep-{node}", "--common-data"):
            arguments += ["--common-data", self.folder / "common.db"]
        if node != "order" and has_flag(f"lockstep-{node}", "--peer"):
            arguments += ["--peer", f"order={self.addresses['order']['business']}"]
        with open(self.folder / f"{node}.log", "ab") as log:
            process = subprocess.Popen([BIN / f"lockstep-{node}", *arguments], stdout=log, stderr=log)
        self.processes[node] = process
        wait_for(lambda: ready.exists() or process.poll() is not None, START_SECONDS, f"{node} to be ready")
        assert process.poll() is None, f"{node} ended: {(self.folder / f'{node}.log').read_text()[-2000:]}"
        self.addresses[node] = json.loads(ready.read_text())

    def kill(self, node):
        self.processes[node].kill()
        self.processes[node].wait()

    def signal(self, node, number):
        self.processes[node].send_signal(number)

    def command(self, *arguments):
        return [str(BIN / "lockstep"), "--servers", str(self.folder), *map(str, arguments)]

    def run(self, *arguments, status=0):
        """Runs the tool to its end; returns what it printed to stdout, and checks its exit status."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == status, (f"lockstep {' '.join(map(str, arguments))}: exit status {done.returncode}, "
                                           f"not {status}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done.stdout if done.stdout or status == 0 else done.stderr

    def ask(self, *arguments, status=0):
        """The same, with --json."""
        return json.loads(self.run("--json", *arguments, status=status))


def interrupt(process):
    process.send_signal(signal.SIGINT)
