//! One venue: it gives each command its place, stores it, matches it, and reports what became of it. After a
//! crash the same state is rebuilt from the log.
//!
//! ```text
//!  commands ─► pipeline: sequencer ─► journaler ─► matchers ─► publisher ─► streams ─► readers
//!                                        │             ▲
//!                                     journal ──► recovery: snapshot, replay
//! ```
//!
//! [`venue`] opens, recovers, runs and closes a venue. [`pipeline`] has the stages and their threads;
//! [`matching_shard`] is an engine fed with frames, [`report_order`] merges the reports of all shards.
//! [`registry`] keeps names, used ids, venue-wide rules and exposures. [`streams`] turns reports into the
//! numbered messages of each session and of the market. [`recovery`] rebuilds all of it from the journal.

#![warn(unreachable_pub)]

pub mod commit_point;
pub mod matching_shard;
pub mod pipeline;
pub mod recovery;
pub mod registry;
pub mod report_lines;
pub mod report_order;
pub mod streams;
pub mod venue;
