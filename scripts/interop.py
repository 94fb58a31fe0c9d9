"""The venue against clients and readers that nobody here wrote. Called by scripts/interop."""

import asyncio
import datetime
import json
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from itch.parser import MessageParser
from meatpy.itch50 import ITCH50MarketProcessor, ITCH50MessageReader
from nasdaq_protocols import soup

SYMBOLS = ["AAPL", "MSFT"]
USERS = ["DEMO01", "DEMO02"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Venue:
    """A `ringside serve` in a folder."""

    def __init__(self, binary, work):
        self.binary, self.work, self.journal = binary, work, work / "journal"
        self.itch = work / "venue.itch"
        self.port, self.admin = free_port(), free_port()
        config = (Path("configs/serve.toml").read_text()
                  .replace("127.0.0.1:26400", f"127.0.0.1:{self.port}")
                  .replace("127.0.0.1:26401", f"127.0.0.1:{self.admin}")
                  .replace("127.0.0.1:26412", f"127.0.0.1:{free_port()}")
                  .replace("127.0.0.1:26413", f"127.0.0.1:{free_port()}")
                  .replace("239.255.64.1:26410", f"127.0.0.1:{free_port()}")
                  .replace("239.255.64.2:26411", f"127.0.0.1:{free_port()}"))
        self.config = work / "venue.toml"
        self.config.write_text(config)
        self.process = None

    def command(self, *words):
        return [self.binary, "--config", str(self.config), "--journal", str(self.journal), *words]

    def start(self):
        self.process = subprocess.Popen(self.command("serve", "--itch-file", str(self.itch)),
                                        stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.strip().endswith("ready"):
                return
        sys.exit(f"the venue did not start: exit code {self.process.wait()}")

    def stop(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=30)
        if how == signal.SIGTERM and code != 0:
            sys.exit(f"the venue ended with {code} after SIGTERM")

    def book(self, symbol):
        shown = subprocess.run(self.command("book", symbol, "--json", "--levels", "1000000"),
                               check=True, capture_output=True, text=True)
        book = json.loads(shown.stdout)
        ticks = lambda level: (round(float(level["price"]) * 10_000), int(level["qty"]), level["orders"])
        return [[ticks(level) for level in book[side]] for side in ("bids", "offers")]


def enter(ref, side, quantity, symbol, price, tif=b"0"):
    return (b"O" + struct.pack(">I", ref) + side + struct.pack(">I", quantity) + symbol.ljust(8).encode()
            + struct.pack(">Q", price) + tif + b"Y" + b"P" + b"N" + b"N" + b"interop".ljust(14)
            + struct.pack(">H", 0))


def replace(old, new, quantity, price):
    return (b"U" + struct.pack(">II", old, new) + struct.pack(">IQ", quantity, price) + b"0YN"
            + b"replaced".ljust(14) + struct.pack(">H", 0))


def cancel(ref, quantity=0):
    return b"X" + struct.pack(">II", ref, quantity)


class Client:
    """One session, which remembers every message that it was sent."""

    def __init__(self, venue, user):
        self.venue, self.user, self.stream, self.session = venue, user, [], None
        self.ref, self.live = 0, []

    async def login(self, sequence):
        arrived = []

        async def on_message(message):
            if isinstance(message, soup.SequencedData):
                arrived.append(bytes(message.data))

        self.session = await soup.connect_async(("127.0.0.1", self.venue.port), self.user, "ringside",
                                                sequence=sequence, on_msg_coro=on_message)
        return arrived

    async def connect(self):
        """Logs in with the next number that it wants."""
        arrived = await self.login(len(self.stream) + 1)
        self.arrived = arrived

    def collect(self):
        self.stream.extend(self.arrived)
        self.arrived.clear()

    def trade(self, random):
        for _ in range(20):
            choice = random.random()
            if choice < 0.6 or not self.live:
                self.ref += 1
                side = random.choice([b"B", b"S", b"T"])
                price = 1_870_000 + 100 * random.randint(-20, 20)
                message = enter(self.ref, side, random.randint(1, 300), random.choice(SYMBOLS), price)
                self.live.append(self.ref)
            elif choice < 0.8:
                message = cancel(self.live.pop(random.randrange(len(self.live))))
            else:
                old = self.live.pop(random.randrange(len(self.live)))
                self.ref += 1
                self.live.append(self.ref)
                message = replace(old, self.ref, random.randint(1, 300), 1_870_000)
            self.session.send_unseq_data(message)

    async def drop(self):
        """Loses the connection without a goodbye, and whatever was on its way."""
        self.collect()
        self.session._transport.abort()
        await asyncio.sleep(0.05)
        self.arrived.clear()


async def settle(clients):
    """Waits until nothing arrives any more."""
    for client in clients:
        before = -1
        while before != len(client.arrived):
            before = len(client.arrived)
            await asyncio.sleep(0.3)
        client.collect()


async def sessions(venue, random):
    clients = [Client(venue, user) for user in USERS]
    venue.start()
    for client in clients:
        await client.connect()
    for round in range(6):
        for _ in range(10):
            for client in clients:
                client.trade(random)
            await asyncio.sleep(0.01)
        if round % 3 == 2:
            # The process is killed in the middle; what it had told stays told.
            venue.stop(signal.SIGKILL)
            for client in clients:
                await client.drop()
            venue.start()
            for client in clients:
                await client.connect()
                # Whatever did not arrive is sent again under numbers that the venue may know: harmless.
        elif round % 3 == 1:
            await clients[0].drop()
            await clients[0].connect()
    await settle(clients)
    for client in clients:
        fresh = Client(venue, client.user)
        await client.drop()
        fresh.arrived = await fresh.login(1)
        await settle([fresh])
        assert fresh.stream == client.stream, f"{client.user}: the stream is another one from the start"
        kinds = defaultdict(int)
        for message in fresh.stream:
            kinds[chr(message[0])] += 1
        times = [message[1:9] for message in fresh.stream]
        assert times == sorted(times), "official time falls"
        accepted = [struct.unpack(">I", m[9:13])[0] for m in fresh.stream if m[:1] == b"A"]
        assert accepted == sorted(set(accepted)), "an order was accepted twice"
        print(f"nasdaq-protocols {client.user}: {len(fresh.stream)} messages {dict(kinds)}, same after "
              "disconnects and kill -9")
        await fresh.drop()
    rejected = None
    try:
        await soup.connect_async(("127.0.0.1", venue.port), "DEMO01", "wrong")
    except ConnectionRefusedError as error:
        rejected = error
    assert rejected, "a wrong password must be refused"
    venue.stop(signal.SIGTERM)


def sides(levels):
    return [[level for level in side if level[1] > 0] for side in levels]


def read_with_itchfeed(path):
    """The book by symbol, rebuilt from itchfeed's messages."""
    orders, stocks = {}, {}
    for message in MessageParser().parse_file(open(path, "rb")):
        kind = message.message_type.decode()
        if kind == "R":
            stocks[message.stock_locate] = message.stock.decode().strip()
        elif kind in "AF":
            side = message.buy_sell_indicator.decode()
            orders[message.order_reference_number] = [message.stock_locate, side, message.shares, message.price]
        elif kind in "EX":
            taken = message.executed_shares if kind == "E" else message.cancelled_shares
            orders[message.order_reference_number][2] -= taken
            if orders[message.order_reference_number][2] == 0:
                del orders[message.order_reference_number]
        elif kind == "D":
            del orders[message.order_reference_number]
        elif kind == "U":
            locate, side, _, _ = orders.pop(message.order_reference_number)
            orders[message.new_order_reference_number] = [locate, side, message.shares, message.price]
    books = {}
    for symbol in SYMBOLS:
        levels = {"B": defaultdict(lambda: [0, 0]), "S": defaultdict(lambda: [0, 0])}
        for locate, side, shares, price in orders.values():
            if stocks[locate] == symbol:
                level = levels[side][price]
                level[0] += shares
                level[1] += 1
        show = lambda side, down: [(price, *level) for price, level in sorted(levels[side].items(), reverse=down)]
        books[symbol] = [show("B", True), show("S", False)]
    return books


def read_with_meatpy(path):
    """The book by symbol, rebuilt by meatpy itself."""
    books = {}
    for symbol in SYMBOLS:
        processor = ITCH50MarketProcessor(symbol, datetime.datetime(2026, 1, 1))
        with ITCH50MessageReader(path) as reader:
            for message in reader:
                processor.process_message(message)
        lob = processor.current_lob
        show = lambda levels: [(level.price, level.volume, level.n_orders) for level in levels]
        books[symbol] = [show(lob.bid_levels), show(lob.ask_levels)]
    return books


def main():
    binary, work = sys.argv[1], Path(sys.argv[2])
    venue = Venue(binary, work)
    asyncio.run(sessions(venue, random.Random(7)))
    ours = {symbol: sides(venue.book(symbol)) for symbol in SYMBOLS}
    assert all(any(book) for book in ours.values()), "the books must not be empty"
    for name, read in [("itchfeed", read_with_itchfeed), ("meatpy", read_with_meatpy)]:
        theirs = {symbol: sides(book) for symbol, book in read(venue.itch).items()}
        assert theirs == ours, f"{name} rebuilds another book:\n{theirs}\n{ours}"
        levels = {symbol: [len(side) for side in book] for symbol, book in ours.items()}
        print(f"{name}: the book that it rebuilds is the venue's, levels {levels}")


main()
