//! Market data of a network venue: the sender to the lines, and the servers beside it.

use super::{ServeError, at};
use crate::config::{Config, ConfigError};
use ringside_core::streams::StreamReader;
use ringside_edge::feed::capture::Capture;
use ringside_edge::feed::glimpse::{GlimpseConfig, GlimpseServer};
use ringside_edge::feed::rerequest::{RerequestConfig, RerequestServer};
use ringside_edge::feed::sender::{FeedSender, LineConfig, SenderConfig};
use ringside_edge::feed::service::{Duties, Service};
use ringside_edge::gateway::accounts::Passwords;
use std::net::SocketAddr;
use std::time::Duration;

/// Returns the sender of a session's messages from number `first` on.
pub(super) fn sender(
    config: &Config,
    session: &str,
    reader: StreamReader,
    first: u64,
) -> Result<FeedSender, ServeError> {
    let feed = &config.feed;
    let line = |destinations: &Vec<SocketAddr>| LineConfig {
        destinations: destinations.clone(),
        interface: Some(feed.interface),
    };
    let lines = [line(&feed.a), line(&feed.b)];
    let session = mold_session(session);
    let sender = SenderConfig { session, lines, multicast_ttl: feed.ttl };
    FeedSender::open(&sender, reader, first).map_err(at("cannot open the feed".into()))
}

/// Returns the service beside the sender: re-requests, snapshots of the book, the capture file.
pub(super) fn service(
    config: &Config,
    session: &str,
    reader: &StreamReader,
    passwords: &Passwords,
    addresses: &mut Vec<(&'static str, String)>,
) -> Result<Service, ServeError> {
    let feed = &config.feed;
    let list =
        |line: &[SocketAddr]| line.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" ");
    addresses.push(("market data, line A (MoldUDP64, ITCH 5.0-compatible)", list(&feed.a)));
    addresses.push(("market data, line B", list(&feed.b)));
    let mut duties = answers(config, session, reader, passwords, addresses)?;
    if !feed.itch_file.as_os_str().is_empty() {
        let capture = Capture::open(&feed.itch_file, reader.clone()).map_err(|error| {
            ServeError::Config(ConfigError(format!("config: feed.itch_file: {error}")))
        })?;
        addresses.push(("market data, file", feed.itch_file.display().to_string()));
        duties.capture = Some(capture);
    }
    Service::start(duties).map_err(at("cannot start a thread".into()))
}

/// Returns the servers that answer listeners: re-requests and snapshots of the book.
pub(super) fn answers(
    config: &Config,
    session: &str,
    reader: &StreamReader,
    passwords: &Passwords,
    addresses: &mut Vec<(&'static str, String)>,
) -> Result<Duties, ServeError> {
    const REQUESTS_PER_SECOND: u32 = 2_000;
    const SOURCES_MAX: usize = 1_024;
    const VISITORS_MAX: usize = 16;
    const VISIT_MAX: Duration = Duration::from_secs(60);
    let feed = &config.feed;
    let session = mold_session(session);
    let mut duties = Duties::default();
    if let Some(listen) = feed.rerequest {
        let requests = RerequestConfig {
            listen,
            session,
            requests_per_second: REQUESTS_PER_SECOND,
            sources_max: SOURCES_MAX,
        };
        let server = RerequestServer::open(&requests, reader.clone());
        let server = server.map_err(at(format!("cannot listen on {listen}")))?;
        let address = server.local_address().map_err(at("cannot ask a socket".into()))?;
        addresses.push(("market data, lost messages (UDP)", address.to_string()));
        duties.rerequest = Some(server);
    }
    if let Some(listen) = feed.glimpse {
        let visits =
            GlimpseConfig { listen, session, visitors_max: VISITORS_MAX, visit_max: VISIT_MAX };
        let passwords = passwords.clone();
        let authorize = move |user: &str, password: &str| passwords.check(user, password).is_some();
        let server = GlimpseServer::open(visits, reader.clone(), Box::new(authorize));
        let server = server.map_err(at(format!("cannot listen on {listen}")))?;
        let address = server.local_address().map_err(at("cannot ask a socket".into()))?;
        addresses.push(("market data, the book (SoupBinTCP, GLIMPSE)", address.to_string()));
        duties.glimpse = Some(server);
    }
    Ok(duties)
}

/// Returns the session name in the 10 bytes of MoldUDP64.
fn mold_session(session: &str) -> [u8; 10] {
    ringside_wire::padded(session).expect("a session has 10 letters")
}
