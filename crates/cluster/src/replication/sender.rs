//! The leader's end of the line: serves one standby from the journal. It never waits; whoever has it steps it.

use super::wire::{Held, Hello, Verdict, Who};
use super::{HEARTBEAT, Replicas, is_later};
use ringside_journal::{Identity, JournalError, Place};
use ringside_model::frame::{FRAME_BYTES_MIN, Frame};
use ringside_planted::{Bug, planted};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zerocopy::FromBytes;

/// Who says nothing for so long is gone.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Frames that wait for the network, in bytes: a standby that is late costs no more.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What a leader has for standbys.
#[derive(Clone)]
pub struct Terms {
    /// The epoch that it leads in.
    pub epoch: u64,
    /// The folder of the journal.
    pub dir: PathBuf,
    /// Whose journal it is.
    pub identity: Identity,
    /// The length of its segments in bytes.
    pub segment_bytes: u64,
    /// Hears what each standby has.
    pub replicas: Arc<Replicas>,
    /// The highest epoch that a standby has said it promised to somebody.
    pub promised_elsewhere: Arc<AtomicU64>,
}

/// Why a standby is not served any more.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// The connection.
    #[error("{0}")]
    Network(#[from] io::Error),
    /// The journal cannot be read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// It says nothing.
    #[error("it is silent")]
    Silent,
    /// It was told why not.
    #[error("it was turned away: {0}")]
    TurnedAway(String),
}

/// A standby that is served.
pub struct Sender<S> {
    connection: S,
    terms: Terms,
    /// Which connection it is.
    number: u64,
    /// Who it is, once it has said so, and what it is sent.
    standby: Option<(Who, ringside_journal::Follower)>,
    /// Bytes on their way, and how many of them the network has taken.
    out: Vec<u8>,
    taken: usize,
    /// What it has said and is not whole.
    said: Vec<u8>,
    heard: Duration,
    spoke: Duration,
}

/// What a step has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The standby has said who it is, and is welcome.
    Welcomed(Who),
    /// Something was sent or heard.
    Some,
    /// Nothing: there is nothing to do just now, and nothing on its way.
    Nothing,
    /// Nothing: the network takes no more.
    Later,
}

impl<S: Read + Write> Sender<S> {
    /// A connection that has said nothing yet.
    pub fn new(connection: S, terms: Terms, number: u64, now: Duration) -> Self {
        let out = Vec::with_capacity(WAITING_BYTES_MAX);
        Sender {
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

    /// Sends what there is, and hears what the standby has.
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

    /// Answers the first words, if they have come.
    fn welcome(&mut self, now: Duration) -> Result<Option<Who>, Gone> {
        let Ok((hello, _)) = Hello::read_from_prefix(&self.said) else { return Ok(None) };
        self.said.drain(..size_of::<Hello>());
        let (terms, who, place) = (&self.terms, hello.who(), hello.place());
        let verdict = match hello.differs_from(terms.identity, terms.segment_bytes) {
            Some(why) => Verdict::Refused(why),
            None if who.promised > terms.epoch && !planted(Bug::OldLeaderHeard) => {
                terms.promised_elsewhere.fetch_max(who.promised, Ordering::Relaxed);
                Verdict::NotLeading
            }
            None => {
                match ringside_journal::Follower::open_behind(
                    &terms.dir,
                    terms.identity,
                    &place,
                    None,
                ) {
                    Ok(follower) => {
                        self.standby = Some((who.clone(), follower));
                        Verdict::Welcome {
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
        if matches!(verdict, Verdict::Welcome { .. }) {
            return Ok(Some(who));
        }
        self.write(now)?;
        Err(Gone::TurnedAway(format!("{}: {verdict:?}", who.node)))
    }

    /// Reads frames from the journal while there is room for them. Whether there was any.
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
        self.heard = now;
        self.said.extend_from_slice(&piece[..count]);
        let Some((who, _)) = &self.standby else { return Ok(true) };
        let whole = self.said.len() / size_of::<Held>() * size_of::<Held>();
        // Positions only rise: the last one says everything.
        if let Some(at) = whole.checked_sub(size_of::<Held>()) {
            let held = Held::read_from_bytes(&self.said[at..whole]).expect("it has its length");
            let Terms { replicas, .. } = &self.terms;
            replicas.has(self.number, &who.node, who.incarnation, held.into());
            self.said.drain(..whole);
        }
        Ok(true)
    }
}

/// The leader does not have a place of the standby's: not any more, or it never had it.
fn lacks(terms: &Terms, place: &Place) -> Result<Verdict, JournalError> {
    let first = ringside_journal::first_segment(&terms.dir)?.unwrap_or(1);
    if place.position.segment >= first {
        return Ok(Verdict::Diverged);
    }
    let what =
        "does not have the journal any more that follows the standby's (snapshots.retire_segments)";
    let remedy = "begin with a copy of the folder of a node that is stopped, without its NODE file";
    Ok(Verdict::Refused(format!("it {what}: {remedy}")))
}

impl<S> Drop for Sender<S> {
    fn drop(&mut self) {
        self.terms.replicas.gone(self.number);
    }
}
