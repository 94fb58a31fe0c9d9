//! The standby's end of the line: says where its journal ends and takes the leader's frames. It never waits; what it
//! reads and writes is a connection that answers at once.

use super::wire::{Held, Hello, Verdict, Who};
use super::{HEARTBEAT, is_later};
use ringside_journal::{Identity, Place, Position};
use ringside_model::frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, Frame};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;
use zerocopy::IntoBytes;

/// What is taken at once, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// When so much comes at once, the leader has more.
const MUCH_BYTES: usize = 16 << 10;
/// So many frames may come at once.
pub const PIECE_FRAMES_MAX: u64 = (PIECE_BYTES / FRAME_BYTES_MIN) as u64 + 1;

/// A connection to a leader.
pub struct Follower<S> {
    connection: S,
    is_welcome: bool,
    /// Bytes that have come, from `read` on not looked at.
    bytes: Vec<u8>,
    read: usize,
    /// What the network has not taken yet.
    out: Vec<u8>,
    /// What this node has, and when it said so last.
    held: Position,
    spoke: Duration,
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The network, or the leader is gone.
    #[error("the connection to the leader: {0}")]
    Network(#[from] io::Error),
    /// It does not lead, or not any more.
    #[error("it does not lead")]
    NotLeading,
    /// It does not have what this node has.
    #[error("the leader's journal went another way")]
    Diverged,
    /// It does not want this standby. Trying again does not help.
    #[error("the leader refuses this standby: {0}")]
    Refused(String),
    /// It sends what is no frame.
    #[error("the leader sends what is no frame")]
    Malformed,
}

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing.
    Nothing,
    /// The leader's welcome: its frames may be taken now, if this epoch may be followed.
    Welcome {
        /// The epoch that it leads in.
        epoch: u64,
        /// Where its journal ends.
        end: Position,
    },
    /// Something that shows that the leader is there, and perhaps frames.
    Frames {
        /// Whether it is so much that the leader has more, by all appearances.
        more: bool,
    },
}

impl<S: Read + Write> Follower<S> {
    /// Asks for what comes behind `place`.
    pub fn new(
        connection: S,
        who: &Who,
        identity: Identity,
        segment_bytes: u64,
        place: &Place,
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

    /// Writes what is left and reads what has come.
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

    /// The next frame of those that have come whole.
    pub fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, FollowerError> {
        loop {
            let bytes = &self.bytes[self.read..];
            let Some(length) = bytes.first_chunk().map(|length| u16::from_le_bytes(*length)) else {
                return Ok(false);
            };
            let length = match usize::from(length) {
                0 => FRAME_BYTES_MIN,
                length @ (FRAME_BYTES_MIN | FRAME_BYTES_MAX) => length,
                _ => return Err(FollowerError::Malformed),
            };
            let Some(whole) = bytes.get(..length) else { return Ok(false) };
            self.read += length;
            // Zeros are a heartbeat.
            if whole[..2] != [0, 0] {
                *frame = Frame::read(whole).ok_or(FollowerError::Malformed)?;
                return Ok(true);
            }
        }
    }

    /// Tells the leader that everything before `end` is here.
    pub fn hold(&mut self, end: Position, now: Duration) {
        (self.held, self.spoke) = (end, now);
        self.out.extend_from_slice(Held::from(end).as_bytes());
    }

    /// Writes what the network takes.
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
        let verdict = Verdict::decode(&self.bytes)
            .map_err(|what| io::Error::new(ErrorKind::InvalidData, what))?;
        let Some((verdict, length)) = verdict else { return Ok(Came::Nothing) };
        self.read = length;
        match verdict {
            Verdict::Welcome { epoch, end } => {
                self.is_welcome = true;
                Ok(Came::Welcome { epoch, end })
            }
            Verdict::Diverged => Err(FollowerError::Diverged),
            Verdict::NotLeading => Err(FollowerError::NotLeading),
            Verdict::Refused(why) => Err(FollowerError::Refused(why)),
        }
    }
}
