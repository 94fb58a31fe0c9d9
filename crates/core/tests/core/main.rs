//! One venue without a network: snapshots and streams.

mod replaced_terms;
mod session_messages;
mod snapshot_file;
mod snapshotter;
mod special_exposure;
mod stages;
mod stored;
mod stream_recovery;
mod stream_resume;
mod stream_store;
mod streams;
