//! Several instances that share the instruments of a venue: which one trades what, and how an instrument moves from one
//! to another.
//!
//! Each is a complete cluster with a journal, sessions and market data of its own. `table.rs` is what they all agree on,
//! kept as the record of a cluster is; `step.rs` decides from the table and from where an instrument is here what is to
//! be done next; `mover.rs` does it, as an operator would: by lines that become commands of the journal. So a move can
//! be cut off anywhere, and whoever leads then goes on with it.
//!
//! ```text
//!             the one that has it                the table                 the one that gets it
//!                                        "AAPL is to go to 2"
//!   halt      its orders wait
//!   export    its orders are told ──────► kept beside the table
//!                                        "exported" ─────────────────►     import, an order at a time; nobody is told
//!                                        "AAPL is at 2", a version more ◄─ all are in the journal
//!   release   its orders are gone                                          resume: they rest, clients are told
//! ```

mod mover;
mod operator;
mod step;
mod table;

pub use mover::{Keepers, Mover, MoverError, Pieces};
pub use operator::{Desk, DeskError, Operator};
pub use step::{Step, next};
pub use table::{Export, Lines, Moving, Place, Table, propose};
