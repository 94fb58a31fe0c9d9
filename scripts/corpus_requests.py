"""Requests over the wire: what a served venue makes of each, and what it tells everybody.

A served venue has the time of its clock, so times are left out of what is compared. Every request is followed by an
account query of its session, whose answer shows that the request is through: the venue gets all requests in one order.
"""

import contextlib
import json
import re
import socket

from corpus_venue import OPERATOR_PORT, ORDERS_PORT, PATIENCE, SERVE_CONFIG, Connection, Served, digest, messages_before

USERS = {"A": "F1", "B": "F2", "D": "F1", "LIM": "F3", "DROP": "F1", "ALL": "F9"}
CONFIG = SERVE_CONFIG + """\
[[instruments]]
symbol = "X"
tick = "0.01"
reference = "10.00"
collar_bps = 500
[[instruments]]
symbol = "Y"
tick = "0.0001"
lot = 100
[[sessions]]
user = "A"
firm = "F1"
[[sessions]]
user = "B"
firm = "F2"
[[sessions]]
user = "D"
firm = "F1"
[[sessions]]
user = "LIM"
firm = "F3"
symbols = ["X"]
[[sessions]]
user = "DROP"
firm = "F1"
role = "firm_drop_copy"
[[sessions]]
user = "ALL"
firm = "F9"
role = "venue_drop_copy"
"""
ANSWERS = {
    "state": "state_changed", "quote": "quoted", "short_sale": "short_sale_set", "bands": "bands_set", "risk": "risk_set",
    "mass_cancel": "mass_canceled", "end_of_day": "trading_day",
}
BOOKKEEPING = {"epoch_start", "commit_mark", "hash_probe", "segment_end"}


def values_of(program, folder, requests, shards):
    """What the program makes of the lines of a file."""
    journal, store = folder / "journal", ["--shards", shards]
    with Served(program, folder, journal, CONFIG, *store) as venue:
        send(venue, requests)
        values = {f"stream {user}": digest([without_time(m, user) for m in venue.session(user)]) for user in USERS}
        feed = venue.feed(messages_before(venue.book("A")))
        values["feed"] = digest([message[:5] + message[11:] for message in feed])
        store += ["--config", venue.config, "--journal", journal]
    values["commands"] = digest(commands(program.run("journal", "dump", "--json", *store)))
    reports = program.run("replay", "--reports", *store).splitlines()
    return values | {"reports": digest([re.sub(rb'"ts":\d+,', b"", line) for line in reports])}


def send(venue, requests):
    with contextlib.ExitStack() as stack:
        operator = stack.enter_context(Operator(venue.host))
        sessions = {}
        for line in requests.decode().splitlines():
            if line.startswith("{"):
                operator.ask(line)
            elif not line.startswith("#"):
                user, packet = line.split(" ")
                if user not in sessions:
                    sessions[user] = stack.enter_context(Connection(venue.host, ORDERS_PORT, user, 1))
                request(sessions[user], bytes.fromhex(packet))
        for session in sessions.values():
            session.log_out()


def request(session, packet):
    session.send(b"U", packet)
    session.send(b"U", b"Q")
    while session.message()[:1] != b"Q":
        pass


class Operator(contextlib.AbstractContextManager):
    """The operator's connection."""

    def __init__(self, host):
        self.socket = socket.create_connection((host, OPERATOR_PORT), PATIENCE)
        self.lines = self.socket.makefile("rb")

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def ask(self, line):
        """Sends a line and reads until it is answered."""
        self.socket.sendall(line.encode() + b"\n")
        answer = ANSWERS[json.loads(line)["op"]]
        while json.loads(self.lines.readline()).get("report") != answer:
            pass


def without_time(message, user):
    """A message of a session; a drop copy has six letters before it."""
    begin = 6 if user in ("DROP", "ALL") and message[:1] != b"S" else 0
    return message[: begin + 1] + message[begin + 9 :]


def commands(dump):
    """The commands of a journal without places, checksums and times."""
    for line in dump.splitlines():
        frame = json.loads(line)
        if frame["kind"] not in BOOKKEEPING:
            kept = {field: value for field, value in frame.items() if field not in ("segment", "offset", "crc", "ts")}
            yield json.dumps(kept, sort_keys=True).encode()
