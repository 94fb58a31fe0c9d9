//! Market data as a client receives it: from all lines, lost messages from the re-request server,
//! and the initial book from the snapshot server.

use super::CliError;
use clap::Args;
use ringside_wire::feed::receiver::{Received, Receiver, ReceiverConfig, ReceiverError};
use ringside_wire::feed::snapshot::{self, GlimpseError, SnapshotLogin};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Sources of market data.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FeedArgs {
    /// Line A of market data (MoldUDP64): a multicast group, or an address of this machine;
    /// several, separated by commas, if the nodes of a cluster have lines of their own.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    feed_a: Vec<SocketAddr>,
    /// Line B of market data, as for --feed-a.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    feed_b: Vec<SocketAddr>,
    /// Address of the interface on which multicast groups are joined.
    #[arg(long, value_name = "ADDRESS")]
    interface: Option<Ipv4Addr>,
    /// Re-request servers, for messages that were lost on all lines.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    rerequest: Vec<SocketAddr>,
    /// Snapshot servers (GLIMPSE) with the present book; without them, market data begins with its
    /// first message.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    glimpse: Vec<SocketAddr>,
    /// Market data of `serve` without a config: its lines and servers on this machine.
    #[arg(long, conflicts_with_all = ["feed_a", "feed_b", "interface", "rerequest", "glimpse"])]
    dev_feed: bool,
}

impl FeedArgs {
    /// Returns true if a feed is configured.
    pub(super) fn is_given(&self) -> bool {
        self.dev_feed || !self.feed_a.is_empty() || !self.feed_b.is_empty()
    }

    /// Returns the feed of `serve` without a config.
    pub(super) fn of_dev() -> FeedArgs {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        FeedArgs {
            feed_a: vec![(Ipv4Addr::new(239, 255, 64, 1), 26410).into()],
            feed_b: vec![(Ipv4Addr::new(239, 255, 64, 2), 26411).into()],
            interface: Some(Ipv4Addr::LOCALHOST),
            rerequest: vec![here(26412)],
            glimpse: vec![here(26413)],
            dev_feed: false,
        }
    }
}

/// Market data from the point at which it was joined.
pub(super) struct MarketData {
    receiver: Receiver,
    /// Snapshot servers that may have the present book.
    glimpse: Vec<SnapshotLogin>,
    /// Number of messages in two versions that have been printed.
    mismatches: u64,
    /// Number of messages that no server had any more.
    pub lost: u64,
}

impl MarketData {
    /// Joins the lines and takes the present book. `deliver` gets the messages of the book, which
    /// have no numbers.
    pub(super) fn join(
        args: &FeedArgs,
        user: &str,
        password: &str,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<MarketData, CliError> {
        let args = if args.dev_feed { &FeedArgs::of_dev() } else { args };
        let config = ReceiverConfig {
            first: args.glimpse.is_empty().then_some(1),
            lines: [args.feed_a.clone(), args.feed_b.clone()],
            interface: args.interface,
            rerequest: args.rerequest.clone(),
            // Without a re-request server a gap stays, no matter how long one waits.
            attempts_max: if args.rerequest.is_empty() { 1 } else { 50 },
            ..ReceiverConfig::default()
        };
        let mut receiver = Receiver::open(config).map_err(failure)?;
        let login = |address: &SocketAddr| SnapshotLogin {
            address: *address,
            user: user.to_string(),
            password: password.to_string(),
            session: String::new(),
            timeout: Duration::from_secs(5),
        };
        let glimpse: Vec<SnapshotLogin> = args.glimpse.iter().map(login).collect();
        from_any(&glimpse, &mut deliver, |login, deliver| {
            receiver.join(login, |_, message| deliver(message))
        })?;
        Ok(MarketData { receiver, glimpse, mismatches: 0, lost: 0 })
    }

    /// Delivers the messages that have arrived, in order. Returns true if anything has arrived.
    pub(super) fn step(&mut self, mut deliver: impl FnMut(&[u8])) -> Result<bool, CliError> {
        match self.receiver.step(Instant::now(), |_, message| deliver(message)) {
            Ok(datagrams) => Ok(datagrams > 0),
            Err(ReceiverError::Lost { first, next }) => {
                self.lost += next - first;
                self.receiver.start_at(next, |_, message| deliver(message));
                Ok(true)
            }
            Err(error) => Err(failure(error)),
        }
    }

    /// Waits up to 1 ms for a datagram.
    pub(super) fn wait(&self) -> Result<(), CliError> {
        self.receiver.wait(Duration::from_millis(1)).map_err(failure)
    }

    /// Takes the present book once more and passes its messages to `deliver`; the position in the
    /// feed does not change. Returns the number of the first message behind the book; `None` if no
    /// server has the book.
    pub(super) fn take_book(
        &self,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<Option<u64>, CliError> {
        from_any(&self.glimpse, &mut deliver, |login, deliver| {
            snapshot::take(login, deliver, || Ok(()))
        })
    }

    /// Returns a message about copies of a message that differ, if there are new ones since the
    /// last call.
    pub(super) fn mismatch(&mut self) -> Option<String> {
        let Received { mismatches, first_mismatch, .. } = self.received();
        let more = mismatches - std::mem::replace(&mut self.mismatches, mismatches);
        let first = first_mismatch.filter(|_| more > 0)?;
        Some(format!("{more} messages of the feed came in two versions, the first one is {first}"))
    }

    /// Returns the number of the next message; `None` if it is not known yet.
    pub(super) fn next_number(&self) -> Option<u64> {
        self.receiver.next_number()
    }

    /// Returns the statistics of the receiver.
    pub(super) fn received(&self) -> Received {
        self.receiver.received()
    }
}

/// Takes the book from the first server that has it; `None` if no server is configured.
fn from_any<D: FnMut(&[u8])>(
    logins: &[SnapshotLogin],
    deliver: &mut D,
    mut take: impl FnMut(&SnapshotLogin, &mut dyn FnMut(&[u8])) -> Result<u64, GlimpseError>,
) -> Result<Option<u64>, CliError> {
    let mut failed = None;
    for login in logins {
        let mut has_begun = false;
        let taken = take(login, &mut |message| {
            has_begun = true;
            deliver(message);
        });
        match taken {
            Ok(next) => return Ok(Some(next)),
            // A partly delivered book cannot be withdrawn, so no other server is tried.
            Err(error) if has_begun => return Err(failure(error)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), |error| Err(failure(error)))
}

fn failure(error: impl std::fmt::Display) -> CliError {
    CliError::Failure(format!("market data: {error}"))
}
