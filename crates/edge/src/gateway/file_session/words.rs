//! Words of a line, and their values.

use ringside_model::domain::{
    AtBand, AtShortTest, Capacity, MoveStep, OrderType, Peg, Role, SelfTrade, Side, SymbolState,
    TimeInForce,
};
use ringside_model::durability::Durability;
use ringside_model::reason::Reason;

pub(crate) const SIDES: &[(&str, Side)] = &[
    ("buy", Side::Buy),
    ("sell", Side::Sell),
    ("short", Side::Short),
    ("short_exempt", Side::ShortExempt),
];

/// Form of an order beside its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
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
pub(crate) const TIFS: &[(&str, (TimeInForce, bool))] = &[
    ("day", (TimeInForce::Day, false)),
    ("gtc", (TimeInForce::Gtc, false)),
    ("ioc", (TimeInForce::Ioc, false)),
    ("fok", (TimeInForce::Fok, false)),
    ("gtt", (TimeInForce::Gtc, true)),
    ("at_open", (TimeInForce::AtOpen, false)),
    ("at_close", (TimeInForce::AtClose, false)),
    ("auction", (TimeInForce::Auction, false)),
];

pub(crate) const PEGS: &[(&str, Peg)] = &[("primary", Peg::Primary), ("midpoint", Peg::Midpoint)];

pub(crate) const AT_BAND: &[(&str, AtBand)] =
    &[("reprice", AtBand::Reprice), ("cancel", AtBand::Cancel)];

pub(crate) const AT_SHORT_TEST: &[(&str, AtShortTest)] =
    &[("reject", AtShortTest::Reject), ("slide", AtShortTest::Slide)];

pub(crate) const SELF_TRADES: &[(&str, SelfTrade)] = &[
    ("none", SelfTrade::None),
    ("cancel_newest", SelfTrade::CancelNewest),
    ("cancel_oldest", SelfTrade::CancelOldest),
    ("cancel_both", SelfTrade::CancelBoth),
    ("decrement", SelfTrade::Decrement),
    ("cancel_smallest", SelfTrade::CancelSmallest),
];

pub(crate) const CAPACITIES: &[(&str, Capacity)] = &[
    ("other", Capacity::Other),
    ("agency", Capacity::Agency),
    ("principal", Capacity::Principal),
    ("riskless", Capacity::Riskless),
];

/// Sides of the book that a mass cancel can cover; true for the bids.
pub(crate) const BOOK_SIDES: &[(&str, bool)] = &[("buy", true), ("sell", false)];

pub(crate) const STATES: &[(&str, SymbolState)] = &[
    ("closed", SymbolState::Closed),
    ("pre_open", SymbolState::PreOpen),
    ("open", SymbolState::Open),
    ("halted", SymbolState::Halted),
    ("reopening_call", SymbolState::ReopeningCall),
    ("closing_call", SymbolState::ClosingCall),
    ("cancel_only", SymbolState::CancelOnly),
];

pub(crate) const ROLES: &[(&str, Role)] = &[
    ("file", Role::File),
    ("order_entry", Role::OrderEntry),
    ("firm_drop_copy", Role::FirmDropCopy),
    ("venue_drop_copy", Role::VenueDropCopy),
];

pub(super) const MODES: &[(&str, Durability)] = &[
    ("volatile", Durability::Volatile),
    ("pagecache", Durability::Pagecache),
    ("fsync", Durability::Fsync),
];

pub(crate) const STEPS: &[(&str, MoveStep)] = &[
    ("halt", MoveStep::Halt),
    ("export", MoveStep::Export),
    ("import", MoveStep::Import),
    ("resume", MoveStep::Resume),
    ("release", MoveStep::Release),
];

/// Returns the causes that a mass cancel can give: the reasons of cancels.
pub(super) fn causes() -> Vec<(&'static str, Reason)> {
    let causes = Reason::ALL.iter().filter(|reason| reason.is_of_cancel());
    causes.map(|&reason| (reason.name(), reason)).collect()
}
