//! Configuration of a network venue: symbols, firms and sessions, addresses and limits.

use super::ConfigError;
use ringside_model::domain::{Name, Role, Tick};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Symbol of a network venue: a table of `[[instruments]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymbolSection {
    /// Name of the symbol; at most 8 letters if it is to be on the wire.
    pub symbol: String,
    /// Value of one tick: a decimal, with at most 4 digits behind the point if it is to be on the
    /// wire.
    pub tick: String,
    /// Lot size: quantities are multiples of it.
    #[serde(default = "one")]
    pub lot: u64,
    /// Largest distance of a market order's trades from the reference price, in basis points; zero
    /// for no limit.
    #[serde(default)]
    pub collar_bps: u32,
    /// Prior close: the reference price until the first trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Table of `[[sessions]]`: a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSection {
    /// User who logs in: up to 6 capitals and digits. Also the name of the session.
    pub user: String,
    /// Firm that the session trades for. The first session of a firm defines the firm.
    pub firm: String,
    /// Role: `order_entry`, `firm_drop_copy` or `venue_drop_copy`.
    #[serde(default = "order_entry")]
    pub role: String,
    /// Symbols that the session may trade; none given: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    /// Delay in milliseconds after which a lost connection cancels the session's orders; none
    /// given: the orders stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_on_disconnect_ms: Option<u64>,
    /// Largest number of new orders and replaces per second; none given: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_per_second: Option<u32>,
}

/// Section `[gateway]`: order entry and the operator port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySection {
    /// Address of order entry (SoupBinTCP).
    pub listen: SocketAddr,
    /// Address of the operator port (lines of JSON); must be a loopback address.
    pub admin: Option<SocketAddr>,
    /// File with the users' passwords, written by `ringside password`. Empty: the password of every
    /// user is `ringside`, and only this machine can connect.
    pub passwords: PathBuf,
    /// Largest number of simultaneous connections.
    pub connections_max: usize,
    /// Largest number of sessions that can be defined; each takes a slot in the table of streams.
    pub sessions_max: usize,
    /// Largest number of logins per second from one address.
    pub logins_per_second: u32,
    /// Silence in milliseconds after which the server sends a heartbeat.
    pub heartbeat_interval_ms: u64,
    /// Silence in milliseconds after which a client is disconnected.
    pub client_timeout_ms: u64,
    /// Time in milliseconds after which a connection without a login is closed.
    pub login_timeout_ms: u64,
    /// Longest packet of a client, in bytes.
    pub packet_bytes_max: usize,
    /// Backlog in bytes above which a client counts as a slow reader.
    pub slow_reader_bytes_max: u64,
    /// Time in milliseconds after which a slow reader is disconnected. All its messages are
    /// available when it logs in again.
    pub slow_reader_ms: u64,
    /// Largest number of live orders of a session; zero for no limit.
    pub open_orders_max: u64,
    /// Largest number of waiting stops of a session; zero for no limit.
    pub stops_max: u64,
    /// Largest number of live pegs of a session; zero for no limit.
    pub pegs_max: u64,
    /// Largest number of live hidden orders with a minimum of a session; zero for no limit.
    pub minimums_max: u64,
    /// Largest number of slices that the icebergs of a session have to show; zero for no limit.
    pub slices_max: u64,
    /// Slots of the queue of commands that wait for the sequencer; a power of two.
    pub queue_slots: usize,
}

/// Section `[feed]`: market data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedSection {
    /// Destinations of line A: multicast groups or single addresses.
    pub a: Vec<SocketAddr>,
    /// Destinations of line B.
    pub b: Vec<SocketAddr>,
    /// Address of the interface that sends multicast.
    pub interface: std::net::Ipv4Addr,
    /// Multicast TTL: largest number of routers that a datagram passes.
    pub ttl: u32,
    /// Address of the re-request server for lost messages (UDP).
    pub rerequest: Option<SocketAddr>,
    /// Address of the snapshot server for the book (SoupBinTCP, GLIMPSE).
    pub glimpse: Option<SocketAddr>,
    /// File that receives every message; empty: none.
    pub itch_file: PathBuf,
    /// True if a standby of a cluster also sends market data to these lines, and serves re-requests
    /// and books: everything that it knows to be committed.
    pub from_standbys: bool,
}

fn one() -> u64 {
    1
}

fn order_entry() -> String {
    Role::OrderEntry.name().into()
}

impl Default for GatewaySection {
    fn default() -> Self {
        GatewaySection {
            listen: SocketAddr::from(([127, 0, 0, 1], 26400)),
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 26401))),
            passwords: PathBuf::new(),
            connections_max: 4096,
            sessions_max: 4096,
            logins_per_second: 1000,
            heartbeat_interval_ms: 1_000,
            client_timeout_ms: 15_000,
            login_timeout_ms: 30_000,
            packet_bytes_max: 1024,
            slow_reader_bytes_max: 64 << 20,
            slow_reader_ms: 10_000,
            open_orders_max: 100_000,
            stops_max: 10_000,
            pegs_max: 10_000,
            minimums_max: 10_000,
            slices_max: 10_000,
            queue_slots: 16 << 10,
        }
    }
}

impl Default for FeedSection {
    fn default() -> Self {
        FeedSection {
            a: vec![SocketAddr::from(([239, 255, 64, 1], 26410))],
            b: vec![SocketAddr::from(([239, 255, 64, 2], 26411))],
            interface: std::net::Ipv4Addr::LOCALHOST,
            ttl: 1,
            rerequest: Some(SocketAddr::from(([127, 0, 0, 1], 26412))),
            glimpse: Some(SocketAddr::from(([127, 0, 0, 1], 26413))),
            itch_file: PathBuf::new(),
            from_standbys: false,
        }
    }
}

impl SymbolSection {
    fn check(&self) -> Result<(), String> {
        if Name::new(&self.symbol).is_none() {
            return Err(format!("{:?} is no name of 1 to 16 letters", self.symbol));
        }
        if Tick::parse(&self.tick).is_none() {
            return Err(format!("{}: tick {:?} is no positive decimal", self.symbol, self.tick));
        }
        if self.lot == 0 {
            return Err(format!("{}: lot must be at least 1", self.symbol));
        }
        Ok(())
    }
}

impl SessionSection {
    /// Returns the role; `None` if there is no such role or a network session cannot have it.
    pub fn role(&self) -> Option<Role> {
        let named = Role::ALL.iter().copied().find(|role| role.name() == self.role);
        named.filter(|&role| role != Role::File)
    }

    fn check(&self) -> Result<(), String> {
        let user = &self.user;
        let capitals =
            |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !(1..=6).contains(&user.len()) || !capitals(user) {
            return Err(format!("user {user:?} is not 1 to 6 capitals and digits"));
        }
        if !(1..=4).contains(&self.firm.len()) || !capitals(&self.firm) {
            return Err(format!("{user}: firm {:?} is not 1 to 4 capitals and digits", self.firm));
        }
        if self.role().is_none() {
            let role = &self.role;
            return Err(format!(
                "{user}: role {role:?} is not order_entry, firm_drop_copy or venue_drop_copy"
            ));
        }
        if self.orders_per_second == Some(0) {
            return Err(format!("{user}: orders_per_second must be at least 1"));
        }
        Ok(())
    }
}

impl GatewaySection {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.passwords.as_os_str().is_empty() && !self.listen.ip().is_loopback() {
            let what = "must name a file (see `ringside password`) where others than this machine can connect";
            return Err(("passwords", what.into()));
        }
        if self.admin.is_some_and(|admin| !admin.ip().is_loopback()) {
            return Err(("admin", "must be a loopback address".into()));
        }
        if !(1..=1 << 20).contains(&self.connections_max) {
            return Err(("connections_max", "must be 1 to 1048576".into()));
        }
        if !(1..=1 << 20).contains(&self.sessions_max) {
            return Err(("sessions_max", "must be 1 to 1048576".into()));
        }
        if !(64..=65_535).contains(&self.packet_bytes_max) {
            return Err(("packet_bytes_max", "must be 64 to 65535".into()));
        }
        if !self.queue_slots.is_power_of_two() || self.queue_slots > 1 << 20 {
            return Err(("queue_slots", "must be a power of two up to 1048576".into()));
        }
        for (key, ms) in [
            ("heartbeat_interval_ms", self.heartbeat_interval_ms),
            ("client_timeout_ms", self.client_timeout_ms),
            ("login_timeout_ms", self.login_timeout_ms),
        ] {
            if ms == 0 {
                return Err((key, "must be at least 1".into()));
            }
        }
        Ok(())
    }
}

/// Checks the symbols, the sessions and the gateway of a network venue.
pub(super) fn check(
    symbols: &[SymbolSection],
    sessions: &[SessionSection],
    gateway: &GatewaySection,
) -> Result<(), ConfigError> {
    let fail = |key: &str, what: String| ConfigError(format!("config: {key}: {what}"));
    let mut seen = BTreeSet::new();
    for symbol in symbols {
        symbol.check().map_err(|what| fail("instruments", what))?;
        if !seen.insert(&symbol.symbol) {
            return Err(fail("instruments", format!("{} is there twice", symbol.symbol)));
        }
    }
    let mut seen = BTreeSet::new();
    for session in sessions {
        session.check().map_err(|what| fail("sessions", what))?;
        if !seen.insert(&session.user) {
            return Err(fail("sessions", format!("{} is there twice", session.user)));
        }
    }
    gateway.check().map_err(|(key, what)| fail(&format!("gateway.{key}"), what))
}
