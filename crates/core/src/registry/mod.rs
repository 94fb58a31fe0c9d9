//! Venue-wide tables beside the engines: names, used order ids, rules and exposures. Commands and reports
//! change them; a verdict on a new order reads them.

pub mod directory;
pub mod exposure;
pub mod standing;
pub mod used_ids;
