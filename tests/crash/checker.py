"""Judges what a run of kills left behind: the files of the three services, and what the clients were told.

    violations = Checker(lockstep.folder, told).violations()

told: request id → Told. The rules, each with a name that a violation begins with:
  lost              an acknowledged order is there, with the id that was acknowledged, once
  request-id        one request id, one order; and no order that nobody asked for
  answer            an order has the state that was acknowledged as final
  outbox            a deferred order has both of its commands in the outbox, or they have been sent
  effect            each message that was heard has had its effect once: each verdict on a deferred order was asked once,
                    and answered once
  verdict           no order is VALIDATED without an accepting verdict of that consumer and that restaurant, or of a copy
  feed              each order was placed once in the feed, and came to its state once
  final             all orders are final
"""

import collections
import dataclasses
import sqlite3
import uuid

PENDING, VALIDATED, REJECTED, CANCELLED = range(4)  # as the file counts them
STYLES = ("BLOCKING", "NON_BLOCKING", "REPLICA", "DEFERRED", "EVENT_DRIVEN", "COMMON_DATA")
DEFERRED = STYLES.index("DEFERRED")


@dataclasses.dataclass
class Told:
    """What a client knows of a request: acknowledged with this id, and with this final state if it was one."""

    order_id: str = ""
    final: int = -1


class Checker:
    def __init__(self, order_db, owner_dbs, told):
        """owner_dbs: "consumer" and "restaurant" → file."""
        self._told = told
        self._found = []
        with sqlite3.connect(order_db) as self._orders:
            self._check_files(order_db, owner_dbs)
            self._read()
            self._check_told()
            self._check_states()
            self._check_feed()
            self._check_messages(owner_dbs)

    def violations(self):
        return self._found

    def _say(self, rule, what):
        if len(self._found) < 20:
            self._found.append(f"{rule}: {what}")

    def _check_files(self, order_db, owner_dbs):
        for path in (order_db, *owner_dbs.values()):
            with sqlite3.connect(path) as file:
                if file.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                    self._say("file", f"{path} is damaged")
                if file.execute("PRAGMA foreign_key_check").fetchall():
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

    def _check_messages(self, owner_dbs):
        commands = collections.Counter()
        for key, destination in self._orders.execute("SELECT key, destination FROM outbox"):
            commands[key, destination] += 1
        for destination, waiting in self._orders.execute(
                "SELECT destination, count(*) FROM outbox_waiting GROUP BY destination"):
            self._say("outbox", f"{waiting} messages for {destination} still wait")
        for order_id, row in self._rows.items():
            for peer in owner_dbs:
                expected = 1 if row[2] == DEFERRED else 0
                if commands[order_id, peer] != expected:
                    self._say("outbox", f"{order_id} ({STYLES[row[2]]}) has {commands[order_id, peer]} commands for {peer}")
        for peer, path in owner_dbs.items():
            with sqlite3.connect(path) as file:
                answers = collections.Counter(key for (key,) in file.execute("SELECT key FROM outbox"))
                waiting = file.execute("SELECT count(*) FROM outbox_waiting").fetchone()[0]
            if waiting:
                self._say("outbox", f"{waiting} verdicts of {peer} still wait")
            for order_id, row in self._rows.items():
                expected = 1 if STYLES[row[2]] in ("DEFERRED", "EVENT_DRIVEN") else 0
                if answers[order_id] != expected:
                    self._say("effect", f"{order_id} ({STYLES[row[2]]}) has {answers[order_id]} verdicts of {peer}")
