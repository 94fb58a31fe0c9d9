//! Recovery: the state of a venue from its journal, or from a snapshot and the rest of the journal.
//!
//! [`restart`] decides where a replay begins, [`replay`] applies the frames, [`snapshot`] is the state as a
//! file that proves itself, [`snapshotter`] takes one behind a running venue.

pub mod replay;
pub mod restart;
pub mod snapshot;
pub mod snapshotter;
