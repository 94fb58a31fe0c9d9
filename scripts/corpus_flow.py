"""Generated sessions of the corpus: order flow of all kinds, from a seed.

The same seed gives the same bytes with every version of Python: the numbers come from a SplitMix64.
"""

import json

# Time of the first line: all sessions lie in a future that no venue reaches, so that nothing that a session
# leaves pending comes due while a test serves its journal.
BEGIN = 4_000_000_000_000_000_000
SECOND = 1_000_000_000
SESSIONS = {"A": "F1", "B": "F2", "C": "F3", "D": "F1", "E": "F4"}
STATES = ["pre_open", "open", "halted", "reopening_call", "closing_call", "cancel_only", "closed"]
UNKNOWN = "NONE"  # a symbol that is not defined
MODES = ["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement", "cancel_smallest"]

# Relative frequency of each kind of line.
ORDERS = {
    "limit": 300, "cross": 90, "cancel": 180, "reduce": 40, "modify": 30, "replace": 70, "immediate": 40, "market": 25,
    "iceberg": 30, "hidden": 40, "stop": 30, "timed": 15, "own": 40, "faulty": 15,
}
MARKET = {"quote": 30, "peg": 40, "bands": 8, "short_sale": 6, "short": 30}
CALLS = {"state": 25, "auction_only": 40, "plan": 6, "tick": 25}
VENUE = {"mass_cancel": 4, "order_entry": 4, "account_query": 2, "risk": 6, "break_trade": 3, "correct_trade": 3, "day": 1, "move": 4}

# Name: seed, lines, symbols, kinds of lines.
RANDOM = {
    "flow-orders": (1, 4000, 3, ORDERS),
    "flow-market": (2, 4000, 4, ORDERS | MARKET),
    "flow-calls": (3, 4000, 4, ORDERS | CALLS),
    "flow-all": (4, 5000, 8, ORDERS | MARKET | CALLS | VENUE),
    "flow-all-again": (5, 5000, 8, ORDERS | MARKET | CALLS | VENUE),
    "flow-many-symbols": (6, 4000, 60, ORDERS | VENUE),
    "flow-one-book": (7, 6000, 1, {"limit": 50, "cancel": 40, "replace": 5, "cross": 5}),
}


def sessions():
    """Name and lines of each generated session."""
    for name, (seed, lines, symbols, kinds) in RANDOM.items():
        yield name, Flow(seed, symbols, kinds).run(lines)
    yield "stop-cascade", stop_cascade()
    yield "sweep", sweep()


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        mixed = self.state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
        return mixed ^ mixed >> 31

    def between(self, least, most):
        return least + self.next() % (most - least + 1)

    def pick(self, items):
        return items[self.next() % len(items)]

    def chance(self, percent):
        return self.next() % 100 < percent


class Lines:
    """Lines of a session, each with its time."""

    def __init__(self, symbols):
        self.time, self.lines = BEGIN, []
        for symbol in symbols:
            self.add("symbol", symbol=symbol, tick="0.01", collar_bps=500, reference="100.00")
        for session, firm in SESSIONS.items():
            self.add("session", session=session, firm=firm, role="order_entry")
        self.add("session", session="DROP", firm="F1", role="firm_drop_copy")
        self.add("session", session="ALL", firm="F9", role="venue_drop_copy")
        self.add("start_of_day")

    def add(self, operation, **fields):
        self.lines.append(json.dumps({"op": operation, **fields, "ts": self.time}, separators=(",", ":")))


