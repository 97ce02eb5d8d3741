"""An open-loop generator: when each call is sent is fixed beforehand, and does not wait for answers.

Calls that fail count. The generator measures its own lateness: where it could not keep its plan, the load was
another one than the experiment is about, and the experiment is inconclusive, never passed.
Threads: start() runs the plan on a thread of its own; answers are noted on gRPC's.
"""

import random
import statistics
import threading
import time

import grpc


def evenly(rate, duration, seed):
    """Moments of sending, in seconds from the start: one in each interval of 1/rate, anywhere in it."""
    chance = random.Random(seed)
    return [(i + chance.random()) / rate for i in range(round(rate * duration))]


def percentile(values, share):
    """The value that so large a share of them does not exceed; of none, 0."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Sent:
    """One call: when it was due, sent and answered, by the monotonic clock; its code, and its reply or error."""

    __slots__ = ("due", "sent", "ended", "code", "reply", "error")

    def __init__(self, due):
        self.due = due
        self.sent = self.ended = self.code = self.reply = self.error = None

    @property
    def took(self):
        return self.ended - self.sent


class Load:
    def __init__(self, method, request, plan, timeout):
        """method: of a stub; request: a message, or a function of the call's number; timeout in seconds."""
        self._method = method
        self._request = request if callable(request) else lambda _: request
        self._timeout = timeout
        self._plan = plan
        self.calls = []
        self._futures = []
        self._all_ended = threading.Event()
        self._missing = len(plan)  # calls that have not ended
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._cancelled = False
        self.begun = None

    def start(self):
        self.begun = time.monotonic() + 0.02
        self._thread.start()
        return self

    def run(self):
        """The whole plan, until the last answer."""
        return self.start().wait()

    def wait(self, timeout=60):
        self._thread.join()
        if not self._all_ended.wait(timeout):
            raise AssertionError(f"{self._missing} calls have not ended {timeout} s after the last was sent")
        return self

    def cancel(self):
        """Sends no more, ends what is under way, and waits for that."""
        self._cancelled = True
        self._thread.join()
        for future in self._futures:
            future.cancel()
        self._note_ended(len(self._plan) - len(self.calls))
        return self.wait()

    def _run(self):
        for number, offset in enumerate(self._plan):
            call = Sent(self.begun + offset)
            wait = call.due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            if self._cancelled:
                return
            call.sent = time.monotonic()
            future = self._method.future(self._request(number), timeout=self._timeout)
            self.calls.append(call)
            self._futures.append(future)
            future.add_done_callback(lambda done, call=call: self._ended(call, done))

    def _ended(self, call, future):
        call.ended = time.monotonic()
        call.code = future.code()
        if call.code == grpc.StatusCode.OK:
            call.reply = future.result()
        else:
            call.error = future
        self._note_ended(1)

    def _note_ended(self, calls):
        with self._lock:
            self._missing -= calls
            if self._missing == 0:
                self._all_ended.set()

    # --- what came of it

    def ended(self):
        return [call for call in self.calls if call.ended is not None]

    def with_code(self, code):
        return [call for call in self.ended() if call.code == code]

    def accepted(self):
        return self.with_code(grpc.StatusCode.OK)

    def took(self, calls=None):
        """The median time from sending to answer."""
        return statistics.median(call.took for call in (self.ended() if calls is None else calls))

    def lateness(self):
        """By how much the generator was late, at the 99th percentile, in seconds."""
        return percentile([call.sent - call.due for call in list(self.calls)], 0.99)

    def codes(self):
        counts = {}
        for call in self.ended():
            counts[call.code.name] = counts.get(call.code.name, 0) + 1
        return counts


class Sampler:
    """Reads a number again and again on a thread of its own; the mean over a window weighs by time."""

    def __init__(self, read, every=0.05):
        self._read = read
        self._every = every
        self._stop = threading.Event()
        self.samples = []  # (when, value)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.is_set():
            value = self._read()
            self.samples.append((time.monotonic(), value))
            self._stop.wait(self._every)

    def mean(self, begin, end):
        inside = [sample for sample in self.samples if begin <= sample[0] <= end]
        if len(inside) < 2:
            return float("nan")
        area = sum((later[0] - now[0]) * (now[1] + later[1]) / 2
                   for now, later in zip(inside, inside[1:]))
        return area / (inside[-1][0] - inside[0][0])

    def most(self, begin=0.0, end=float("inf")):
        return max((value for when, value in self.samples if begin <= when <= end), default=float("nan"))
