//! Market data as a client gets it: both lines, what was lost from the re-request server, and the book at the
//! beginning from the snapshot server.

use super::CliError;
use crate::feed::receiver::{Received, Receiver, ReceiverConfig, ReceiverError};
use crate::feed::snapshot::{self, SnapshotLogin};
use clap::Args;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where market data comes from.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedArgs {
    /// Line A of market data (MoldUDP64): a multicast group, or an address of this machine.
    #[arg(long, value_name = "ADDRESS")]
    feed_a: Option<SocketAddr>,
    /// Line B.
    #[arg(long, value_name = "ADDRESS")]
    feed_b: Option<SocketAddr>,
    /// The address of the interface on which multicast groups are joined.
    #[arg(long, value_name = "ADDRESS")]
    interface: Option<Ipv4Addr>,
    /// Who has the market data that was lost on both lines.
    #[arg(long, value_name = "ADDRESS")]
    rerequest: Option<SocketAddr>,
    /// Who has the book as it is now (GLIMPSE); without it, market data begins with its first message.
    #[arg(long, value_name = "ADDRESS")]
    glimpse: Option<SocketAddr>,
    /// Market data of `serve` without a config: its lines and servers on this machine.
    #[arg(long, conflicts_with_all = ["feed_a", "feed_b", "interface", "rerequest", "glimpse"])]
    dev_feed: bool,
}

impl FeedArgs {
    /// Whether there is a feed to listen to.
    pub fn is_given(&self) -> bool {
        self.dev_feed || self.feed_a.is_some() || self.feed_b.is_some()
    }

    /// The feed of `serve` without a config.
    pub fn of_dev() -> FeedArgs {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        FeedArgs {
            feed_a: Some((Ipv4Addr::new(239, 255, 64, 1), 26410).into()),
            feed_b: Some((Ipv4Addr::new(239, 255, 64, 2), 26411).into()),
            interface: Some(Ipv4Addr::LOCALHOST),
            rerequest: Some(here(26412)),
            glimpse: Some(here(26413)),
            dev_feed: false,
        }
    }
}

/// Market data from where it was joined on.
pub struct MarketData {
    receiver: Receiver,
    /// Who has the book as it is.
    glimpse: Option<SnapshotLogin>,
    /// Messages that nobody had any more.
    pub lost: u64,
}

impl MarketData {
    /// Listens and takes the book as it is now. `deliver` gets its messages, which have no numbers.
    pub fn join(
        args: &FeedArgs,
        user: &str,
        password: &str,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<MarketData, CliError> {
        let args = if args.dev_feed { &FeedArgs::of_dev() } else { args };
        let config = ReceiverConfig {
            first: args.glimpse.is_none().then_some(1),
            lines: [args.feed_a, args.feed_b],
            interface: args.interface,
            rerequest: args.rerequest,
            // Without a server a gap stays, however long one waits.
            attempts_max: if args.rerequest.is_some() { 50 } else { 1 },
            ..ReceiverConfig::default()
        };
        let mut receiver = Receiver::open(config).map_err(failure)?;
        let glimpse = args.glimpse.map(|address| SnapshotLogin {
            address,
            user: user.to_string(),
            password: password.to_string(),
            session: String::new(),
            timeout: Duration::from_secs(5),
        });
        if let Some(login) = &glimpse {
            receiver.join(login, |_, message| deliver(message)).map_err(failure)?;
        }
        Ok(MarketData { receiver, glimpse, lost: 0 })
    }

    /// Takes what has come, in its order. Whether anything came.
    pub fn step(&mut self, mut deliver: impl FnMut(&[u8])) -> Result<bool, CliError> {
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

    /// Waits a moment for something to come.
    pub fn wait(&self) -> Result<(), CliError> {
        self.receiver.wait(Duration::from_millis(1)).map_err(failure)
    }

    /// Takes the book as it is now once more, whose messages `deliver` gets, without going on from there. Gives the
    /// number of the first message behind it; `None` if nobody has the book.
    pub fn take_book(&self, deliver: impl FnMut(&[u8])) -> Result<Option<u64>, CliError> {
        let Some(login) = &self.glimpse else { return Ok(None) };
        snapshot::take(login, deliver, || Ok(())).map(Some).map_err(failure)
    }

    /// The number of the next message; `None` if that is not known yet.
    pub fn next_number(&self) -> Option<u64> {
        self.receiver.next_number()
    }

    /// What has come so far.
    pub fn received(&self) -> Received {
        self.receiver.received()
    }
}

fn failure(error: impl std::fmt::Display) -> CliError {
    CliError::Failure(format!("market data: {error}"))
}
