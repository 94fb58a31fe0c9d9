//! Recovery: the state of a venue from its journal, or from a snapshot and the rest of the journal.
//!
//! [`restart`] decides at which snapshot or frame a replay begins, [`replay`] applies the frames,
//! [`snapshot`] stores the state as a self-checking file, [`snapshotter`] takes snapshots of a
//! running venue from its journal.

pub mod replay;
pub mod restart;
pub mod snapshot;
pub mod snapshotter;
