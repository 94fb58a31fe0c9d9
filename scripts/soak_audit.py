#!/usr/bin/env python3
"""Holds the reports of a journal against the laws of a market, with books and accounts of its own.

    ringside journal export --reports | scripts/soak_audit.py

Prints what it has counted as JSON, or the first report that breaks a law and which one. Exit: 0 all hold, 1 one is broken.
"""

import heapq
import json
import sys
from collections import Counter
from types import SimpleNamespace

TRADES_IN_CALLS = ("opening", "reopening", "closing")
ENTERS_IN = ("open", "pre_open", "reopening_call", "closing_call")
STATES_BETWEEN_DAYS = ("closed", "halted", "cancel_only")


class Broken(Exception):
    pass


def law(holds, what):
    if not holds:
        raise Broken(what)


class Audit:
    def __init__(self):
        self.orders, self.by_id = {}, {}
        self.states, self.books, self.hidden = {}, {}, {}
        self.place, self.time, self.day_over = (0, 0), 0, False
        self.touched, self.first, self.auction = set(), None, None
        self.reached = {}
        self.counts = Counter()

    def take(self, report):
        """One report. What a command leaves is looked at when the next one begins."""
        if report["seq"] != self.place[0]:
            self.end_command()
        place = (report["seq"], report["ix"])
        law(place > self.place and report["ts"] >= self.time, "reports and their times go forward")
        self.place, self.time = place, report["ts"]
        kind = report["report"]
        self.counts[kind] += 1
        law(self.first is None or kind == "executed", "the second report of a trade follows the first")
        if take := getattr(self, kind, None):
            take(report)

    def end_command(self):
        law(self.first is None, "each trade has two reports")
        law(self.auction is None or self.auction["left"] == 0, "an auction trades what it says")
        self.auction = None
        for symbol in self.touched:
            if self.states[symbol] == "open":
                bid, ask = (self.best(symbol, is_buy) for is_buy in (True, False))
                law(not bid or not ask or bid.price < ask.price, f"the open book of {symbol} is not crossed")
            law(not self.trades(symbol) or not self.reached[symbol], f"no reached stop waits while {symbol} trades")
        self.touched = set()

    def trades(self, symbol):
        return self.states[symbol] == "open" and not self.day_over

    def trading_day(self, report):
        self.day_over = report["event"] == "end_of_day"
        self.touched |= self.states.keys()

    def best(self, symbol, is_buy):
        """The live order that is first in its book."""
        book = self.books[symbol, is_buy]
        while book and (book[0][-1] not in self.orders or self.orders[book[0][-1]].parked):
            heapq.heappop(book)
        return self.orders[book[0][-1]] if book else None

    def defined(self, report):
        if report["what"] == "symbol":
            self.states[report["name"]] = "open"
            self.books |= {(report["name"], is_buy): [] for is_buy in (True, False)}
            self.hidden |= {(report["name"], is_buy): {} for is_buy in (True, False)}
            self.reached[report["name"]] = {}

    def state_changed(self, report):
        self.states[report["symbol"]] = report["state"]
        self.touched.add(report["symbol"])
        between_days = report["state"] in STATES_BETWEEN_DAYS or report.get("reason") == "limit_state"
        law(not self.day_over or between_days, f"nothing becomes {report['state']} between two days")
        self.counts["state " + report["state"]] += 1

    def crossed(self, report):
        law(report["symbol"] in self.touched, "an auction comes with a change of state")
        law(not self.day_over, "there is no auction between two days")
        self.auction = report | {"left": report["qty"]}
        self.counts["auctions with trades"] += report["qty"] > 0

    def accepted(self, report):
        self.enter(report, 0)

    def replaced(self, report):
        old = self.orders.get(self.by_id.get((report["session"], report["old_id"])))
        law(old, "only a live order is replaced")
        law(old.symbol == report["symbol"] and old.side == report["side"], "a replace keeps symbol and side")
        law(not old.waits and not old.parked, "an order that waits is not replaced")
        self.end(old)
        self.enter(report, old.filled)

    def enter(self, report, filled):
        number, symbol, is_buy = report["order"], report["symbol"], report["side"] == "buy"
        law(age(number)[0] == report["seq"], "an order has the number of its command")
        law(self.states[symbol] in ENTERS_IN, f"nothing enters while {symbol} is {self.states[symbol]}")
        law(not self.day_over, "nothing enters between two days")
        order = SimpleNamespace(number=number, key=(report["session"], report["id"]), symbol=symbol, side=report["side"],
                                is_buy=is_buy, price=price(report), quantity=report["qty"], filled=filled, gone=0, shown=None, unseen=report.get("hidden", False),
                                is_stop="stop_price" in report, waits=False, parked=False)
        self.orders[number] = order
        self.by_id[order.key] = number
        self.counts["quantity in"] += report["open"]
        if "stop_price" not in report:
            self.rest(order)
        self.balance(order, report)

    def triggered(self, report):
        if report["order"] == report["old_order"]:
            return self.keep_waiting(report)
        order = self.let_in(report)
        law(not order.waits, "a stop that waits is not reached again")
        law(not self.reached[order.symbol], "stops that have waited enter before others")

    def keep_waiting(self, report):
        """A stop is reached and cannot enter now: its symbol does not trade, or is halted by this command."""
        order = self.live(report)
        law(order.is_stop and not order.waits, "a stop is reached once")
        order.waits = True
        self.reached[order.symbol][order.number] = order
        self.touched.add(order.symbol)
        self.balance(order, report)

    def entered(self, report):
        waiting = self.reached[report["symbol"]]
        law(next(iter(waiting), None) == report["old_order"], "stops enter in the order in which they were reached")
        del waiting[report["old_order"]]
        self.let_in(report).waits = False

    def let_in(self, report):
        order = self.renumber(report)
        law(order.is_stop and self.trades(order.symbol), f"stops enter while their symbol trades, {order.symbol} does not")
        order.price, order.is_stop = price(report), False
        self.rest(order)
        self.balance(order, report)
        return order

    def parked(self, report):
        order = self.live(report)
        law(not order.parked and order.price == price(report), "an order is parked once, with the limit that it has")
        self.hidden[order.symbol, order.is_buy].pop(order.number, None)
        order.parked = True
        self.touched.add(order.symbol)
        self.balance(order, report)

    def displayed(self, report):
        is_first = report["order"] == report["old_order"]
        order = self.live(report) if is_first else self.renumber(report)
        law(order.shown == (None if is_first else 0), "a slice follows one that has traded whole")
        law(0 < report["qty"] <= report["open"], "a slice is a part of what is open")
        order.shown = report["qty"]
        if not is_first:
            self.rest(order)
        self.balance(order, report)

    def repriced(self, report):
        order = self.renumber(report)
        is_back = report.get("parked", False)
        law(order.parked == is_back, "only a parked order comes back")
        law(not is_back or self.trades(order.symbol), f"nothing comes back while {order.symbol} does not trade")
        order.price, order.parked = price(report), False
        self.rest(order)
        self.balance(order, report)

    def renumber(self, report):
        """An order gets a new place, with a number that says which command gave it that."""
        law(age(report["order"])[0] == report["seq"] != report["order"], "a new place is given by the command at hand")
        law(report["old_order"] in self.orders, "only a live order gets a new place")
        order = self.orders.pop(report["old_order"])
        self.hidden[order.symbol, order.is_buy].pop(order.number, None)
        order.number = report["order"]
        self.orders[order.number] = order
        self.by_id[order.key] = order.number
        return order

    def rest(self, order):
        if order.unseen:
            self.hidden[order.symbol, order.is_buy][order.number] = order
        elif order.price is not None:
            heapq.heappush(self.books[order.symbol, order.is_buy], (-order.price if order.is_buy else order.price, age(order.number), order.number))
        self.touched.add(order.symbol)

    def restated(self, report):
        order = self.live(report)
        order.price = price(report)
        self.rest(order)
        self.balance(order, report)

    def executed(self, report):
        order, at = self.live(report), price(report)
        law((order.symbol, order.side) == (report["symbol"], report["side"]), "a trade names the symbol and the side of its order")
        law(not order.is_stop and not order.parked, "an order that waits does not trade")
        law(not self.day_over, "nothing trades between two days")
        if report["liquidity"] in TRADES_IN_CALLS:
            law(self.auction and self.auction["auction"] == report["liquidity"], "an auction is told before its trades")
            law(self.auction["symbol"] == order.symbol and price(self.auction) == at, "an auction has one price")
            self.auction["left"] -= report["qty"] if self.first else 0
        else:
            law(self.states[order.symbol] == "open", f"nothing trades while {order.symbol} is {self.states[order.symbol]}")
            if report["liquidity"] == "added":
                self.comes_first(order)
        if order.price is not None:
            law(at <= order.price if order.is_buy else at >= order.price, "no order trades beyond its limit")
        self.pair(order, report)
        order.filled += report["qty"]
        if order.shown is not None:
            law(report["qty"] <= order.shown, "no more of a slice trades than is shown")
            order.shown -= report["qty"]
        self.balance(order, report)

    def comes_first(self, order):
        """All that is shown at a price trades before what is hidden there."""
        best, rank = self.best(order.symbol, order.is_buy), lambda order: -order.price if order.is_buy else order.price
        if order.unseen:
            law(best is None or rank(best) > rank(order), "what is shown trades before what is hidden at its price")
        else:
            law(best is order, "the order that is first in its book trades first")
        hidden = self.hidden[order.symbol, order.is_buy].values()
        place = lambda order: (rank(order), order.unseen, age(order.number))
        law(all(place(other) > place(order) for other in hidden if other is not order), "no hidden order is passed over")

    def pair(self, order, report):
        """Both reports of a trade are of one trade."""
        if self.first is None:
            self.first = (order, report)
            return
        (other, first), self.first = self.first, None
        same = all(first[key] == report[key] for key in ("match", "qty", "price", "seq"))
        law(same and other.symbol == order.symbol and other.is_buy != order.is_buy, "both sides of a trade agree")
        law((int(first["contra"]), int(report["contra"])) == (order.number, other.number), "both sides name each other")
        self.counts["trades"] += 1

    def canceled(self, report):
        order = self.live(report)
        order.gone += report["qty"]
        self.balance(order, report)
        self.counts["canceled " + report["reason"]] += 1

    def modified(self, report):
        order = self.live(report)
        order.gone += report["qty"]
        order.side = report.get("side", order.side)
        self.balance(order, report)

    def live(self, report):
        law(report["order"] in self.orders, "an order that has ended, or never was, is told of nothing")
        return self.orders[report["order"]]

    def balance(self, order, report):
        """The law of quantity. An order that has nothing open has had its last report."""
        is_open = order.quantity - order.filled - order.gone
        law(is_open == report["open"] >= 0, f"quantity = filled + canceled + open, which is {is_open} here")
        if is_open == 0:
            self.end(order)

    def end(self, order):
        self.reached[order.symbol].pop(order.number, None)
        self.hidden[order.symbol, order.is_buy].pop(order.number, None)
        del self.orders[order.number]
        del self.by_id[order.key]


def age(number):
    """When an order got its place: by which command, and as which of those that it gave one to."""
    return number % (1 << 44), number >> 44


def price(report):
    """In ticks or parts of them: all prices of a symbol have the same number of digits."""
    return int(report["price"].replace(".", "")) if "price" in report else None


def main():
    audit, line = Audit(), ""
    try:
        for line in sys.stdin:
            audit.take(json.loads(line))
        line = "the end of the reports"
        audit.end_command()
        law(audit.counts["executed"] == 2 * audit.counts["trades"], "each trade has two reports")
    except Broken as broken:
        sys.exit(f"broken: {broken}\n{line}")
    print(json.dumps(audit.counts | {"live": len(audit.orders)}))


if __name__ == "__main__":
    main()
