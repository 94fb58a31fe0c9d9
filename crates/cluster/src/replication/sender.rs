//! Leader's end of a connection: serves one standby from the journal. It never waits; its owner
//! calls the steps.

use super::wire::{Held, Hello, HelloAnswer, Who};
use super::{HEARTBEAT, Replicas, is_later};
use ringside_journal::{Identity, JournalError, LogPlace};
use ringside_model::frame::{FRAME_BYTES_MIN, Frame};
use ringside_planted::{Bug, planted};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zerocopy::FromBytes;

/// Silence of a standby after which it counts as gone.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Limit of the frames that wait for the network, in bytes: a late standby costs no more memory.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// Terms on which a leader serves standbys.
#[derive(Clone)]
pub struct ReplicationTerms {
    /// Epoch in which the node leads.
    pub epoch: u64,
    /// Folder of the journal.
    pub dir: PathBuf,
    /// Identity of the journal: matching rules and venue.
    pub identity: Identity,
    /// Length of a segment in bytes.
    pub segment_bytes: u64,
    /// Positions of the standbys; the senders update them.
    pub replicas: Arc<Replicas>,
    /// Highest epoch that a standby says it has promised to another node.
    pub promised_elsewhere: Arc<AtomicU64>,
}

/// Reason why a standby is not served any more.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// The connection to the standby failed.
    #[error("{0}")]
    Network(#[from] io::Error),
    /// The journal cannot be read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The standby was silent for too long.
    #[error("it is silent")]
    Silent,
    /// The standby was not welcome, and was sent the reason.
    #[error("it was turned away: {0}")]
    TurnedAway(String),
}

/// Connection to one standby.
pub struct FrameSender<S> {
    connection: S,
    terms: ReplicationTerms,
    /// Number of the connection.
    number: u64,
    /// Name of the standby, once it is welcome, and the reader of the journal for it.
    standby: Option<(Who, ringside_journal::TailReader)>,
    /// Bytes on their way, and the number of them that the network has taken.
    out: Vec<u8>,
    taken: usize,
    /// Received bytes that are not complete yet.
    said: Vec<u8>,
    heard: Duration,
    spoke: Duration,
}

/// Result of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The standby has sent its hello, and is welcome.
    Welcomed(Who),
    /// Something was sent or received.
    Some,
    /// Nothing was done: there is nothing to do now, and nothing on its way.
    Nothing,
    /// Nothing was done: the network takes no more.
    Later,
}

impl<S: Read + Write> FrameSender<S> {
    /// Creates the sender of a connection that has received nothing yet.
    pub fn new(connection: S, terms: ReplicationTerms, number: u64, now: Duration) -> Self {
        let out = Vec::with_capacity(WAITING_BYTES_MAX);
        FrameSender {
            connection,
            terms,
            number,
            standby: None,
            out,
            taken: 0,
            said: vec![],
            heard: now,
            spoke: now,
        }
    }

    /// Sends the frames that are there, and receives the positions of the standby.
    pub fn step(&mut self, now: Duration) -> Result<Sent, Gone> {
        let read = self.read_journal()?;
        let heard = self.hear(now)?;
        if now - self.heard > SILENCE_MAX {
            return Err(Gone::Silent);
        }
        let welcomed = if self.standby.is_none() { self.welcome(now)? } else { None };
        if self.standby.is_some() && self.out.is_empty() && now - self.spoke >= HEARTBEAT {
            self.out.extend_from_slice(&[0; FRAME_BYTES_MIN]);
        }
        let wrote = self.write(now)?;
        Ok(match welcomed {
            Some(who) => Sent::Welcomed(who),
            None if read || heard || wrote => Sent::Some,
            None if self.out.is_empty() => Sent::Nothing,
            None => Sent::Later,
        })
    }

