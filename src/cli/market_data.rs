//! Market data as a client gets it: all lines, what was lost from the re-request server, and the book at the
//! beginning from the snapshot server.

use super::CliError;
use clap::Args;
use ringside_wire::feed::receiver::{Received, Receiver, ReceiverConfig, ReceiverError};
use ringside_wire::feed::snapshot::{self, SnapshotError, SnapshotLogin};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where market data comes from.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FeedArgs {
    /// Line A of market data (MoldUDP64): a multicast group, or an address of this machine; several with commas between
    /// where nodes of a cluster have lines of their own.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    feed_a: Vec<SocketAddr>,
    /// Line B.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    feed_b: Vec<SocketAddr>,
    /// The address of the interface on which multicast groups are joined.
    #[arg(long, value_name = "ADDRESS")]
    interface: Option<Ipv4Addr>,
    /// Who has the market data that was lost on all lines.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    rerequest: Vec<SocketAddr>,
    /// Who has the book as it is now (GLIMPSE); without it, market data begins with its first message.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    glimpse: Vec<SocketAddr>,
    /// Market data of `serve` without a config: its lines and servers on this machine.
    #[arg(long, conflicts_with_all = ["feed_a", "feed_b", "interface", "rerequest", "glimpse"])]
    dev_feed: bool,
}

impl FeedArgs {
    /// Whether there is a feed to listen to.
    pub(super) fn is_given(&self) -> bool {
        self.dev_feed || !self.feed_a.is_empty() || !self.feed_b.is_empty()
    }

    /// The feed of `serve` without a config.
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

/// Market data from where it was joined on.
pub(super) struct MarketData {
    receiver: Receiver,
    /// Who may have the book as it is.
    glimpse: Vec<SnapshotLogin>,
    /// Copies that differ which somebody was told of.
    mismatches: u64,
    /// Messages that nobody had any more.
    pub lost: u64,
}

impl MarketData {
    /// Listens and takes the book as it is now. `deliver` gets its messages, which have no numbers.
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
            // Without a server a gap stays, however long one waits.
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

    /// Takes what has come, in its order. Whether anything came.
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

    /// Waits a moment for something to come.
    pub(super) fn wait(&self) -> Result<(), CliError> {
        self.receiver.wait(Duration::from_millis(1)).map_err(failure)
    }

    /// Takes the book as it is now once more, whose messages `deliver` gets, without going on from there. Gives the
    /// number of the first message behind it; `None` if nobody has the book.
    pub(super) fn take_book(
        &self,
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<Option<u64>, CliError> {
        from_any(&self.glimpse, &mut deliver, |login, deliver| {
            snapshot::take(login, deliver, || Ok(()))
        })
    }

    /// What is to be said of copies of messages that differ and that were not told of before.
    pub(super) fn mismatch(&mut self) -> Option<String> {
        let Received { mismatches, first_mismatch, .. } = self.received();
        let more = mismatches - std::mem::replace(&mut self.mismatches, mismatches);
        let first = first_mismatch.filter(|_| more > 0)?;
        Some(format!("{more} messages of the feed came in two versions, the first one is {first}"))
    }

    /// The number of the next message; `None` if that is not known yet.
    pub(super) fn next_number(&self) -> Option<u64> {
        self.receiver.next_number()
    }

    /// What has come so far.
    pub(super) fn received(&self) -> Received {
        self.receiver.received()
    }
}

/// Takes the book from the first one who has it; `None` if nobody is there to ask.
fn from_any<D: FnMut(&[u8])>(
    logins: &[SnapshotLogin],
    deliver: &mut D,
    mut take: impl FnMut(&SnapshotLogin, &mut dyn FnMut(&[u8])) -> Result<u64, SnapshotError>,
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
            // Half a book cannot be taken back.
            Err(error) if has_begun => return Err(failure(error)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), |error| Err(failure(error)))
}

fn failure(error: impl std::fmt::Display) -> CliError {
    CliError::Failure(format!("market data: {error}"))
}
