//! Hot standbys: a leader sends the frames of its journal to other machines, which store them at the same places,
//! apply them in their own engines, and have the same streams ready.
//!
//! ```text
//!  leader:  journaler ─► journal ─► (one thread for each standby) ─► frames ─────► standby: journal ─► engines
//!                                         positions ◄──────────────────────────────────────┘            │
//!           replicator ◄── replicas ◄─────────┘                                                     streams
//! ```
//!
//! The frames come from the leader's journal and not from its ring: a standby that is late reads the same bytes as
//! one that keeps up, nothing waits in memory for a slow one, and the live path sees of all of them one number,
//! how far enough standbys have it. The replicator lets commands pass up to there.
//!
//! `wire.rs` has the layouts, `leader.rs` serves standbys, `replicas.rs` is that number, `follower.rs` is the
//! standby's end of the line.

mod follower;
mod leader;
mod replicas;
mod wire;

pub use follower::{Follower, FollowerError};
pub use leader::{Leader, Terms};
pub use replicas::Replicas;