    /// Answers the hello, if it has come. Returns the standby if it is welcome.
    fn welcome(&mut self, now: Duration) -> Result<Option<Who>, Gone> {
        let Ok((hello, _)) = Hello::read_from_prefix(&self.said) else { return Ok(None) };
        self.said.drain(..size_of::<Hello>());
        let (terms, who, place) = (&self.terms, hello.who(), hello.place());
        let verdict = match hello.differs_from(terms.identity, terms.segment_bytes) {
            Some(why) => HelloAnswer::Refused(why),
            None if who.promised > terms.epoch && !planted(Bug::OldLeaderHeard) => {
                terms.promised_elsewhere.fetch_max(who.promised, Ordering::Relaxed);
                HelloAnswer::NotLeading
            }
            None => {
                match ringside_journal::TailReader::open_behind(
                    &terms.dir,
                    terms.identity,
                    &place,
                    None,
                ) {
                    Ok(follower) => {
                        self.standby = Some((who.clone(), follower));
                        self.heard = now;
                        HelloAnswer::Welcome {
                            epoch: terms.epoch,
                            end: terms.replicas.commit_point().stored(),
                        }
                    }
                    Err(JournalError::NoSuchPlace { .. }) => lacks(terms, &place)?,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        self.out.extend_from_slice(&verdict.encode());
        if matches!(verdict, HelloAnswer::Welcome { .. }) {
            return Ok(Some(who));
        }
        self.write(now)?;
        Err(Gone::TurnedAway(format!("{}: {verdict:?}", who.node)))
    }

    /// Reads frames from the journal while there is room for them. Returns true if there were any.
    fn read_journal(&mut self) -> Result<bool, Gone> {
        let Some((_, follower)) = &mut self.standby else { return Ok(false) };
        let before = self.out.len();
        while self.out.len() + size_of::<Frame>() <= WAITING_BYTES_MAX
            && let Some(frame) = follower.next_stored()?
        {
            self.out.extend_from_slice(frame.bytes());
        }
        Ok(self.out.len() > before)
    }

    fn write(&mut self, now: Duration) -> Result<bool, Gone> {
        if self.out.is_empty() {
            return Ok(false);
        }
        match self.connection.write(&self.out[self.taken..]) {
            Ok(count) => self.taken += count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.spoke = now;
        if self.taken == self.out.len() {
            self.out.clear();
            self.taken = 0;
        }
        Ok(true)
    }

    fn hear(&mut self, now: Duration) -> Result<bool, Gone> {
        let mut piece = [0; 64 * size_of::<Held>()];
        let count = match self.connection.read(&mut piece) {
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) => count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        self.said.extend_from_slice(&piece[..count]);
        // Parts of a hello do not prolong the time within which the whole hello must come.
        let Some((who, _)) = &self.standby else { return Ok(true) };
        self.heard = now;
        let whole = self.said.len() / size_of::<Held>() * size_of::<Held>();
        // Positions only rise, so the last one is enough.
        if let Some(at) = whole.checked_sub(size_of::<Held>()) {
            let held = Held::read_from_bytes(&self.said[at..whole]).expect("it has its length");
            let ReplicationTerms { replicas, .. } = &self.terms;
            replicas.has(self.number, &who.node, who.incarnation, held.into());
            self.said.drain(..whole);
        }
        Ok(true)
    }
}

/// Returns the verdict on a place of the standby that the leader does not have any more, or never
/// had.
fn lacks(terms: &ReplicationTerms, place: &LogPlace) -> Result<HelloAnswer, JournalError> {
    let first = ringside_journal::first_segment(&terms.dir)?.unwrap_or(1);
    if place.position.segment >= first {
        return Ok(HelloAnswer::Diverged);
    }
    let what =
        "does not have the journal any more that follows the standby's (snapshots.retire_segments)";
    let remedy = "begin with a copy of the folder of a node that is stopped, without its NODE file";
    Ok(HelloAnswer::Refused(format!("it {what}: {remedy}")))
}

impl<S> Drop for FrameSender<S> {
    fn drop(&mut self) {
        self.terms.replicas.gone(self.number);
    }
}
