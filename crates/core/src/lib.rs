//! One venue: sequences each command, stores it, matches it, and publishes its reports. After a
//! crash the same state is rebuilt from the journal.
//!
//! ```text
//!  commands ─► pipeline: sequencer ─► journaler ─► matchers ─► publisher ─► streams ─► readers
//!                                        │             ▲
//!                                     journal ──► recovery: snapshot, replay
//! ```
//!
//! [`venue`] opens, recovers, runs and closes a venue. [`pipeline`] has the stages and their
//! threads; [`shard`] feeds frames to one engine, [`merge`] merges the reports of all shards.
//! [`clock`] gives the official time. [`registry`] keeps names, used ids, venue-wide rules and
//! exposures. [`streams`] turns reports into the numbered messages of each session and of the
//! market, and into the inputs of the gateway's verdicts. [`recovery`] rebuilds all of this state
//! from the journal.

#![deny(clippy::print_stdout, clippy::print_stderr)]
#![warn(unreachable_pub)]

pub mod clock;
pub mod commit_point;
pub mod json_reports;
pub mod merge;
pub mod pipeline;
pub mod recovery;
pub mod registry;
pub mod shard;
pub mod streams;
pub mod venue;