class Flow(Lines):
    """Random lines of the given kinds. Most name orders that live; the flow does not know which have traded."""

    def __init__(self, seed, symbols, kinds):
        self.random = Random(seed)
        self.symbols = [f"S{number:02}" for number in range(symbols)]
        super().__init__(self.symbols)
        self.kinds = [kind for kind, weight in kinds.items() for _ in range(weight)]
        self.middle = dict.fromkeys([*self.symbols, UNKNOWN], 10_000)
        self.orders, self.ids = [], dict.fromkeys(SESSIONS, 0)
        self.moved = {}

    def run(self, lines):
        while len(self.lines) < lines:
            self.time += self.random.between(0, 5_000_000)
            getattr(self, self.random.pick(self.kinds))()
        self.time += SECOND
        self.add("end_of_day")
        return self.lines

    # Values

    def symbol(self):
        # Half of the lines are about the first symbol.
        return self.symbols[0] if self.random.chance(50) else self.random.pick(self.symbols)

    def quantity(self):
        return self.random.between(1, 40) if self.random.chance(70) else 10 * self.random.between(1, 40)

    def price(self, symbol, side, ticks):
        """A price so many ticks away from the middle; positive: away from the other side."""
        return decimal(self.middle[symbol] + (-ticks if side == "buy" else ticks))

    def passive(self, symbol, side):
        return self.price(symbol, side, self.random.between(1, 12))

    def new_id(self, session):
        self.ids[session] += 1
        return self.ids[session]

    def order(self):
        """Session, id and symbol of an order, usually a young one."""
        young = self.orders[-60:] if self.random.chance(80) else self.orders
        return self.random.pick(young or [("A", 1, self.symbols[0])])

    # Orders

    def enter(self, price=None, side=None, symbol=None, **terms):
        """Enters an order; `price` makes its price from symbol and side."""
        session = self.random.pick(list(SESSIONS))
        symbol = symbol or self.symbol()
        side = side or self.random.pick(["buy", "sell"])
        fields = {"session": session, "id": self.new_id(session), "symbol": symbol, "side": side, "qty": self.quantity()}
        if price:
            fields["price"] = price(symbol, side)
        self.add("enter", **fields | terms)
        self.orders.append((session, fields["id"], symbol))

    def limit(self):
        rare = [{"tif": "gtc"}, {"post_only": True}, {"post_only": "slide"}, {"capacity": "agency", "attributed": True}]
        self.enter(self.passive, **self.random.pick([{}, {}, {}, *rare]))

    def cross(self):
        symbol = self.symbol()
        self.middle[symbol] = max(200, self.middle[symbol] + self.random.between(-3, 3))
        self.enter(lambda symbol, side: self.price(symbol, side, -self.random.between(0, 6)), symbol=symbol)

    def immediate(self):
        self.enter(lambda symbol, side: self.price(symbol, side, self.random.between(-8, 2)), tif=self.random.pick(["ioc", "fok"]))

    def market(self):
        self.enter(type=self.random.pick(["market", "market_to_limit"]), tif=self.random.pick(["day", "ioc"]))

    def iceberg(self):
        refresh = self.random.pick([{}, {"refresh": "fixed"}, {"refresh": "3-9", "seed": self.random.next()}])
        self.enter(self.passive, qty=self.random.between(20, 200), display_qty=self.random.between(3, 20), **refresh)

    def hidden(self):
        least = {"min_qty": self.random.between(1, 30)} if self.random.chance(40) else {}
        self.enter(lambda symbol, side: self.price(symbol, side, self.random.between(-2, 6)), hidden=True, **least)

    def stop(self):
        side, symbol = self.random.pick(["buy", "sell"]), self.symbol()
        stop = self.middle[symbol] + self.random.between(0, 15) * (1 if side == "buy" else -1)
        limit = (lambda *_: decimal(stop + self.random.between(-3, 3))) if self.random.chance(50) else None
        self.enter(limit, side, symbol, type="stop_limit" if limit else "stop", stop_price=decimal(stop))

    def timed(self):
        self.enter(self.passive, tif="gtt", expire_ts=self.time + self.random.between(1, 2 * SECOND))

    def own(self):
        group = {"stp_group": self.random.between(1, 3)} if self.random.chance(50) else {}
        self.enter(lambda symbol, side: self.price(symbol, side, self.random.between(-6, 6)), stp=self.random.pick(MODES), **group)

    def short(self):
        slide = self.random.pick([{}, {"at_short_test": "slide"}])
        side = self.random.pick(["short", "short", "short_exempt"])
        self.enter(lambda symbol, side: self.price(symbol, side, self.random.between(-4, 8)), side, **slide)

    def peg(self):
        kind = self.random.pick([{}, {"peg_offset": "0.02"}, {"peg": "midpoint"}])
        bound = self.passive if self.random.chance(40) else None
        self.enter(bound, type="peg", **kind)

    def auction_only(self):
        limit = self.random.pick([None, self.passive])
        self.enter(limit, type="limit" if limit else "market", tif=self.random.pick(["at_open", "at_close", "auction"]))

    def faulty(self):
        price = self.random.pick(["100.005", "0", "-1.00", "100.00"])
        self.enter(lambda *_: price, symbol=self.random.pick([UNKNOWN, self.symbols[0]]), qty=self.random.between(0, 1))

    def cancel(self):
        session, id, _ = self.order()
        self.add("cancel", session=session, id=id)

    def reduce(self):
        session, id, _ = self.order()
        self.add("reduce", session=session, id=id, qty=self.random.between(0, 30))

    def modify(self):
        session, id, _ = self.order()
        side = self.random.pick([{}, {"side": "short"}, {"side": "sell"}, {"side": "buy"}])
        self.add("modify", session=session, id=id, qty=self.random.between(1, 30), **side)

    def replace(self):
        session, id, symbol = self.order()
        new_id, price = self.new_id(session), decimal(self.middle[symbol] + self.random.between(-9, 9))
        self.add("replace", session=session, id=id, new_id=new_id, qty=self.quantity(), price=price)
        self.orders.append((session, new_id, symbol))

    def mass_cancel(self):
        filters = [
            {}, {"symbol": self.symbol()}, {"side": "buy"}, {"of_firm": "F1"}, {"stp_group": 2},
            {"of_session": "B", "cause": "disconnect"}, {"of_session": "C", "cause": "operator"},
        ]
        self.add("mass_cancel", session=self.random.pick(list(SESSIONS)), **self.random.pick(filters))

    # The market of a symbol

    def quote(self):
        symbol = self.symbol()
        bid = self.middle[symbol] + self.random.between(-5, 3)
        sides = self.random.pick([(bid, bid + self.random.between(1, 6))] * 8 + [(0, bid), (bid, 0), (0, 0)])
        self.add("quote", symbol=symbol, bid=decimal(sides[0]), offer=decimal(sides[1]))

    def bands(self):
        symbol = self.symbol()
        low, high = (decimal(self.middle[symbol] + away) for away in (-self.random.between(5, 40), self.random.between(5, 40)))
        dynamic = [{"band_bps": self.random.between(5, 300)}, {"reference": low, "band_bps": 100}]
        terms = [{}, {"low": low}, {"high": high}, {"low": low, "high": high}, *dynamic]
        self.add("bands", symbol=symbol, **self.random.pick(terms))
        if self.random.chance(30):
            self.time += 16 * SECOND

    def short_sale(self):
        self.add("short_sale", symbol=self.symbol(), restricted=self.random.chance(50), automatic=self.random.chance(50))

    def state(self):
        symbol = self.symbol()
        self.add("state", symbol=symbol, state=self.random.pick(STATES))
        if self.random.chance(60):
            self.add("state", symbol=symbol, state="open")

    def plan(self):
        at = self.time + self.random.between(1, SECOND)
        symbol, state = self.symbol(), self.random.pick(STATES)
        self.add("plan", symbol=symbol, state=state, at=at, random_ms=self.random.between(0, 500), seed=self.random.next())

    def tick(self):
        self.time += self.random.pick([0, SECOND // 10, SECOND])
        self.add("tick", symbol=self.symbol())

    def move(self):
        """The next step of the one symbol that moves."""
        symbol = self.symbols[-1]
        step, version = self.moved.get(symbol, ("resume", 0))
        following = {"resume": "halt", "halt": "export", "export": "release", "release": "import", "import": "resume"}[step]
        version += following in ("halt", "import")
        self.moved[symbol] = following, version
        self.add("move", symbol=symbol, step=following, partition=1, version=version)

    # The venue

    def order_entry(self):
        session = self.random.pick(list(SESSIONS))
        self.add("order_entry", session=session, enabled=False)
        self.cancel()
        self.limit()
        self.add("order_entry", session=session, enabled=True)

    def account_query(self):
        self.add("account_query", session=self.random.pick(list(SESSIONS)))

    def risk(self):
        scope = self.random.pick([{"session": "E"}, {"firm": "F4"}, {"symbol": self.symbols[-1]}])
        limits = [
            {}, {"qty_max": 30}, {"notional_max": 2000}, {"open_orders_max": 20}, {"gross_notional_max": 100_000},
            {"orders_per_second_max": 40}, {"killed": True},
        ]
        self.add("risk", **scope, **self.random.pick(limits))

    def trade(self):
        """The terms of a trade that never was: the venue refuses it."""
        symbol = self.symbol()
        sides = [order for order in self.orders[-200:] if order[2] == symbol] or [self.order()]
        (resting, resting_id, _), (incoming, incoming_id, _) = self.random.pick(sides), self.random.pick(sides)
        number = self.random.between(1, 2**40)
        return {"match": number, "resting_session": resting, "resting_id": resting_id, "incoming_session": incoming, "incoming_id": incoming_id}

    def break_trade(self):
        self.add("break_trade", **self.trade())

    def correct_trade(self):
        self.add("correct_trade", **self.trade(), price=decimal(self.random.between(9000, 11_000)), qty=self.quantity())

    def day(self):
        self.time += SECOND
        self.add("end_of_day")
        self.limit()
        self.time += 3600 * SECOND
        self.add("start_of_day")


def decimal(ticks):
    return f"{ticks // 100}.{ticks % 100:02}"


def stop_cascade():
    """More stops that elect each other than one command elects: the symbol is halted, and the rest waits."""
    session = Lines(["X"])
    for number in range(1, 1201):
        session.time += 1000
        session.add("enter", session="A", id=number, symbol="X", side="sell", qty=1, price=decimal(10_000 + number % 7))
    for number in range(1, 1201):
        session.time += 1000
        stop = decimal(10_000 + number % 3)
        session.add("enter", session="B", id=number, symbol="X", side="buy", qty=1, type="stop", stop_price=stop)
    session.add("enter", session="C", id=1, symbol="X", side="buy", qty=1, price="100.00")
    for state in ("reopening_call", "open"):
        session.add("state", symbol="X", state=state)
    session.add("end_of_day")
    return session.lines


def sweep():
    """Commands with thousands of reports each: an order that trades with all others, a mass cancel, the end of a day."""
    session = Lines(["X", "Y"])
    for number in range(1, 2001):
        session.time += 1000
        symbol = "XY"[number % 2]
        session.add("enter", session="A", id=number, symbol=symbol, side="sell", qty=2, price=decimal(10_000 + number % 50))
        session.add("enter", session="D", id=number, symbol=symbol, side="buy", qty=1, price=decimal(9_900 + number % 50))
    session.add("enter", session="B", id=1, symbol="X", side="buy", qty=1500, price="101.00")
    session.add("enter", session="B", id=2, symbol="Y", side="buy", qty=10_000, price="101.00", tif="ioc")
    session.add("mass_cancel", session="D", side="buy", symbol="Y")
    session.add("end_of_day")
    return session.lines
