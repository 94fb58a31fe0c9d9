//! Venue-wide tables beside the engines: names, used order ids, rules and exposures. Commands and
//! reports change the tables; a gateway reads them for its verdict on a new order.

pub mod definitions;
pub mod directory;
pub mod exposure;
pub mod names;
pub mod numbers;
pub mod rules;
pub mod trades;
pub mod used_ids;
mod varint;
