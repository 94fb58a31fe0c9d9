//! Where clients connect, and how often they may.

use crate::gateway::descriptors::first_kept;
use crate::gateway::rate::Rate;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

/// Addresses that are remembered at once. Beyond that, connections of new addresses are refused.
const ADDRESSES_MAX: usize = 1 << 16;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// A listening socket.
pub(super) struct Listener {
    socket: TcpListener,
    per_second: u32,
    /// From this descriptor on they are not for clients.
    first_kept: RawFd,
    rates: HashMap<IpAddr, Rate>,
}

/// Somebody who connected.
pub(super) enum Arrival {
    /// A connection that may log in.
    Welcome(TcpStream),
    /// One that came too soon after too many others of its address, took a descriptor that others need, or broke at
    /// once. It is closed.
    Refused,
}

impl Listener {
    /// Listens for so many connections a second of each address.
    pub(super) fn bind(address: SocketAddr, per_second: u32) -> io::Result<Listener> {
        let (socket, first_kept) = (bind(address)?, first_kept());
        Ok(Listener { socket, per_second, first_kept, rates: HashMap::new() })
    }

    /// The socket.
    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// The next one who connected, if there is one.
    pub(super) fn accept(&mut self, now_ns: u64) -> Option<Arrival> {
        let (socket, address) = self.socket.accept().ok()?;
        let known = self.rates.len() < ADDRESSES_MAX || self.rates.contains_key(&address.ip());
        let welcome = known
            && socket.as_raw_fd() < self.first_kept
            && self.rates.entry(address.ip()).or_default().take(self.per_second, now_ns)
            && prepare(&socket).is_ok();
        Some(if welcome { Arrival::Welcome(socket) } else { Arrival::Refused })
    }

    /// Forgets the addresses that could connect as often as any new one.
    pub(super) fn forget(&mut self, now_ns: u64) {
        self.rates.retain(|_, rate| !rate.is_full(now_ns));
    }
}

/// Listens without waiting.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    // So that a crowd that comes at once, as after a restart, finds room.
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Nobody waits for a client, and nothing waits in the kernel for more to send.
pub(super) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)
}
