"""Judges what a run of kills left behind: the files of the three services, and what the clients were told.

    violations = Checker(lockstep.order.db, {"consumer": …, "restaurant": …}, told).violations()

told: request id → Told. The rules, each with a name that a violation begins with:
  lost              an acknowledged order is there, with the id that was acknowledged, once
  request-id        one request id, one order; and no order that nobody asked for
  answer            an order has the state that was acknowledged as final
  outbox            a deferred order has both of its commands in the outbox, or with the dead letters
  sent              a message that waits no longer was taken by its receiver, or is a dead letter: none vanishes
  dead              no message was given up, as nobody here refuses one
  effect            each message that was heard has had its effect once: each verdict on a deferred order was asked once,
                    and answered once
  verdict           no order is VALIDATED without an accepting verdict of that consumer and that restaurant, or of a copy
  said              a verdict that came by message is, as the order has it, what its owner said
  feed              each order was placed once in the feed, and came to its state once
  final             all orders are final
"""

import collections
import contextlib
import dataclasses
import sqlite3
import uuid

from lockstep_harness import stubs

PENDING, VALIDATED, REJECTED, CANCELLED = range(4)  # as the file counts them
STYLES = ("BLOCKING", "NON_BLOCKING", "REPLICA", "DEFERRED", "EVENT_DRIVEN", "COMMON_DATA")
DEFERRED = STYLES.index("DEFERRED")
VERDICTS = {"consumer": stubs.consumer.ConsumerValidated, "restaurant": stubs.restaurant.OrderDetailsValidated}
COMMANDS = {kind.DESCRIPTOR.full_name for kind in (stubs.consumer.ValidateConsumerInfo, stubs.restaurant.ValidateOrderDetails)}


@dataclasses.dataclass
class Told:
    """What a client knows of a request: acknowledged with this id, and with this final state if it was one."""

    order_id: str = ""
    final: int = -1


