#!/usr/bin/env python3
"""Turns a recorded half hour of Bitstamp BTC/USD order flow into a file session, and holds the
reports of that session against the recorded trades.

    real_flow.py convert ORDERS.csv.gz TRADES.csv SESSION.jsonl
    real_flow.py compare TRADES.csv SESSION.jsonl REPORTS.jsonl MILLISECONDS

The capture tells the outcome of each order, never its instructions; `orders` says how they are
read back. Quantities are satoshis and prices cents, by exact decimal arithmetic.
"""

import argparse
import csv
import gzip
import json
import sys
from collections import Counter, defaultdict
from decimal import Decimal

SESSION = "BITSTAMP"
SYMBOL = {"op": "symbol", "symbol": "BTCUSD", "tick": "0.01", "lot": 1}

# The capture lost the deletes of these two orders of the opening book: they would trade forever.
NEVER_DELETED = {"2002347646152704", "2002347642003458"}

# Prices with which the venue marks a market order to sell and to buy.
MARKET_PRICES = {Decimal(0), Decimal(999999999)}

TRADES = 284
POST_ONLY_REFUSALS = 100_518


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    convert_parser = commands.add_parser("convert", help="order flow to a file session")
    for name in ("orders", "trades", "session"):
        convert_parser.add_argument(name)
    compare_parser = commands.add_parser("compare", help="reports against the recorded trades")
    for name in ("trades", "session", "reports"):
        compare_parser.add_argument(name)
    compare_parser.add_argument("milliseconds", type=int)
    args = parser.parse_args()
    if args.command == "convert":
        convert(args.orders, args.trades, args.session)
        return 0
    return compare(args.trades, args.session, args.reports, args.milliseconds)


def convert(orders_path, trades_path, session_path):
    with gzip.open(orders_path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    traded = defaultdict(int)
    for buy, sell, _, quantity in recorded_trades(trades_path):
        traded[buy] += quantity
        traded[sell] += quantity
    with open(session_path, "w", encoding="ascii") as file:
        time = int(rows[0]["timestamp"]) * 1_000_000
        for line in [SYMBOL | {"ts": time}, *orders(rows, traded)]:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def orders(rows, traded):
    """The commands that explain the rows.

    A `created` row is an order. One that is deleted whole at the same moment is entered as
    post-only: nearly all of them were refused by the venue, and the few others were cancelled that
    fast. Which is which is for the engine to find, so each `deleted` row with volume left is a
    cancel, and those of refused orders come back as too late. A `deleted` row without volume follows
    a fill, as does a `changed` row: the engine must find those itself, too.
    """
    first, last = rows[0]["timestamp"], rows[-1]["timestamp"]
    following = next_rows(rows)
    time = 0
    for at, row in enumerate(rows):
        identity, action = row["id"], row["action"]
        opening = row["timestamp"] == first
        if opening and identity in NEVER_DELETED:
            continue
        if action == "deleted" and row["timestamp"] == last:
            continue
        time = max(time, int(row["timestamp"]) * 1_000_000)
        head = {"op": "enter", "session": SESSION, "id": int(identity)}
        volume = satoshis(row["volume"])
        if action == "created":
            side = "buy" if row["direction"] == "bid" else "sell"
            head |= {"symbol": SYMBOL["symbol"], "side": side}
            price = Decimal(row["price"])
            if price in MARKET_PRICES:
                yield head | {"type": "market", "qty": volume or traded[int(identity)], "ts": time}
                continue
            head |= {"qty": volume, "price": f"{price:.2f}"}
            if not opening and is_post_only(row, following[at], traded):
                head["post_only"] = True
            yield head | {"ts": time}
        elif action == "deleted" and volume > 0:
            yield head | {"op": "cancel", "ts": time}


def next_rows(rows):
    """For each row the next row of the same order, if there is one."""
    following, seen = [None] * len(rows), {}
    for at in range(len(rows) - 1, -1, -1):
        following[at] = seen.get(rows[at]["id"])
        seen[rows[at]["id"]] = rows[at]
    return following


def is_post_only(row, following, traded):
    return (
        following is not None
        and following["action"] == "deleted"
        and following["exchange_timestamp"] == row["exchange_timestamp"]
        and following["volume"] == row["volume"]
        and int(row["id"]) not in traded
    )


def compare(trades_path, session_path, reports_path, milliseconds):
    expected = recorded_trades(trades_path)
    found, refusals, late = reported(reports_path)
    matched = 0
    while matched < min(len(expected), len(found)) and expected[matched] == found[matched]:
        matched += 1
    with open(session_path, encoding="ascii") as file:
        commands = sum(1 for _ in file)
    print(f"{'commands':<22}{commands:>12,}")
    print(f"{'trades matched':<22}{matched:>12,} of {len(expected):,}")
    print(f"{'post-only refusals':<22}{refusals:>12,} of {POST_ONLY_REFUSALS:,}")
    print(f"{'cancels too late':<22}{late:>12,}")
    print(f"{'wall seconds':<22}{milliseconds / 1000:>12.2f}")
    same = found == expected and len(expected) == TRADES and refusals == POST_ONLY_REFUSALS
    if not same:
        tell_first_difference(expected, found, matched)
    return 0 if same else 1


def tell_first_difference(expected, found, at):
    say = lambda trades: trades[at] if at < len(trades) else "none"
    if at < max(len(expected), len(found)):
        print(f"trade {at + 1}: recorded {say(expected)}, reported {say(found)}", file=sys.stderr)
    print("the reports differ from the recorded flow", file=sys.stderr)


def recorded_trades(path):
    """(buyer's order, seller's order, price in cents, quantity in satoshis) of each trade."""
    with open(path, newline="", encoding="ascii") as file:
        return [
            (
                int(row["buy_order_id"]),
                int(row["sell_order_id"]),
                whole(Decimal(row["price"]) * 100),
                satoshis(row["amount"]),
            )
            for row in csv.DictReader(file)
        ]


def reported(path):
    """The trades of a report stream in the form of `recorded_trades`, refusals and late cancels."""
    sides, trades, resting = {}, [], None
    refused = Counter()
    with open(path, encoding="ascii") as file:
        for line in file:
            report = json.loads(line)
            match report["report"]:
                case "accepted":
                    sides[report["id"]] = report["side"]
                case "rejected":
                    refused[report["reason"]] += 1
                case "executed" if resting is None:
                    resting = report
                case "executed":
                    trades.append(trade(resting, report, sides))
                    resting = None
    return trades, refused["post_only_would_cross"], refused["too_late"]


def trade(resting, incoming, sides):
    if resting["match"] != incoming["match"]:
        raise SystemExit(f"match {resting['match']}: the second report of the trade is missing")
    ids = (resting["id"], incoming["id"])
    buy, sell = ids if sides[resting["id"]] == "buy" else ids[::-1]
    return (buy, sell, whole(Decimal(resting["price"]) * 100), resting["qty"])


def satoshis(text):
    return whole(Decimal(text) * 100_000_000)


def whole(number):
    if number != int(number):
        raise SystemExit(f"{number} is not a whole number of units")
    return int(number)


if __name__ == "__main__":
    sys.exit(main())
