//! Hot standbys: a leader sends the frames of its journal to other nodes, which store them at the same places,
//! apply them in their own engines, and have the same streams ready.
//!
//! ```text
//!  leader:  journaler ─► journal ─► (one sender for each standby) ─► frames ─────► standby: journal ─► engines
//!                                         positions ◄──────────────────────────────────────┘            │
//!           replicator ◄── replicas ◄─────────┘                                                     streams
//! ```
//!
//! The frames come from the leader's journal and not from its ring: a standby that is late reads the same bytes as
//! one that keeps up, nothing waits in memory for a slow one, and the live path sees of all of them one number,
//! how far enough voters have it. The replicator lets commands pass up to there.
//!
//! `wire.rs` has the layouts, `sender.rs` serves a standby, `replicas.rs` is that number, `follower.rs` is the
//! standby's end of the line; `server.rs` puts senders on sockets and threads.

mod follower;
mod replicas;
mod sender;
mod server;
pub mod wire;

pub use follower::{Came, Follower, FollowerError, PIECE_FRAMES_MAX};
pub use replicas::Replicas;
pub use sender::{Gone, Sender, Sent, Terms};
pub use server::{Doors, Server};

use std::io::{self, ErrorKind};
use std::time::Duration;

/// So often both sides say that they are there when nothing else is to be said.
pub const HEARTBEAT: Duration = Duration::from_millis(20);

/// Whether a connection has nothing, or takes nothing, just now.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
