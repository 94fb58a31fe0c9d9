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
//! threads; [`matching_shard`] feeds frames to one engine, [`report_order`] merges the reports of
//! all shards. [`registry`] keeps names, used ids, venue-wide rules and exposures. [`streams`]
//! turns reports into the numbered messages of each session and of the market, and into the inputs
//! of the gateway's verdicts. [`recovery`] rebuilds all of this state from the journal.

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
