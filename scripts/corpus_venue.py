"""The program as the corpus uses it: commands that end, and a venue that is served and read over the wire."""

import contextlib
import hashlib
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import time

PASSWORD = "ringside"
# Waiting for longer than this is a failure.
PATIENCE = 30
ORDERS_PORT, OPERATOR_PORT, FEED_A_PORT, FEED_B_PORT, REREQUEST_PORT, BOOK_PORT = 26400, 26401, 26410, 26411, 26412, 26413

JOURNAL_CONFIG = """\
[journal]
segment_bytes = 262144
segments_ready = 1
any_filesystem = true
[snapshots]
max_restart_seconds = 0
[pipeline]
plan = "single"
idle = "backoff"
ring_slots = 1024
report_slots = 1024
"""
# HOST stands for an address of this machine, which each start of a venue chooses.
SERVE_CONFIG = JOURNAL_CONFIG + f"""\
[gateway]
listen = "HOST:{ORDERS_PORT}"
admin = "HOST:{OPERATOR_PORT}"
[feed]
a = ["HOST:{FEED_A_PORT}"]
b = ["HOST:{FEED_B_PORT}"]
rerequest = "HOST:{REREQUEST_PORT}"
glimpse = "HOST:{BOOK_PORT}"
"""


class Refused(Exception):
    """The program ended with an error; the text is what it said."""


class Program:
    """A version of `ringside`."""

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()

    def run(self, *words, stdin=None):
        """Runs a command that must succeed; gives its standard output."""
        ended = self.end_of(*words, stdin=stdin)
        if ended.returncode != 0:
            raise Refused(last_line(ended.stderr))
        return ended.stdout

    def end_of(self, *words, stdin=None):
        return subprocess.run([self.path, *map(str, words)], input=stdin, capture_output=True, env=environment())


class Served(contextlib.AbstractContextManager):
    """A venue that `ringside serve` runs on a journal until the end of a `with`."""

    def __init__(self, program, folder, journal, config, *words):
        self.program, self.folder, self.journal, self.words = program, folder, journal, words
        self.host = free_host()
        self.config = folder / "served.toml"
        self.config.write_text(config.replace("HOST", self.host))
        self.itch, self.log = folder / "feed.itch", folder / "served.log"
        self.is_killed = False

    def __enter__(self):
        # The times of the sessions are far from those of any clock.
        words = ["serve", "--accept-clock", "--config", self.config, "--journal", self.journal]
        words += ["--itch-file", self.itch, *self.words]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program.path, *map(str, words)], stdin=subprocess.DEVNULL, stderr=log, env=environment())
        try:
            wait_until(self.has_ended_or_listens, "the venue does not listen")
            if self.process.poll() is not None:
                raise Refused(last_line(self.log.read_bytes()))
        except Refused:
            self.process.kill()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if error else signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.itch.unlink(missing_ok=True)
        if code != 0 and not error and not self.is_killed:
            raise Refused(last_line(self.log.read_bytes()))

    def has_ended_or_listens(self):
        with socket.socket() as probe:
            return self.process.poll() is not None or probe.connect_ex((self.host, ORDERS_PORT)) == 0

    def kill(self):
        self.process.kill()
        self.is_killed = True

    def session(self, user):
        """All messages of a user's stream."""
        # A login with number 0 is answered with the number of the last message, or 1 if there is none.
        count = self.login(user, 0)
        if count == 1 and self.login(user, 2) is None:
            count = 0
        with Connection(self.host, ORDERS_PORT, user, 1) as connection:
            messages = [connection.message() for _ in range(count)]
            connection.log_out()
        return messages

    def login(self, user, number):
        """Number with which a login is accepted; None if it is not."""
        with Connection(self.host, ORDERS_PORT, user, number) as connection:
            connection.log_out()
            return connection.number

    def book(self, user):
        """Messages of the books as they are, the last one with the number of the next message of the feed."""
        messages = []
        with Connection(self.host, BOOK_PORT, user, 1) as connection:
            while not messages or messages[-1][:1] != b"G":
                messages.append(connection.message())
        return messages

    def streams(self, users):
        """What clients with these names read: each session's stream, the books, market data."""
        values = {f"stream {user}": digest(self.session(user)) for user in users}
        book = self.book(users[0])
        return values | {"book": digest(book), "feed": digest(self.feed(messages_before(book)))}

    def feed(self, count):
        """The first messages of the feed, and those behind them if there are any by now."""
        wait_until(lambda: len(itch_messages(self.itch)) >= count, "the file of the feed is not complete")
        return itch_messages(self.itch)


class Connection(contextlib.AbstractContextManager):
    """A SoupBinTCP client that is logged in; `number` is None if the login was rejected."""

    def __init__(self, host, port, user, number):
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.stream = self.socket.makefile("rb")
        login = f"{user:6}{PASSWORD:10}{'':10}{number:>20}".encode()
        self.send(b"L", login)
        kind, payload = self.packet()
        self.number = int(payload[10:]) if kind == b"A" else None

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, kind, payload=b""):
        self.socket.sendall(struct.pack(">H", 1 + len(payload)) + kind + payload)

    def packet(self):
        header = self.stream.read(3)
        if len(header) < 3:
            raise Refused("the venue closed a connection")
        (length,) = struct.unpack(">H", header[:2])
        return header[2:], self.stream.read(length - 1)

    def message(self):
        """The next message with a number."""
        while True:
            kind, payload = self.packet()
            if kind == b"S":
                return payload

    def log_out(self):
        """Returns when the venue has closed the connection, so that the user can log in again."""
        if self.number is not None:
            self.send(b"O")
        while self.stream.read(1 << 16):
            pass


def messages_before(book):
    """Number of messages of the feed that the books have already."""
    return int(book[-1][1:]) - 1


def itch_messages(path):
    """Whole messages of a file in which each is behind its length; a zero length ends it."""
    data, at, messages = path.read_bytes(), 0, []
    while at + 2 <= len(data):
        (length,) = struct.unpack_from(">H", data, at)
        if length == 0 or at + 2 + length > len(data):
            break
        messages.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return messages


def digest(items):
    """Number and SHA-256 of messages or lines, each behind its length."""
    whole, count = hashlib.sha256(), 0
    for count, item in enumerate(items, 1):
        whole.update(struct.pack(">I", len(item)) + item)
    return f"{count} {whole.hexdigest()}"


def wait_until(holds, otherwise):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise Refused(otherwise)
        time.sleep(0.005)


def free_host():
    """A loopback address on which nobody has the port of the orders."""
    while True:
        host = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            if probe.connect_ex((host, ORDERS_PORT)) != 0:
                return host


def environment():
    """The environment without settings of the program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGSIDE_")}


def last_line(text):
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
