//! Words of a line that stand for more than one value. All other words are those of their types.

use ringside_model::domain::{OrderType, Peg, TimeInForce};
use ringside_model::reason::Reason;

/// Form of an order beside its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Order without another form.
    Plain,
    /// Order that waits for a trade before it enters.
    Stop,
    /// Order with a limit that follows the reference quote.
    Peg,
}

/// Order types, each with its form.
pub(super) const TYPES: &[(&str, (OrderType, Form))] = &[
    ("limit", (OrderType::Limit, Form::Plain)),
    ("market", (OrderType::Market, Form::Plain)),
    ("market_to_limit", (OrderType::MarketToLimit, Form::Plain)),
    ("stop", (OrderType::Market, Form::Stop)),
    ("stop_limit", (OrderType::Limit, Form::Stop)),
    ("peg", (OrderType::Limit, Form::Peg)),
];

/// Times in force; true if the order expires at a time that it names.
pub(super) const TIFS: &[(&str, (TimeInForce, bool))] = &[
    ("day", (TimeInForce::Day, false)),
    ("gtc", (TimeInForce::Gtc, false)),
    ("ioc", (TimeInForce::Ioc, false)),
    ("fok", (TimeInForce::Fok, false)),
    ("gtt", (TimeInForce::Gtc, true)),
    ("at_open", (TimeInForce::AtOpen, false)),
    ("at_close", (TimeInForce::AtClose, false)),
    ("auction", (TimeInForce::Auction, false)),
];

/// Prices that a peg can follow.
pub(super) const PEGS: &[(&str, Peg)] = &[("primary", Peg::Primary), ("midpoint", Peg::Midpoint)];

/// Sides of the book that a mass cancel can cover; true for the bids.
pub(super) const BOOK_SIDES: &[(&str, bool)] = &[("buy", true), ("sell", false)];

/// Returns the causes that a mass cancel can give: the reasons of cancels.
pub(super) fn causes() -> Vec<(&'static str, Reason)> {
    let causes = Reason::ALL.iter().filter(|reason| reason.is_of_cancel());
    causes.map(|&reason| (reason.name(), reason)).collect()
}
