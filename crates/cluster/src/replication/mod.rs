//! Hot standbys: a leader sends the frames of its journal to other nodes. They store the frames at
//! the same positions, apply them in their own engines, and have the same streams ready.
//!
//! ```text
//!  leader:  journaler ─► journal ─► (one sender for each standby) ─► frames ─────► standby: journal ─► engines
//!                                         positions ◄──────────────────────────────────────┘            │
//!           replicator ◄── replicas ◄─────────┘                                                     streams
//! ```
//!
//! The frames come from the leader's journal and not from its ring. A late standby reads the same
//! bytes as one that keeps up, and nothing waits in memory for a slow one. The live path sees one
//! number of all standbys: the position up to which a quorum of the voters has the journal. The
//! replicator lets commands pass up to that position.
//!
//! `wire.rs` has the layouts, `sender.rs` serves a standby, `replicas.rs` computes that position,
//! `follower.rs` is the standby's end of a connection; `server.rs` runs the senders on sockets and
//! threads.

mod follower;
mod replicas;
mod sender;
mod server;
pub mod wire;

pub use follower::{Came, Follower, FollowerError, PIECE_FRAMES_MAX};
pub use replicas::Replicas;
pub use sender::{FrameSender, Gone, ReplicationTerms, Sent};
pub use server::{Doors, ReplicationServer};

use std::io::{self, ErrorKind};
use std::time::Duration;

/// Interval of heartbeats, which both sides send when they have nothing else to send.
pub const HEARTBEAT: Duration = Duration::from_millis(20);

/// Returns true if a connection only has no data, or no room, at this moment.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
