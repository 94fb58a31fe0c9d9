"""Translates the events of tracebook-conformance into lines for `ringside exec -`, and its reports into observations.

The book that is compared is built of nothing but Ringside's reports, as a client or a reader of market data would. Each
event is followed by the cancel of an order that does not exist: its rejection says that there is nothing more to come.

Usage: conformance.py RINGSIDE    (speaks the tool's protocol on standard input and output)
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal

from tracebook.conformance.model import (
    BookSnapshot,
    BookState,
    EngineMetadata,
    Observation,
    Outcome,
    RestingOrder,
    TradeFill,
    canonical_decimal,
)
from tracebook.conformance.protocol import serve_stdio

RINGSIDE = sys.argv[1]
# Ringside counts whole units; the events have fractions.
UNIT = Decimal(1).scaleb(-12)
# Nobody has entered an order with this id.
NOBODYS_ID = 1 << 50
CODES = {
    "duplicate_id": "DUPLICATE_ORDER_ID",
    "unknown_order": "ORDER_NOT_ACTIVE",
    "too_late": "ORDER_NOT_ACTIVE",
}


@dataclass
class Order:
    """A resting order, as the reports have it."""

    event_id: int
    owner: int
    side: str
    price: str
    open: int
    executed: int = 0


class Book:
    """The orders of a symbol by their ids, in the order of their time priority. A session of its own enters them,
    because ids count up within a session; both have the same short name."""

    def __init__(self, name):
        self.name = name
        self.orders = {}
        # The last id that an order of the events had, and the next one that is free.
        self.ids = {}
        self.next_id = 1

    def side(self, side):
        """Its orders on one side, best first; a dictionary keeps the order in which they came."""
        orders = [order for order in self.orders.values() if order.side == side]
        return sorted(orders, key=lambda order: Decimal(order.price) * (-1 if side == "buy" else 1))


class Adapter:
    """One venue for one trace."""

    def __init__(self, config):
        version = subprocess.run([RINGSIDE, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
        self.metadata = EngineMetadata("ringside", version, "Rust")
        self.tick = Decimal(str(config.tick_size))
        self.places = config.quantity_decimal_places
        self.books = {}
        self.folder = tempfile.TemporaryDirectory()
        command = [RINGSIDE, "exec", "-", "--journal", self.folder.name + "/journal", "--idle", "backoff"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.venue = subprocess.Popen(command, text=True, **pipes)

    def ask(self, **line):
        """Sends a line; the reports that it causes."""
        end = {"op": "cancel", "session": "END", "id": NOBODYS_ID}
        for each in (line, end):
            self.venue.stdin.write(json.dumps(each) + "\n")
        self.venue.stdin.flush()
        reports = []
        while True:
            report = json.loads(self.venue.stdout.readline())
            if report.get("session") == "END" and report["report"] == "rejected":
                return [report for report in reports if report["report"] != "defined"]
            reports.append(report)

    def apply(self, event, index):
        book = self.books.get(event.symbol)
        if book is None and event.op in ("new", "clear"):
            book = self.books[event.symbol] = Book(f"S{len(self.books)}")
            self.ask(op="symbol", symbol=book.name, tick=str(self.tick))
        reports = self.ask(**self.line(event, book or Book("NONE")))
        trades, outcome = [], Outcome("applied")
        for report in reports:
            if report["report"] == "rejected":
                code = "INVALID_REPLACEMENT" if event.op == "replace" else "INVALID_ORDER"
                outcome = Outcome("rejected", CODES.get(report["reason"], code), report["reason"])
            else:
                self.hear(event, book, report, trades)
        state = self.snapshot()
        return Observation(index, outcome, tuple(trades), state.digest(), state.order_count)

    def line(self, event, book):
        """What the event is for Ringside."""
        known = book.ids.get(event.order_id, NOBODYS_ID)
        resting = book.orders.get(known)
        common = {"session": book.name}
        match event.op:
            case "new":
                new_id = known if resting else book.next_id
                book.next_id += 1
                book.ids[event.order_id] = new_id
                line = {"op": "enter", "id": new_id, "symbol": book.name}
                line |= {"side": event.side.name.lower(), "qty": units(event.quantity)}
                kind = event.order_type.name
                if kind == "MARKET":
                    line["type"] = "market"
                else:
                    line["price"] = self.price(event.price)
                if kind in ("IOC", "FOK"):
                    line["tif"] = kind.lower()
                return common | line
            case "cancel":
                return common | {"op": "cancel", "id": known}
            case "reduce":
                # Ringside wants the total that may be executed over the order's life; zero is none.
                left = resting.open - units(event.quantity) if resting else 1
                if left == 0:
                    return common | {"op": "cancel", "id": known}
                total = resting.executed + left if resting and left > 0 else 0
                return common | {"op": "reduce", "id": known, "qty": total}
            case "replace":
                new_id, book.next_id = book.next_id, book.next_id + 1
                total, price = 1, "1"
                if resting:
                    wanted = resting.open if event.quantity is None else units(event.quantity)
                    total = resting.executed + wanted
                    price = resting.price if event.price is None else self.price(event.price)
                    book.ids[event.order_id] = new_id
                return common | {"op": "replace", "id": known, "new_id": new_id, "qty": total, "price": price}
            case "clear":
                return common | {"op": "mass_cancel"}

    def price(self, price):
        """A price on the grid, as the events' contract rounds it."""
        return str(round(float(price) / float(self.tick)) * self.tick)

    def hear(self, event, book, report, trades):
        """Keeps the book by a report."""
        order = book.orders.get(report.get("id"))
        match report["report"]:
            case "accepted":
                owner, side = event.owner, report["side"]
                price = report.get("price", "0")
                book.orders[report["id"]] = Order(event.order_id, owner, side, price, report["open"])
            case "replaced":
                old = book.orders.pop(report["old_id"])
                new = Order(old.event_id, old.owner, old.side, report["price"], report["open"], old.executed)
                book.orders[report["id"]] = new
            case "executed":
                order.open = report["open"]
                order.executed += report["qty"]
                if report["liquidity"] == "added":
                    trades.append([order, report["price"], report["qty"]])
                else:
                    resting, price, quantity = trades.pop()
                    buy, sell = (order, resting) if order.side == "buy" else (resting, order)
                    trades.append(TradeFill(event.symbol, buy.event_id, sell.event_id, canonical_decimal(price),
                                            self.quantity(quantity)))
            case "canceled":
                order.open = report["open"]
        if order is not None and order.open == 0:
            del book.orders[report["id"]]

    def quantity(self, count):
        return canonical_decimal(count * UNIT, self.places)

    def snapshot(self):
        def resting(order):
            price, quantity = canonical_decimal(order.price), self.quantity(order.open)
            return RestingOrder(order.event_id, price, quantity, order.owner, "LIMIT")

        def side(book, name):
            return tuple(map(resting, book.side(name)))

        books = sorted(self.books.items())
        return BookState(tuple(BookSnapshot(symbol, side(book, "buy"), side(book, "sell")) for symbol, book in books))

    def close(self):
        self.venue.kill()
        self.venue.wait()
        self.folder.cleanup()


class Output:
    """Standard output, on which "complete" is said only when the venue has ended and its folder is gone: the tool gives this
    process half a second from there, which is too short on a busy disk, and takes a late end for a wrong answer."""

    def make_adapter(self, config):
        self.adapter = Adapter(config)
        return self.adapter

    def write(self, text):
        if json.loads(text)["type"] == "complete":
            self.adapter.close()
        sys.stdout.write(text)

    def flush(self):
        sys.stdout.flush()


def units(quantity):
    return max(0, int((Decimal(str(quantity)) / UNIT).to_integral_value()))


output = Output()
sys.exit(serve_stdio(output.make_adapter, output_stream=output))
