//! What a venue serves over the network: instruments, firms and sessions, where it listens, and its limits.

use super::ConfigError;
use ringside_model::domain::{Name, Role, Tick};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[[instruments]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentSection {
    /// Its name, up to 8 letters to be on the wire.
    pub symbol: String,
    /// The value of one tick, a decimal with up to 4 digits behind the point to be on the wire.
    pub tick: String,
    /// Quantities are multiples of this.
    #[serde(default = "one")]
    pub lot: u64,
    /// How far a market order may trade from the reference price, in basis points; zero for no limit.
    #[serde(default)]
    pub collar_bps: u32,
    /// The prior close, the reference price until the first trade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// `[[sessions]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSection {
    /// The user who logs in, up to 6 capitals and digits. It is the name of the session, too.
    pub user: String,
    /// The firm that it trades for; it is defined with its first session.
    pub firm: String,
    /// `order_entry`, `firm_drop_copy` or `venue_drop_copy`.
    #[serde(default = "order_entry")]
    pub role: String,
    /// The instruments that it may trade; none given: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    /// Cancel its orders so many milliseconds after its connection is lost; none given: they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_on_disconnect_ms: Option<u64>,
    /// New orders and replaces per second that it may send; none given: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_per_second: Option<u32>,
}

/// `[gateway]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewaySection {
    /// Where sessions connect (SoupBinTCP).
    pub listen: SocketAddr,
    /// Where the operator connects (lines of JSON), a loopback address.
    pub admin: Option<SocketAddr>,
    /// The file with the users' passwords, made by `ringside password`. Empty: the password of every user is
    /// `ringside`, and only this machine can connect.
    pub passwords: PathBuf,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Sessions that can be defined; each has a place in the table of streams.
    pub sessions_max: usize,
    /// Logins that one address may try in a second.
    pub logins_per_second: u32,
    /// The server says that it is alive after so many milliseconds of silence.
    pub heartbeat_interval_ms: u64,
    /// A client that is silent for so many milliseconds is gone.
    pub client_timeout_ms: u64,
    /// A connection that has not logged in after so many milliseconds is closed.
    pub login_timeout_ms: u64,
    /// The longest packet of a client, in bytes.
    pub packet_bytes_max: usize,
    /// A client that has more than this to read …
    pub slow_reader_bytes_max: u64,
    /// … for so many milliseconds is disconnected. It finds everything when it comes back.
    pub slow_reader_ms: u64,
    /// Commands that may wait for the sequencer, a power of two.
    pub queue_slots: usize,
}

/// `[feed]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedSection {
    /// Where line A goes: multicast groups or single addresses.
    pub a: Vec<SocketAddr>,
    /// Where line B goes.
    pub b: Vec<SocketAddr>,
    /// The address of the interface that multicast leaves by.
    pub interface: std::net::Ipv4Addr,
    /// How many routers multicast may pass.
    pub ttl: u32,
    /// Where lost messages can be asked for (UDP).
    pub rerequest: Option<SocketAddr>,
    /// Where the book can be fetched (SoupBinTCP, GLIMPSE).
    pub glimpse: Option<SocketAddr>,
    /// A file that takes every message; empty: none.
    pub itch_file: PathBuf,
    /// Whether a node of a cluster that stands by sends market data to these lines, too, and serves re-requests and
    /// books: what is committed, as far as it knows.
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

impl InstrumentSection {
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
    /// Its role.
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

/// Checks everything that a network venue is configured with.
pub(super) fn check(
    instruments: &[InstrumentSection],
    sessions: &[SessionSection],
    gateway: &GatewaySection,
) -> Result<(), ConfigError> {
    let fail = |key: &str, what: String| ConfigError(format!("config: {key}: {what}"));
    let mut seen = BTreeSet::new();
    for instrument in instruments {
        instrument.check().map_err(|what| fail("instruments", what))?;
        if !seen.insert(&instrument.symbol) {
            return Err(fail("instruments", format!("{} is there twice", instrument.symbol)));
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
