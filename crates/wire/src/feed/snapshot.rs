//! Client of the snapshot server: fetches the current book and the number at which the feed
//! continues.

use crate::client::soup::refusal;
use crate::itch::glimpse::EndOfSnapshot;
use crate::soupbintcp::{Login, packet, split_packet, write_packet};
use crate::{Malformed, Message};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use zerocopy::FromBytes;

/// Address, credentials and timeout for the snapshot server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotLogin {
    /// Address of the snapshot server.
    pub address: SocketAddr,
    /// User name, at most 6 characters.
    pub user: String,
    /// Password, at most 10 characters.
    pub password: String,
    /// Session; empty for the current one.
    pub session: String,
    /// Silence after which the server counts as dead; also the limit for a connect and a write.
    pub timeout: Duration,
}

/// Error that prevents a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum GlimpseError {
    /// The server refused the login, with this reason letter.
    #[error("the snapshot server refuses the login: {}", refusal(*.0))]
    Rejected(u8),
    /// The connection ended before the snapshot was complete.
    #[error("the snapshot ends too early")]
    Incomplete,
    /// The server was silent for the whole timeout.
    #[error("the snapshot server is silent")]
    Silent,
    /// User, password or session is too long or not printable.
    #[error("a user has up to 6 letters, a password and a session up to 10")]
    Login,
    /// The server sent bytes that cannot be parsed.
    #[error("the snapshot cannot be read: {0}")]
    Malformed(#[from] Malformed),
    /// The network failed.
    #[error("the snapshot server cannot be reached: {0}")]
    Io(#[from] io::Error),
}

/// Takes a snapshot. `deliver` receives its messages, which build the book. `idle` is called
/// repeatedly meanwhile. Returns the number of the first feed message to apply after the snapshot.
pub fn take(
    login: &SnapshotLogin,
    mut deliver: impl FnMut(&[u8]),
    mut idle: impl FnMut() -> io::Result<()>,
) -> Result<u64, GlimpseError> {
    let mut stream = connect(login)?;
    let mut bytes = vec![];
    let mut piece = vec![0; 64 << 10];
    let (mut heard, mut spoke) = (Instant::now(), Instant::now());
    loop {
        idle()?;
        match stream.read(&mut piece) {
            Ok(0) => return Err(GlimpseError::Incomplete),
            Ok(length) => {
                bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
                heard = Instant::now();
            }
            Err(error) if is_later(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let mut rest = &bytes[..];
        while let Some((packet, length)) = split_packet(rest, usize::MAX)? {
            rest = rest.get(length..).unwrap_or_default();
            match (packet.packet_type, packet.payload) {
                (packet::SEQUENCED, end @ [EndOfSnapshot::TYPE, ..]) => return next_number(end),
                (packet::SEQUENCED, message) => deliver(message),
                (packet::LOGIN_REJECTED, reason) => {
                    return Err(GlimpseError::Rejected(reason.first().copied().unwrap_or(b'?')));
                }
                (packet::END_OF_SESSION, _) => return Err(GlimpseError::Incomplete),
                _ => {}
            }
        }
        bytes.drain(..bytes.len().saturating_sub(rest.len()));
        if heard.elapsed() > login.timeout {
            return Err(GlimpseError::Silent);
        }
        if spoke.elapsed() >= Duration::from_secs(1) {
            spoke = Instant::now();
            stream.write_all(&[0, 1, packet::CLIENT_HEARTBEAT])?;
        }
    }
}

fn connect(login: &SnapshotLogin) -> Result<TcpStream, GlimpseError> {
    let request = Login {
        user: login.user.clone(),
        password: login.password.clone(),
        session: login.session.clone(),
        number: 1,
        heartbeat_timeout_ms: None,
    };
    let payload = request.payload().ok_or(GlimpseError::Login)?;
    let mut stream = TcpStream::connect_timeout(&login.address, login.timeout)?;
    stream.set_nodelay(true)?;
    // Short, because the caller has to read the feed meanwhile.
    stream.set_read_timeout(Some(Duration::from_millis(2)))?;
    stream.set_write_timeout(Some(login.timeout))?;
    let mut packet = vec![];
    write_packet(packet::LOGIN_REQUEST, &payload, &mut packet);
    stream.write_all(&packet)?;
    Ok(stream)
}

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Number in the end of a snapshot. Messages of the feed are numbered from 1.
fn next_number(end: &[u8]) -> Result<u64, GlimpseError> {
    let message_type = EndOfSnapshot::TYPE;
    let length = Malformed::Length { message_type, bytes: end.len() };
    let end = EndOfSnapshot::ref_from_bytes(end).map_err(|_| length)?;
    let number = end.number().filter(|number| *number > 0);
    Ok(number.ok_or(Malformed::Field(message_type))?)
}
