//! What a gateway is told at the start, and what it tells.

use std::io;
use std::net::SocketAddr;

/// What the gateway serves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where operators connect, a loopback address.
    pub admin: Option<SocketAddr>,
    /// The name of the venue's streams, 1 to 10 printable characters. Another name, other numbers.
    pub session: String,
    /// Its limits.
    pub limits: Limits,
}

/// What clients may do to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Connections that one address may make in a second.
    pub logins_per_second: u32,
    /// The longest packet of a client, in bytes on the wire.
    pub packet_bytes_max: usize,
    /// A client that has been sent nothing for so long is sent a heartbeat.
    pub heartbeat_interval_ms: u64,
    /// A client that is silent for so long is gone.
    pub client_timeout_ms: u64,
    /// A connection that has not logged in after this time is closed.
    pub login_timeout_ms: u64,
    /// A client that has more than this to read …
    pub slow_reader_bytes_max: u64,
    /// … for so long is disconnected.
    pub slow_reader_ms: u64,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that became commands.
    pub requests: u64,
    /// Requests whose id was used up before.
    pub stale_ids: u64,
    /// Requests about orders that never were.
    pub unknown_orders: u64,
    /// Requests with values that are not served and have no answer.
    pub unserved: u64,
    /// Messages that are none of the protocol.
    pub malformed: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Logins that failed.
    pub logins_refused: u64,
    /// Connections that were closed because there were too many, or too many in a second.
    pub connections_refused: u64,
    /// Connections that were closed because they broke the protocol.
    pub violations: u64,
    /// Connections that were closed because they were silent.
    pub timeouts: u64,
    /// Connections that were closed because they did not read.
    pub slow_readers: u64,
    /// Sessions whose orders were cancelled because they had no connection.
    pub disconnect_cancels: u64,
    /// Steps that found the queue full, so that clients had to wait.
    pub queue_full: u64,
}

/// What listens where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients.
    pub clients: SocketAddr,
    /// For operators.
    pub admin: Option<SocketAddr>,
}

/// Why a gateway cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing can listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Operators could connect from other machines.
    #[error("the operators' address {0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The name of the streams fits no login.
    #[error("the session name {0:?} is not 1 to 10 printable characters")]
    SessionName(String),
    /// The kernel has no more descriptors.
    #[error("cannot poll sockets: {0}")]
    Poll(io::Error),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 4096,
            logins_per_second: 1000,
            packet_bytes_max: 1024,
            heartbeat_interval_ms: 1_000,
            client_timeout_ms: 15_000,
            login_timeout_ms: 30_000,
            slow_reader_bytes_max: 64 << 20,
            slow_reader_ms: 10_000,
        }
    }
}