class Checker:
    def __init__(self, order_db, owner_dbs, told):
        """owner_dbs: "consumer" and "restaurant" → file. The servers have stopped, or have nothing to do."""
        self._told = told
        self._found = []
        with contextlib.ExitStack() as stack:
            paths = {"order": order_db, **owner_dbs}
            self._files = {name: stack.enter_context(contextlib.closing(sqlite3.connect(path)))
                           for name, path in paths.items()}
            self._orders = self._files["order"]
            self._owners = tuple(owner_dbs)
            for name, path in paths.items():
                self._check_file(name, path)
            self._read()
            self._check_told()
            self._check_states()
            self._check_feed()
            self._check_commands()
            for name in paths:
                self._check_sent(name)
            for owner in self._owners:
                self._check_said(owner)

    def violations(self):
        return self._found

    def _say(self, rule, what):
        if len(self._found) < 20:
            self._found.append(f"{rule}: {what}")

    def _check_file(self, name, path):
        if self._files[name].execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            self._say("file", f"{path} is damaged")
        if self._files[name].execute("PRAGMA foreign_key_check").fetchall():
            self._say("file", f"{path} has references to nothing")

    def _read(self):
        self._rows = {}
        for row in self._orders.execute(
                "SELECT order_id, request_id, state, style, consumer_accepted, restaurant_accepted, consumer_version, "
                "restaurant_version FROM orders"):
            self._rows[str(uuid.UUID(bytes=row[0]))] = row[1:]

    def _check_told(self):
        of_request = collections.defaultdict(list)
        for order_id, row in self._rows.items():
            if row[0]:
                of_request[row[0]].append(order_id)
        for request_id, ids in of_request.items():
            if len(ids) > 1:
                self._say("request-id", f"{request_id} has {len(ids)} orders")
            if request_id not in self._told:
                self._say("request-id", f"nobody asked for {request_id}")
        for request_id, told in self._told.items():
            if not told.order_id:
                continue
            if told.order_id not in of_request[request_id]:
                self._say("lost", f"{request_id} was acknowledged as {told.order_id}, there is {of_request[request_id]}")
            elif told.final >= 0 and self._rows[told.order_id][1] != told.final:
                self._say("answer", f"{request_id} was told as {told.final}, is {self._rows[told.order_id][1]}")

    def _check_states(self):
        for order_id, (_, state, style, by_consumer, by_restaurant, _, _) in self._rows.items():
            if state == PENDING:
                self._say("final", f"{order_id} ({STYLES[style]}) is PENDING")
            if state == VALIDATED and not (by_consumer == 1 and by_restaurant == 1):
                self._say("verdict", f"{order_id} ({STYLES[style]}) is VALIDATED, verdicts {by_consumer}, {by_restaurant}")

    def _check_feed(self):
        events = collections.defaultdict(list)
        for order_id, kind in self._orders.execute("SELECT order_id, kind FROM order_feed ORDER BY number"):
            events[str(uuid.UUID(bytes=order_id))].append(kind)
        for order_id, row in self._rows.items():
            said = events.pop(order_id, [])
            if said[:1] != [0] or len(said) != len(set(said)) or (row[1] and said[-1] != row[1]):
                self._say("feed", f"{order_id} is in state {row[1]}, the feed says {said}")
        for order_id, said in events.items():
            self._say("feed", f"{order_id} is no order, the feed says {said}")

    def _check_commands(self):
        commands = collections.Counter()
        for envelope, destination in self._orders.execute(
                "SELECT envelope, destination FROM outbox UNION ALL SELECT envelope, destination FROM dead_letters"):
            envelope = stubs.message.Envelope.FromString(envelope)
            commands[envelope.key, destination] += envelope.type in COMMANDS
        for order_id, row in self._rows.items():
            for owner in self._owners:
                expected = 1 if row[2] == DEFERRED else 0
                if commands[order_id, owner] != expected:
                    self._say("outbox", f"{order_id} ({STYLES[row[2]]}) has {commands[order_id, owner]} commands for {owner}")

    def _check_sent(self, name):
        """What waits no longer was taken: the receiver's inbox has it."""
        file = self._files[name]
        for destination, waiting in file.execute("SELECT destination, count(*) FROM outbox_waiting GROUP BY destination"):
            self._say("outbox", f"{waiting} messages of {name} for {destination} still wait")
        for message_id, destination, error in file.execute("SELECT message_id, destination, error FROM dead_letters"):
            self._say("dead", f"message {message_id} of {name} for {destination}: {error}")
        taken = {peer: {id for (id,) in self._files[peer].execute("SELECT message_id FROM inbox")} for peer in self._files}
        for message_id, destination in file.execute(
                "SELECT message_id, destination FROM outbox WHERE sequence NOT IN (SELECT sequence FROM outbox_waiting)"):
            if destination in taken and message_id not in taken[destination]:
                self._say("sent", f"message {message_id} of {name} counts as sent, {destination} never took it")

    def _check_said(self, owner):
        """Where an order was judged by messages: its owner has one verdict of it in the outbox, and the order has that."""
        said = collections.defaultdict(list)
        for (envelope,) in self._files[owner].execute("SELECT envelope FROM outbox"):
            envelope = stubs.message.Envelope.FromString(envelope)
            if envelope.type != VERDICTS[owner].DESCRIPTOR.full_name:
                continue
            verdict = VERDICTS[owner].FromString(envelope.payload).verdict
            said[verdict.order_id].append((verdict.accepted, getattr(verdict, f"{owner}_version"), verdict.node,
                                           verdict.judge_time.ToNanoseconds()))
        for order_id, accepted, version, node, time in self._orders.execute(
                f"SELECT order_id, {owner}_accepted, {owner}_version, {owner}_node, {owner}_judge_time FROM orders"):
            order_id = str(uuid.UUID(bytes=order_id))
            style = STYLES[self._rows[order_id][2]]
            expected = 1 if style in ("DEFERRED", "EVENT_DRIVEN") else 0
            if len(said[order_id]) != expected:
                self._say("effect", f"{order_id} ({style}) has {len(said[order_id])} verdicts of {owner}")
            elif expected and accepted is not None and (accepted, version, node, time) not in said[order_id]:
                self._say("said", f"{order_id} ({style}) has {(accepted, version, node, time)} of {owner}, which said "
                                  f"{said[order_id]}")
