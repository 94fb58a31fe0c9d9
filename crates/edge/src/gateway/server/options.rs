//! Options of the gateway, its counters, addresses and errors.

use ringside_core::clock::OfficialClock;
use ringside_model::command::RiskLimits;
use std::io;
use std::net::SocketAddr;

/// Options of the gateway at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address on which clients connect.
    pub listen: SocketAddr,
    /// Loopback address on which operators connect, if they may.
    pub admin: Option<SocketAddr>,
    /// Name of the venue's streams, 1 to 10 printable characters. Streams of another name have
    /// other message numbers.
    pub session: String,
    /// Limits for the clients.
    pub limits: Limits,
    /// Limits on the live orders of every session, which a `risk` command can only lower: open
    /// orders, stops, pegs, minimums, slices. The other limits are not looked at.
    pub session_limits: RiskLimits,
    /// Official clock of the venue.
    pub clock: OfficialClock,
}

/// Limits for the clients of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest number of connections at the same time.
    pub connections_max: usize,
    /// Connections that one address may make in a second.
    pub logins_per_second: u32,
    /// Longest packet of a client, in bytes on the wire.
    pub packet_bytes_max: usize,
    /// Time in ms without output after which a client is sent a heartbeat.
    pub heartbeat_interval_ms: u64,
    /// Time in ms of silence after which a client is disconnected.
    pub client_timeout_ms: u64,
    /// Time in ms after which a connection without a login is closed.
    pub login_timeout_ms: u64,
    /// Backlog in bytes above which a client is a slow reader.
    pub slow_reader_bytes_max: u64,
    /// Time in ms after which a slow reader is disconnected.
    pub slow_reader_ms: u64,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that became commands.
    pub requests: u64,
    /// Requests with an id that was used up before.
    pub stale_ids: u64,
    /// Requests about orders that the session never had.
    pub unknown_orders: u64,
    /// Requests with values that are not served, to which the protocol has no answer.
    pub unserved: u64,
    /// Messages that do not belong to the protocol.
    pub malformed: u64,
    /// Number of logins that succeeded.
    pub logins: u64,
    /// Number of logins that failed.
    pub logins_refused: u64,
    /// Connections closed because there were too many, or too many in a second.
    pub connections_refused: u64,
    /// Connections closed because the client broke the protocol.
    pub violations: u64,
    /// Connections closed because the client was silent or did not log in in time.
    pub timeouts: u64,
    /// Connections closed because the client did not read.
    pub slow_readers: u64,
    /// Sessions whose orders were cancelled because they had no connection.
    pub disconnect_cancels: u64,
    /// Steps that found the queue full, so that clients had to wait.
    pub queue_full: u64,
}

/// Addresses on which the gateway listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Address on which clients connect.
    pub clients: SocketAddr,
    /// Address on which operators connect, if they may.
    pub admin: Option<SocketAddr>,
}

/// Error of opening a gateway.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The gateway cannot listen on an address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address that was configured.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Operators could connect from other machines.
    #[error("the operators' address {0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The name of the streams does not fit into a login.
    #[error("the session name {0:?} is not 1 to 10 printable characters")]
    SessionName(String),
    /// The kernel has no more descriptors.
    #[error("cannot poll sockets: {0}")]
    Epoll(io::Error),
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
