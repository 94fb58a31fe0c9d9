//! Partitions of a venue: which partition trades which symbol, and how a symbol moves from one
//! partition to another.
//!
//! Each partition is a complete cluster with its own journal, sessions and market data. `table.rs`
//! has the table on which all partitions agree; a coordinator keeps it, like the record of a
//! cluster. `step.rs` decides the next step from the table and from the state of the symbol in this
//! partition. `mover.rs` takes the step by requests that become commands of the journal
//! (`desk.rs`). So a move can be interrupted anywhere, and the next leader continues it. `lines.rs`
//! has the text of the orders that are kept beside the table.
//!
//! ```text
//!             source partition                   table                     target partition
//!                                        "AAPL is to go to 2"
//!   halt      its orders wait
//!   export    its orders are reported ──► kept beside the table
//!                                        "exported" ─────────────────►     import each order; nothing is published
//!                                        "AAPL is at 2", next version ◄─── all are in the journal
//!   release   its orders are gone                                          resume: they rest; reports are published
//! ```

mod desk;
mod lines;
mod mover;
mod step;
mod table;

pub use desk::{
    Desk, DeskAnswer, DeskError, DeskEvent, DeskRequest, MovedOrder, REQUESTS_MAX, UnknownName,
};
pub use lines::ExportPiece;
pub use mover::{Keepers, Mover, MoverError, Pieces};
pub use step::{MoverStep, next};
pub use table::{Export, Moving, Placement, SymbolTable, VersionsUsedUp, propose};
