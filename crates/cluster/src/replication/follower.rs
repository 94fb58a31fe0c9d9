//! Standby's end of a connection: it reports where its journal ends, and takes the leader's frames.
//! It never waits: the connection that it reads and writes answers at once.

use super::wire::{Held, Hello, HelloAnswer, Who};
use super::{HEARTBEAT, is_later};
use ringside_journal::{Identity, LogPlace, Position};
use ringside_model::frame::{FRAME_BYTES_MIN, FRAME_LENGTHS, Frame};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;
use zerocopy::IntoBytes;

/// Largest number of bytes that one step reads.
const PIECE_BYTES: usize = 256 << 10;
/// Number of bytes in one read from which on the leader is expected to have more.
const MUCH_BYTES: usize = 16 << 10;
/// Largest number of frames that one step brings.
pub const PIECE_FRAMES_MAX: u64 = (PIECE_BYTES / FRAME_BYTES_MIN) as u64 + 1;

/// Connection to a leader.
pub struct Follower<S> {
    connection: S,
    is_welcome: bool,
    /// Received bytes; those from `read` on are not decoded yet.
    bytes: Vec<u8>,
    read: usize,
    /// Bytes that the network has not taken yet.
    out: Vec<u8>,
    /// End of the journal that was last reported to the leader, and the time of that report.
    held: Position,
    spoke: Duration,
}

/// Reason why no more frames come.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The network failed, or the leader is gone.
    #[error("the connection to the leader: {0}")]
    Network(#[from] io::Error),
    /// The node does not lead, or leads no longer.
    #[error("the node does not lead")]
    NotLeading,
    /// The leader's journal lacks the place from which this node asked to follow.
    #[error("the leader's journal does not have the end of this node's journal")]
    Diverged,
    /// The leader refuses this standby, for this reason. Another try does not help.
    #[error("the leader refuses this standby: {0}")]
    Refused(String),
    /// The leader sent bytes that are no frame.
    #[error("the leader sent bytes that are no frame")]
    Malformed,
}

/// Input of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing came in this step.
    Nothing,
    /// Welcome of the leader: its frames may be taken now, if this epoch may be followed.
    Welcome {
        /// Epoch in which the leader leads.
        epoch: u64,
        /// End of the leader's journal.
        end: Position,
    },
    /// Sign of life of the leader, perhaps with frames.
    Frames {
        /// True if so many bytes came that the leader probably has more.
        more: bool,
    },
}

impl<S: Read + Write> Follower<S> {
    /// Asks a leader for the frames behind `place`.
    pub fn new(
        connection: S,
        who: &Who,
        identity: Identity,
        segment_bytes: u64,
        place: &LogPlace,
        now: Duration,
    ) -> Self {
        let hello = Hello::new(who, identity, segment_bytes, place);
        Follower {
            connection,
            is_welcome: false,
            bytes: vec![],
            read: 0,
            out: hello.as_bytes().to_vec(),
            held: place.position,
            spoke: now,
        }
    }

    /// Writes the remaining bytes, and reads the bytes that have come.
    pub fn step(&mut self, now: Duration) -> Result<Came, FollowerError> {
        if self.is_welcome && self.out.is_empty() && now - self.spoke >= HEARTBEAT {
            self.hold(self.held, now);
        }
        self.write()?;
        self.bytes.drain(..self.read);
        self.read = 0;
        let had = self.bytes.len();
        self.bytes.resize(had + PIECE_BYTES, 0);
        let came = self.connection.read(&mut self.bytes[had..]);
        self.bytes.truncate(had + came.as_ref().map_or(0, |count| *count));
        match came {
            Ok(0) => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) if self.is_welcome => Ok(Came::Frames { more: count >= MUCH_BYTES }),
            Ok(_) => self.hear_verdict(),
            Err(error) if is_later(&error) => Ok(Came::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the next complete frame into `frame`. Returns false if there is none.
    pub fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, FollowerError> {
        loop {
            let bytes = &self.bytes[self.read..];
            let Some(length) = bytes.first_chunk().map(|length| u16::from_le_bytes(*length)) else {
                return Ok(false);
            };
            let length = match usize::from(length) {
                0 => FRAME_BYTES_MIN,
                length if FRAME_LENGTHS.contains(&length) => length,
                _ => return Err(FollowerError::Malformed),
            };
            let Some(whole) = bytes.get(..length) else { return Ok(false) };
            self.read += length;
            // Zeros are a heartbeat and no frame.
            if whole[..2] != [0, 0] {
                *frame = Frame::read(whole).ok_or(FollowerError::Malformed)?;
                return Ok(true);
            }
        }
    }

    /// Reports to the leader that this node has everything before `end`. The report is sent with
    /// the next write.
    pub fn hold(&mut self, end: Position, now: Duration) {
        (self.held, self.spoke) = (end, now);
        self.out.extend_from_slice(Held::from(end).as_bytes());
    }

    /// Writes as many bytes as the network takes.
    pub fn write(&mut self) -> Result<(), FollowerError> {
        while !self.out.is_empty() {
            match self.connection.write(&self.out) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn hear_verdict(&mut self) -> Result<Came, FollowerError> {
        let verdict = HelloAnswer::decode(&self.bytes)
            .map_err(|what| io::Error::new(ErrorKind::InvalidData, what))?;
        let Some((verdict, length)) = verdict else { return Ok(Came::Nothing) };
        self.read = length;
        match verdict {
            HelloAnswer::Welcome { epoch, end } => {
                self.is_welcome = true;
                Ok(Came::Welcome { epoch, end })
            }
            HelloAnswer::Diverged => Err(FollowerError::Diverged),
            HelloAnswer::NotLeading => Err(FollowerError::NotLeading),
            HelloAnswer::Refused(why) => Err(FollowerError::Refused(why)),
        }
    }
}
