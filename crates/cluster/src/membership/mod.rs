//! Membership of a cluster: several nodes form one venue. Its record says who leads and whose
//! acknowledgements count. Another node takes over without losing or changing anything that was
//! acknowledged or published.
//!
//! `record.rs` has the record on which all nodes agree, and `coordinator.rs` the interface of its
//! keepers: etcd, or a file. `member.rs` is the part of a node in leader election, with
//! `canvass.rs` for the voters that miss the leader and `leader.rs` for the tasks of a leader.
//! `message.rs` has the messages between nodes, `node_file.rs` the facts that a node must not
//! forget, `errands.rs` the threads that work for a member.

mod canvass;
pub mod coordinator;
mod errands;
pub mod etcd;
pub mod file;
mod leader;
pub mod member;
pub mod message;
pub mod node_file;
pub mod record;

pub use coordinator::{
    Coordinator, InMemory, Keeper, Kept, Revision, Swapped, Unavailable, Versioned,
};
pub use errands::{Arrived, Errands, Letter};
pub use etcd::Etcd;
pub use file::KeptFile;
pub use member::{Act, ConnectedStandby, Member, View};
pub use message::{Last, PeerMessage};
pub use record::{Address, Incarnation, NodeName, Record, Voter, Voters};
