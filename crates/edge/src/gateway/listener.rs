//! Listener for clients, with a limit on the rate of connections.

use crate::gateway::descriptors::first_kept;
use crate::gateway::rate::Rate;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

/// Addresses that are remembered at once, at most. Beyond that, connections of new addresses are
/// refused.
const ADDRESSES_MAX: usize = 1 << 16;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// Listening socket with the rate of each address.
pub(super) struct Listener {
    socket: TcpListener,
    per_second: u32,
    /// First descriptor that no client may have.
    first_kept: RawFd,
    rates: HashMap<IpAddr, Rate>,
    /// Time before which nothing is accepted, after an error of the socket; 0 if the last attempt
    /// had no error.
    pauses_until_ns: u64,
}

/// Connection that has arrived.
pub(super) enum Arrival {
    /// Connection that may log in.
    Welcome(TcpStream),
    /// Connection that came too soon after too many others of its address, took a descriptor that
    /// others need, or broke at once, with its address and the reason. The connection is closed.
    Refused(SocketAddr, &'static str),
}

impl Listener {
    /// Listens; each address may connect `per_second` times in a second.
    pub(super) fn bind(address: SocketAddr, per_second: u32) -> io::Result<Listener> {
        let (socket, first_kept) = (bind(address)?, first_kept());
        Ok(Listener { socket, per_second, first_kept, rates: HashMap::new(), pauses_until_ns: 0 })
    }

    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// Returns the next connection, if there is one.
    pub(super) fn accept(&mut self, now_ns: u64) -> Option<Arrival> {
        /// Pause after an error of the listening socket, such as too few descriptors: the kernel
        /// keeps the connections meanwhile.
        const PAUSE_NS: u64 = 100_000_000;
        if now_ns < self.pauses_until_ns {
            return None;
        }
        let was_failing = std::mem::take(&mut self.pauses_until_ns) > 0;
        match self.socket.accept() {
            Ok((socket, address)) => Some(match self.refusal(&socket, address, now_ns) {
                None => Arrival::Welcome(socket),
                Some(why) => Arrival::Refused(address, why),
            }),
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) {
                    self.pauses_until_ns = now_ns + PAUSE_NS;
                    if !was_failing {
                        tracing::warn!(
                            event = "accept_failed",
                            port = "orders",
                            "the connection of a client is not accepted, trying again: {error}"
                        );
                    }
                }
                None
            }
        }
    }

    /// Returns the reason against a connection, if there is one.
    fn refusal(
        &mut self,
        socket: &TcpStream,
        address: SocketAddr,
        now_ns: u64,
    ) -> Option<&'static str> {
        if self.rates.len() >= ADDRESSES_MAX && !self.rates.contains_key(&address.ip()) {
            return Some("too many addresses connect");
        }
        if socket.as_raw_fd() >= self.first_kept {
            return Some("no descriptor is left for clients");
        }
        if !self.rates.entry(address.ip()).or_default().take(self.per_second, now_ns) {
            return Some("the address connects too often");
        }
        prepare(socket).is_err().then_some("the connection broke at once")
    }

    /// Forgets the addresses whose rate is as free as that of a new address.
    pub(super) fn forget(&mut self, now_ns: u64) {
        self.rates.retain(|_, rate| !rate.is_full(now_ns));
    }
}

/// Opens a listening socket that does not block.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    // A crowd that comes at once, as after a restart, must find room.
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Makes a socket that does not block, and that sends small packets without delay in the kernel.
pub(super) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)
}
