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

/// Returns the times in force, and `gtt`; true if the order expires at a time that it names.
pub(super) fn tifs() -> impl Iterator<Item = (&'static str, (TimeInForce, bool))> + Clone {
    let stored = TimeInForce::ALL.iter().map(|&tif| (tif.name(), (tif, false)));
    stored.chain([("gtt", (TimeInForce::Gtc, true))])
}

/// Returns the prices that a peg can follow.
pub(super) fn pegs() -> impl Iterator<Item = (&'static str, Peg)> + Clone {
    let pegs = Peg::ALL.iter().filter(|&&peg| peg != Peg::None);
    pegs.map(|&peg| (peg.name(), peg))
}

/// Sides of the book that a mass cancel can cover; true for the bids.
pub(super) const BOOK_SIDES: &[(&str, bool)] = &[("buy", true), ("sell", false)];

/// Returns the causes that a mass cancel can give: the reasons of cancels.
pub(super) fn causes() -> impl Iterator<Item = (&'static str, Reason)> + Clone {
    let causes = Reason::ALL.iter().filter(|reason| reason.is_of_cancel());
    causes.map(|&reason| (reason.name(), reason))
}
