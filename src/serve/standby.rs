//! A venue that stands by: it takes the frames of a leader, has the same books and streams ready, and leads when it
//! is told to.

use super::past::{self, Past};
use super::{ServeError, at, sync_streams};
use crate::config::Config;
use crate::frame::Frame;
use crate::replication::{Follower, FollowerError};
use crate::venue::{self, Restart, Standby};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a standby is told from outside.
#[derive(Default)]
pub struct Orders {
    /// Set to end it.
    pub stop: Arc<AtomicBool>,
    /// Set to make it lead.
    pub lead: Arc<AtomicBool>,
}

impl Orders {
    fn has_any(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.lead.load(Ordering::Relaxed)
    }
}

/// Follows a leader until `orders` say otherwise, through any loss of the connection. `recovered` hears what the
/// restart found, `say` what happens then. Gives the venue, ready to lead.
pub fn follow(
    config: &Config,
    leader: SocketAddr,
    orders: &Orders,
    recovered: impl FnOnce(&Restart),
    mut say: impl FnMut(String) + Clone + Send + 'static,
) -> Result<Standby<Past>, ServeError> {
    const RETRY: Duration = Duration::from_millis(100);
    let mut standby = past::recover(config)?;
    recovered(&standby.restart);
    let sync_streams = sync_streams(standby.told().encoder.sink());
    let snapshots = config.snapshots().map(|policy| {
        standby.take_snapshots(policy, config.sizes(), Some(sync_streams), say.clone())
    });
    let _snapshots = snapshots.transpose().map_err(at("cannot start a thread".into()))?;
    let mut why_not = String::new();
    while !orders.has_any() {
        match take_frames(config, leader, &mut standby, orders, &mut say) {
            Ok(()) => {}
            Err(Ended::Line(refused @ FollowerError::Refused(_))) => {
                return Err(ServeError::Refused(refused.to_string()));
            }
            Err(Ended::Line(error)) => {
                // A leader that is away is said once.
                if error.to_string() != why_not {
                    why_not = error.to_string();
                    say(format!("{leader}: {why_not}; trying again"));
                }
                std::thread::sleep(RETRY);
            }
            Err(Ended::Venue(error)) => return Err(error),
        }
    }
    Ok(standby)
}

/// Why no frames are taken any more.
enum Ended {
    Line(FollowerError),
    Venue(ServeError),
}

impl From<FollowerError> for Ended {
    fn from(error: FollowerError) -> Self {
        Ended::Line(error)
    }
}

impl<E: Into<ServeError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Ended::Venue(error.into())
    }
}

fn take_frames(
    config: &Config,
    leader: SocketAddr,
    standby: &mut Standby<Past>,
    orders: &Orders,
    say: &mut impl FnMut(String),
) -> Result<(), Ended> {
    let identity = venue::identity(config.matching_hash());
    let place = standby.place();
    let mut line = Follower::connect(leader, identity, config.journal.segment_bytes, &place)?;
    say(format!("following {leader} behind seqno {}", place.seqno));
    line.hold(place.position)?;
    let mut frame = Frame::default();
    while !orders.has_any() {
        if !line.wait()? {
            continue;
        }
        while line.next_frame(&mut frame)? {
            standby.store(&mut frame)?;
        }
        // The leader waits for this word; the books can wait for a moment.
        let end = standby.commit()?;
        line.hold(end)?;
        standby.apply()?;
    }
    Ok(())
}
