//! An operator of code: lines go to the venue, and what it says to them comes back.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where lines become commands.
pub trait Desk {
    /// Sends lines, each with its end.
    fn send(&mut self, lines: &str) -> Result<(), DeskError>;

    /// The next line that the venue says, of whatever it is about. What it says is committed.
    fn hear(&mut self) -> Result<Value, DeskError>;
}

/// Why the venue cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The connection.
    #[error("the operator port: {0}")]
    Io(#[from] io::Error),
    /// What it says is no line of JSON.
    #[error("the operator port said {0:?}")]
    Malformed(String),
}

/// The operator port of a venue on this machine.
pub struct Operator {
    lines: BufReader<TcpStream>,
}

impl Operator {
    /// Connects; what the venue says from then on is heard.
    pub fn connect(address: SocketAddr) -> Result<Operator, DeskError> {
        /// Whatever is asked is answered within this time, or asked again.
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
