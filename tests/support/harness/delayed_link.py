"""A TCP link on which every byte takes a given time, in both directions: what is far away, on one machine.

Threads: one that accepts, and two for each direction of a connection, all ending with the link.
"""

import queue
import socket
import threading
import time


class DelayedLink:
    def __init__(self, target, delay):
        """target: HOST:PORT; delay in seconds, each way."""
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._delay = delay
        self._sockets = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        for each in [self._listening, *self._sockets]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    @staticmethod
    def _spawn(run, *arguments):
        threading.Thread(target=run, args=arguments, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(self._target)
            except OSError:
                here.close()
                continue
            self._sockets += [here, there]
            for source, sink in ((here, there), (there, here)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                on_the_way = queue.Queue()
                self._spawn(self._take, source, on_the_way)
                self._spawn(self._give, sink, on_the_way)

    def _take(self, source, on_the_way):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            on_the_way.put((time.monotonic() + self._delay, data))
            if not data:
                return

    def _give(self, sink, on_the_way):
        while True:
            due, data = on_the_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
            except OSError:
                return
