//! Several nodes that are one venue: who leads, whose acknowledgements count, and how another node takes over without
//! losing or changing what anybody was told.
//!
//! `record.rs` is what all nodes agree on and `coordinator.rs` who keeps it: etcd, or a file. `member.rs` is a node's part in deciding who
//! leads, with `poll.rs` for who misses the leader and `leading.rs` for what a leader sees to; `message.rs` is what nodes
//! say to each other, `node_file.rs` what one must not forget, `errands.rs` what is done for it on threads.

pub mod coordinator;
mod errands;
pub mod etcd;
pub mod file;
mod leading;
pub mod member;
pub mod message;
pub mod node_file;
mod poll;
pub mod record;

pub use coordinator::{
    Coordinator, InMemory, Keeper, Kept, Revision, Swapped, Unavailable, Versioned,
};
pub use errands::{Arrived, Errands, Letter};
pub use etcd::Etcd;
pub use file::KeptFile;
pub use member::{Act, Following, Member, View};
pub use message::{Last, Message};
pub use record::{Address, Incarnation, NodeName, Record, Voter, Voters};
