//! A node of a cluster on a network: its journal, sockets and threads around
//! `ringside_cluster::node`.

use super::moves::Moves;
use super::past::{self, Past};
use super::standby_feed::StandbyFeed;
use super::{LiveVenue, ServeError, at};
use crate::config::Config;
use ringside_cluster::membership::node_file::{Machine, NodeFile};
use ringside_cluster::membership::{
    Arrived, Coordinator, Errands, Keeper, NodeName, PeerMessage, Record, Revision, Voters,
};
use ringside_cluster::node::{Following, FollowingEnd, Node, NodeError, Options, Ports, Term};
use ringside_cluster::replication::{Doors, ReplicationServer};
use ringside_core::pipeline::Control;
use ringside_core::recovery::snapshotter::SnapshotThread;
use ringside_core::venue::{self, Restart, Standby};
use ringside_edge::gateway::accounts::Passwords;
use ringside_journal::{Kernel, Position};
use ringside_model::durability::Durability;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Returns the keeper of the cluster record that a config names.
pub fn coordinator(config: &Config) -> Result<Box<dyn Coordinator>, ServeError> {
    let keeper = Keeper::parse(&config.cluster.coordinator);
    let keeper =
        keeper.map_err(|why| ServeError::Cluster(format!("config: cluster.coordinator: {why}")))?;
    Ok(keeper.record(&config.venue.name, config.partition.here()))
}

/// Runs a node until `stop` is set. `restarted` receives the outcome of the first recovery, `leads`
/// each network before it trades.
pub fn run(
    config: &Config,
    passwords: &Passwords,
    stop: &AtomicBool,
    restarted: impl FnOnce(&Restart),
    leads: impl Fn(&LiveVenue),
) -> Result<(), ServeError> {
    let mut recovered = Recovered::new(config)?;
    restarted(&recovered.standby.restart);
    let has_lost = recovered.standby.restart.has_lost;
    let mut running = Running::start(config, passwords, has_lost, stop)?;
    loop {
        match running.stand_by(&mut recovered.standby)? {
            None => return Ok(recovered.standby.close()?),
            Some(FollowingEnd::Leads(epoch, voters)) => {
                running.lead(recovered, epoch, voters, &leads)?;
                if running.is_stopped() {
                    return Ok(());
                }
            }
            Some(FollowingEnd::Diverged(place)) => {
                drop(recovered);
                let bytes = past::cut_behind(config, &place)?.map_or(0, |cut| cut.bytes);
                let what = "the leader does not have them, and none was acknowledged";
                let seqno = place.seqno;
                tracing::warn!(
                    event = "journal_cut",
                    bytes,
                    seqno = seqno.0,
                    "journal: cut {bytes} bytes behind seqno {seqno}: {what}"
                );
            }
        }
        recovered = Recovered::new(config)?;
        running.node.stands_by();
    }
}

/// A recovered journal, with the thread that takes snapshots of it.
struct Recovered {
    standby: Standby<Past>,
    snapshots: Option<SnapshotThread>,
}

impl Recovered {
    fn new(config: &Config) -> Result<Self, ServeError> {
        let standby = past::recover(config)?;
        let snapshots = past::take_snapshots(config, &standby)?;
        Ok(Recovered { standby, snapshots })
    }
}

/// A node with its sockets and threads.
struct Running<'a> {
    config: &'a Config,
    passwords: &'a Passwords,
    node: Node<Sockets>,
    doors: Arc<Doors>,
    _server: ReplicationServer,
    stop: &'a AtomicBool,
    /// Number of the first message that the node has not sent as a standby, if it was one.
    feed_next: Option<u64>,
}

