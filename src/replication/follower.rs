//! The standby's end of the line: connects to the leader and gives its frames.

use super::leader::SILENCE_MAX;
use super::wire::{self, Held, Hello};
use crate::frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, Frame};
use crate::journal::{Identity, Place, Position};
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection to a leader.
pub struct Follower {
    socket: TcpStream,
    /// Bytes that have come, from `read` on not looked at.
    bytes: Vec<u8>,
    read: usize,
    heard: Instant,
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The network, or the leader is gone.
    #[error("the connection to the leader: {0}")]
    Network(#[from] io::Error),
    /// It says nothing.
    #[error("the leader is silent")]
    Silent,
    /// It does not want this standby. Trying again does not help.
    #[error("the leader refuses this standby: {0}")]
    Refused(String),
    /// It sends what is no frame.
    #[error("the leader sends what is no frame")]
    Malformed,
}

impl Follower {
    /// Connects for what comes behind `place`.
    pub fn connect(
        leader: SocketAddr,
        identity: Identity,
        segment_bytes: u64,
        place: &Place,
    ) -> Result<Follower, FollowerError> {
        const PATIENCE: Duration = Duration::from_secs(5);
        let socket = TcpStream::connect_timeout(&leader, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        wire::send(&socket, &Hello::new(identity, segment_bytes, place))?;
        wire::receive_answer(&socket)?.map_err(FollowerError::Refused)?;
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        Ok(Follower { socket, bytes: vec![], read: 0, heard: Instant::now() })
    }

    /// Waits a moment for something to come. Whether anything did.
    pub fn wait(&mut self) -> Result<bool, FollowerError> {
        const PIECE_BYTES: usize = 256 << 10;
        self.bytes.drain(..self.read);
        self.read = 0;
        let had = self.bytes.len();
        self.bytes.resize(had + PIECE_BYTES, 0);
        let came = self.socket.read(&mut self.bytes[had..]);
        self.bytes.truncate(had + came.as_ref().map_or(0, |count| *count));
        match came {
            Ok(0) => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(_) => {
                self.heard = Instant::now();
                Ok(true)
            }
            Err(error) if is_later(&error) && self.heard.elapsed() <= SILENCE_MAX => Ok(false),
            Err(error) if is_later(&error) => Err(FollowerError::Silent),
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
    pub fn hold(&mut self, end: Position) -> Result<(), FollowerError> {
        Ok(wire::send(&self.socket, &Held::from(end))?)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
