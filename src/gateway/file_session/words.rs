//! The words of a line and what they stand for.

use crate::domain::{
    Capacity, MoveStep, OrderType, Role, SelfTrade, Side, SymbolState, TimeInForce,
};
use crate::durability::Durability;
use crate::reason::Reason;

pub const SIDES: &[(&str, Side)] = &[
    ("buy", Side::Buy),
    ("sell", Side::Sell),
    ("short", Side::Short),
    ("short_exempt", Side::ShortExempt),
];

/// The order types, and whether the order waits as a stop before it is one; `None` is one that is known but not served.
pub const TYPES: &[(&str, Option<(OrderType, bool)>)] = &[
    ("limit", Some((OrderType::Limit, false))),
    ("market", Some((OrderType::Market, false))),
    ("market_to_limit", Some((OrderType::MarketToLimit, false))),
    ("stop", Some((OrderType::Market, true))),
    ("stop_limit", Some((OrderType::Limit, true))),
    ("peg", None),
];

/// The times in force; `None` is one that is known but not served.
pub const TIFS: &[(&str, Option<TimeInForce>)] = &[
    ("day", Some(TimeInForce::Day)),
    ("gtc", Some(TimeInForce::Gtc)),
    ("ioc", Some(TimeInForce::Ioc)),
    ("fok", Some(TimeInForce::Fok)),
    ("gtt", None),
    ("at_open", Some(TimeInForce::AtOpen)),
    ("at_close", Some(TimeInForce::AtClose)),
    ("auction", Some(TimeInForce::Auction)),
];

pub const SELF_TRADES: &[(&str, SelfTrade)] = &[
    ("none", SelfTrade::None),
    ("cancel_newest", SelfTrade::CancelNewest),
    ("cancel_oldest", SelfTrade::CancelOldest),
    ("cancel_both", SelfTrade::CancelBoth),
    ("decrement", SelfTrade::Decrement),
    ("cancel_smallest", SelfTrade::CancelSmallest),
];

pub const CAPACITIES: &[(&str, Capacity)] = &[
    ("other", Capacity::Other),
    ("agency", Capacity::Agency),
    ("principal", Capacity::Principal),
    ("riskless", Capacity::Riskless),
];

/// The sides of the book that a mass cancel can be about: whether it is the one of the bids.
pub const BOOK_SIDES: &[(&str, bool)] = &[("buy", true), ("sell", false)];

pub const STATES: &[(&str, SymbolState)] = &[
    ("closed", SymbolState::Closed),
    ("pre_open", SymbolState::PreOpen),
    ("open", SymbolState::Open),
    ("halted", SymbolState::Halted),
    ("reopening_call", SymbolState::ReopeningCall),
    ("closing_call", SymbolState::ClosingCall),
    ("cancel_only", SymbolState::CancelOnly),
];

pub const ROLES: &[(&str, Role)] = &[
    ("file", Role::File),
    ("order_entry", Role::OrderEntry),
    ("firm_drop_copy", Role::FirmDropCopy),
    ("venue_drop_copy", Role::VenueDropCopy),
];

pub const MODES: &[(&str, Durability)] = &[
    ("volatile", Durability::Volatile),
    ("pagecache", Durability::Pagecache),
    ("fsync", Durability::Fsync),
];

pub const STEPS: &[(&str, MoveStep)] = &[
    ("halt", MoveStep::Halt),
    ("export", MoveStep::Export),
    ("import", MoveStep::Import),
    ("resume", MoveStep::Resume),
    ("release", MoveStep::Release),
];

/// The causes that a mass cancel can give: those of cancels.
pub fn causes() -> Vec<(&'static str, Reason)> {
    let causes = Reason::ALL.iter().filter(|reason| reason.is_of_cancel());
    causes.map(|&reason| (reason.name(), reason)).collect()
}
