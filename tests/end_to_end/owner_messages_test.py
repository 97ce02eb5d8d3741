"""The owners as programs: questions by message under SIGKILL, an end while others listen and do not answer, and what
the control port says of both."""

import collections
import concurrent.futures
import pathlib
import random
import tempfile
import threading
import time
import unittest

import grpc

from experiment import until
from lockstep_harness import Server, free_port, money, stubs

KILLS = 15
QUESTIONS = 1000  # a batch each time, so that every kill finds some under way
BATCH = 20


class Listener(stubs.message_grpc.MailboxServicer):
    """A mailbox of this process, as a caller has one: what it was sent, by correlation id."""

    def __init__(self, port=None):
        self._lock = threading.Lock()
        self.ids = collections.defaultdict(set)  # of messages; those of one question are one message
        self.payloads = {}
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=(("grpc.so_reuseport", 0),))
        stubs.message_grpc.add_MailboxServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port(f'127.0.0.1:{port or 0}')}"
        self.server.start()

    def Deliver(self, request, context):
        response = stubs.message.DeliverResponse()
        with self._lock:
            for envelope in request.envelopes:
                duplicate = envelope.message_id in self.ids[envelope.correlation_id]
                self.ids[envelope.correlation_id].add(envelope.message_id)
                self.payloads[envelope.correlation_id] = envelope.payload
                response.outcomes.add(duplicate=duplicate)
        return response

    def heard(self):
        with self._lock:
            return len(self.ids)


def question(number, reply_to):
    envelope = stubs.message.Envelope(message_id=f"q-{number}", type="lockstep.consumer.v1.ValidateConsumerInfo",
                                      type_version=1, key=f"o-{number}", correlation_id=f"o-{number}", reply_to=reply_to)
    envelope.payload = stubs.consumer.ValidateConsumerInfo(order_id=f"o-{number}",
                                                           consumer_id="ann").SerializeToString()
    return envelope


class OwnerMessages(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="lockstep-")))

    def start(self, *flags):
        server = Server("consumer", self.folder, flags)
        self.addCleanup(server.kill)
        server.start()
        request = stubs.consumer.CreateConsumerRequest()
        request.consumer.consumer_id = "ann"
        request.consumer.display_name = "Ann Example"
        request.consumer.order_limit.CopyFrom(money(500))
        server.stub.CreateConsumer(request, timeout=10)
        return server

    def deliver(self, server, envelopes, timeout=5):
        request = stubs.message.DeliverRequest(sender="test", envelopes=envelopes)
        response = server.mailbox.Deliver(request, timeout=timeout)
        return [outcome.status.code for outcome in response.outcomes]

    def test_kills(self):
        """Each question is asked until it is known to be taken, through kills; each has one verdict."""
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        draw = random.Random(seed)
        listener = Listener()
        self.addCleanup(listener.server.stop, None)
        server = self.start("--no-order-feed")
        asked = threading.Event()

        def ask():
            for first in range(0, QUESTIONS, BATCH):
                batch = [question(number, listener.address) for number in range(first, first + BATCH)]
                while True:
                    try:
                        if not any(self.deliver(server, batch)):
                            break
                    except grpc.RpcError:
                        time.sleep(0.01)
                time.sleep(0.02)
            asked.set()

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        for _ in range(KILLS):
            time.sleep(draw.uniform(0.01, 0.15))
            server.kill()
            server.start()
        self.assertTrue(asked.wait(60), "all questions were taken")
        until(lambda: listener.heard() == QUESTIONS, "every verdict has come")
        several = {order: ids for order, ids in listener.ids.items() if len(ids) != 1}
        self.assertEqual(several, {}, "each question has one verdict")
        for order, payload in listener.payloads.items():
            verdict = stubs.consumer.ConsumerValidated.FromString(payload).verdict
            self.assertEqual((verdict.order_id, verdict.accepted), (order, True))

    def test_nobody_listens(self):
        """Verdicts wait for a mailbox that is gone, the control port says so, and they go out when it is back."""
        port = free_port()
        server = self.start("--no-order-feed")
        self.assertEqual(self.deliver(server, [question(n, f"127.0.0.1:{port}") for n in range(30)]), [0] * 30)
        until(lambda: server.backlog().destinations[0].error != "", "the relay has tried")
        waiting = server.backlog().destinations[0]
        self.assertEqual((waiting.destination, waiting.waiting), (f"127.0.0.1:{port}", 30))
        counts = server.ledger().messages
        self.assertEqual((counts.taken, counts.sent), (30, 0))
        listed = server.control.ListMessages(
            stubs.control.ListMessagesRequest(box=stubs.message.StoredMessage.BOX_OUTBOX, page_size=5), timeout=5)
        self.assertEqual((len(listed.messages), listed.total), (5, 30))
        self.assertEqual(listed.messages[0].envelope.type, "lockstep.consumer.v1.ConsumerValidated")
        listener = Listener(port)
        self.addCleanup(listener.server.stop, None)
        until(lambda: listener.heard() == 30, "every verdict has come")
        until(lambda: server.ledger().messages.sent == 30, "and is counted")

    def test_stopping(self):
        """Streams that are open and receivers that are gone do not hold up the end."""
        server = self.start("--peer", f"order=127.0.0.1:{free_port()}")
        stream = server.feed.Subscribe(stubs.message.SubscribeRequest(subscriber="test"), timeout=60)
        self.assertEqual(next(iter(stream)).head, 1)
        self.assertEqual(self.deliver(server, [question(1, "order")]), [0])
        begun = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 5)


if __name__ == "__main__":
    unittest.main()