impl<'a> Running<'a> {
    /// Starts the node. The lock of the folder is held by the recovered journal.
    fn start(
        config: &'a Config,
        passwords: &'a Passwords,
        has_lost: bool,
        stop: &'a AtomicBool,
    ) -> Result<Self, ServeError> {
        let section = &config.cluster;
        let me = section.node().expect("this is called for a node of a cluster");
        let keeps_all = config.durability()? == Durability::Fsync;
        let machine = || {
            let here = Machine::here(keeps_all);
            here.map_err(at("cannot read /proc/sys/kernel/random/boot_id".into()))
        };
        let mut file = NodeFile::open(&config.journal.dir, &me, machine()?, Arc::new(Kernel))?;
        if has_lost {
            file.forget(machine()?.fresh)?;
        }
        let errands = Errands::new(me.clone(), coordinator(config)?);
        let errands = errands.map_err(at("cannot start a thread".into()))?;
        let doors = Doors::new(errands.arrivals());
        let server = ReplicationServer::listen(section.listen, doors.clone())
            .map_err(at(format!("cannot listen for other nodes on {}", section.listen)))?;
        let options = Options {
            me,
            founders: section.nodes.clone(),
            identity: venue::identity(config.matching_hash()),
            segment_bytes: config.journal.segment_bytes,
        };
        let node = Node::new(Sockets { errands, began: Instant::now() }, options, file);
        Ok(Running { config, passwords, node, doors, _server: server, stop, feed_next: None })
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Stands by until the node leads; `None`: the node is to stop.
    fn stand_by(
        &mut self,
        standby: &mut Standby<Past>,
    ) -> Result<Option<FollowingEnd>, ServeError> {
        let mut following = Following::default();
        let mut feed =
            StandbyFeed::new(self.config, self.passwords, standby, self.feed_next.take());
        let mut end = None;
        while end.is_none() && !self.is_stopped() {
            end = following.step(&mut self.node, standby)?;
            if let Some(feed) = &mut feed {
                feed.step(standby)?;
            }
        }
        self.feed_next = feed.and_then(StandbyFeed::end);
        Ok(end)
    }

    /// Leads in an epoch, until the node is to stop or another node leads.
    fn lead(
        &mut self,
        recovered: Recovered,
        epoch: u64,
        voters: Voters,
        leads: &impl Fn(&LiveVenue),
    ) -> Result<(), ServeError> {
        let Recovered { standby, snapshots } = recovered;
        let seqno = standby.place().seqno;
        tracing::info!(
            event = "leading",
            epoch,
            seqno = seqno.0,
            "leading in epoch {epoch} behind seqno {seqno}"
        );
        let (mut venue, past) = standby.lead(epoch)?;
        let mut term = Term::new(&self.node, epoch, voters, venue.end());
        self.doors.open(term.terms(&self.node, &self.config.journal.dir));
        let closes = Closes(self.doors.clone());
        while !term.may_tell(&self.node) && !term.is_over() && !self.is_stopped() {
            term.step(&mut self.node)?;
        }
        if term.is_over() || self.is_stopped() {
            return Ok(());
        }
        venue.wait_for(term.replicas.commit_point().clone());
        let first = self.feed_next.take();
        let live = LiveVenue::bind(self.config, self.passwords, venue, past, snapshots, first)?;
        leads(&live);
        let moves = Moves::start(self.config, &live)?;
        let end = self.trade(live, &mut term)?;
        drop(moves);
        if let Some(end) = end {
            while !term.hand_over(&mut self.node, end)? {}
        }
        drop(closes);
        if end.is_none() && self.is_stopped() {
            let what = "too few nodes follow: the last commands are in the journal, none of them \
                        was acknowledged";
            return Err(ServeError::Cluster(what.into()));
        }
        Ok(())
    }

    /// Trades. Returns the end of the journal; `None` if the journal was abandoned.
    fn trade(&mut self, live: LiveVenue, term: &mut Term) -> Result<Option<Position>, ServeError> {
        let control = Control {
            stop: term.control.stop.clone(),
            abandon: term.control.abandon.clone(),
            ..Control::default()
        };
        let has_ended = AtomicBool::new(false);
        let (ran, presided) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| {
                while !has_ended.load(Ordering::Acquire) {
                    if self.is_stopped() {
                        term.control.stop.store(true, Ordering::Relaxed);
                    }
                    if let Err(error) = term.step(&mut self.node) {
                        // A node that cannot store a promise cannot lead.
                        term.control.abandon.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                Ok::<_, NodeError>(())
            });
            let ran = live.run(&control);
            has_ended.store(true, Ordering::Release);
            (ran, beside.join().expect("the thread does not panic"))
        });
        presided?;
        Ok(ran?.map(|(_, end)| end))
    }
}

/// Guard that stops the readers of the journal when it is dropped.
struct Closes(Arc<Doors>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Ports of a node: sockets, and the threads that ask and write for it.
struct Sockets {
    errands: Errands,
    began: Instant,
}

impl Ports for Sockets {
    type Link = TcpStream;

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn arrived(&mut self, patience: Duration) -> Option<Arrived> {
        self.errands.next(patience)
    }

    fn read(&mut self) {
        self.errands.read();
    }

    fn swap(&mut self, expected: Option<Revision>, record: Record) {
        self.errands.swap(expected, record);
    }

    fn send(&mut self, to: &NodeName, address: &str, message: PeerMessage) {
        self.errands.send(to, address, message);
    }

    fn connect(&mut self, address: &str) -> io::Result<TcpStream> {
        /// Time after which an attempt to connect fails.
        const CONNECT_MAX: Duration = Duration::from_millis(100);
        /// Longest wait for a leader's frames before other work.
        const WAIT: Duration = Duration::from_millis(2);
        let place = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        let line = TcpStream::connect_timeout(&place, CONNECT_MAX)?;
        line.set_nodelay(true)?;
        line.set_read_timeout(Some(WAIT))?;
        line.set_write_timeout(Some(WAIT))?;
        Ok(line)
    }
}
