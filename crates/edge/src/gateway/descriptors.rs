//! How many sockets clients may take from a venue that needs descriptors for other things, too.
//!
//! Without one for its next segment the journal ends, and with it the venue: strangers who connect must not come
//! that far.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::fd::RawFd;

/// So many descriptors are kept for segments, snapshots, operators and visitors, or half of all if there are few.
const KEPT: RawFd = 256;

/// Raises the limit of the process as far as that is allowed, and gives the first descriptor that is no client's.
/// The kernel gives out the lowest that is free: while clients have lower ones only, those above are for the others.
pub(crate) fn first_kept() -> RawFd {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    let limit = limit.and_then(|limit| limit.try_into().ok()).unwrap_or(RawFd::MAX);
    limit - KEPT.min(limit / 2)
}
