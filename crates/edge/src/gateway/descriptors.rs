//! Limit on the file descriptors that clients may take from a venue.
//!
//! Without a descriptor for its next segment the journal ends, and the venue with it. So
//! connections of strangers must not use up the descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::fd::RawFd;

/// Descriptors kept for segments, snapshots, operators and visitors; half of all if there are few.
const KEPT: RawFd = 256;

/// Raises the limit of the process as far as allowed, and returns the first descriptor that no
/// client may have. The kernel gives out the lowest free descriptor: while clients have only lower
/// ones, those above remain for the others.
pub(crate) fn first_kept() -> RawFd {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    let limit = limit.and_then(|limit| limit.try_into().ok()).unwrap_or(RawFd::MAX);
    limit - KEPT.min(limit / 2)
}
