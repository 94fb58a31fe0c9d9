//! Operator port for code: sends lines to the venue, and reads its answers.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Port where lines become commands.
pub trait Desk {
    /// Sends lines, each with its line end.
    fn send(&mut self, lines: &str) -> Result<(), DeskError>;

    /// Returns the next line of the venue, on any subject. Everything that it reports is committed.
    fn hear(&mut self) -> Result<Value, DeskError>;
}

/// Reason why the venue cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The connection to the operator port failed.
    #[error("the operator port: {0}")]
    Io(#[from] io::Error),
    /// The venue sent a line that is not JSON.
    #[error("the operator port said {0:?}")]
    Malformed(String),
}

/// Operator port of a venue on this machine.
pub struct Operator {
    lines: BufReader<TcpStream>,
}

impl Operator {
    /// Connects. Every line that the venue sends from then on is received.
    pub fn connect(address: SocketAddr) -> Result<Operator, DeskError> {
        /// Time limit of an answer; after that the mover asks again.
        const PATIENCE: Duration = Duration::from_secs(10);
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Operator { lines: BufReader::new(socket) })
    }
}

impl Desk for Operator {
    fn send(&mut self, lines: &str) -> Result<(), DeskError> {
        Ok(self.lines.get_mut().write_all(lines.as_bytes())?)
    }

    fn hear(&mut self) -> Result<Value, DeskError> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        serde_json::from_str(&line).map_err(|_| DeskError::Malformed(line))
    }
}
