//! Machine: its disk, and the life of a node on it, which runs the real code one step at a time.

use crate::cluster_sim::failing::FailingDisk;
use crate::cluster_sim::net::{End, Shared, World, address, name};
use crate::cluster_sim::told::{SharedTold, Teller};
use ringside_cluster::membership::node_file::{Machine as Host, NodeFile};
use ringside_cluster::membership::{Address, Incarnation, Voters};
use ringside_cluster::node::{Following, FollowingEnd, Node, NodeError, Term};
use ringside_cluster::replication::wire::HelloAnswer;
use ringside_cluster::replication::{FrameSender, ReplicationTerms};
use ringside_core::clock::Clock;
use ringside_core::pipeline::{
    self, CommandSource, Control, Fatal, Layout, Left, Polled, Progress, StageName, Task,
    WiredStages,
};
use ringside_core::recovery::replay::{ReplayError, Shape};
use ringside_core::registry::directory::Directory;
use ringside_core::venue::{After, Closed, Standby, Venue};
use ringside_journal::{Device, Lock, LogPlace, Options, Position, SEGMENT_BYTES_MIN};
use ringside_load::rng::Rng;
use ringside_model::command::{ClientFields, Command};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::durability::Durability;
use ringside_testing::crash::disk::{Chance, Disk, Image};
use ringside_testing::crash::folder::Folder;
use ringside_testing::crash::recording::Recording;
use ringside_testing::{heard, journals};
use std::collections::VecDeque;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

/// Commands on their way to the sequencer, each with the fields that are sent back to its client.
pub type Queue = Arc<Mutex<VecDeque<(Command, Option<ClientFields>)>>>;

/// Machine of the cluster.
pub struct Machine {
    /// Running process, if there is one. It is dropped before its folder.
    pub life: Option<Life>,
    pub number: usize,
    net: Shared,
    folder: Folder,
    device: Arc<Recording>,
    /// Same device as the process sees it, with its failures.
    pub disk: Arc<FailingDisk>,
    durability: Durability,
    pub mistake: Option<Mistake>,
    founders: Vec<Address>,
    /// Number of boots of the machine.
    boots: u64,
    lives: u64,
    /// Error of the clock in nanoseconds.
    pub clock_ahead: i64,
    /// Seqno behind which the journal was cut, and the history that the node had published before,
    /// or would have published.
    pub was_cut: Option<(u64, Vec<u32>)>,
    clock: Arc<Mutex<i64>>,
}

/// Mistake that the simulation must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The disk does not store the promises of the node.
    ForgetsPromises,
    /// A leader publishes before its epoch has begun on enough voters.
    PublishesAtOnce,
    /// A standby publishes commands that are not known to be committed.
    PublishesUncommitted,
    /// A node cuts its journal back to its last commit mark, although the leader has more of it.
    CutsTooMuch,
}

/// Process of a node.
pub struct Life {
    pub node: Node<World>,
    pub told: SharedTold,
    pub incarnation: Incarnation,
    role: Role,
    number: u64,
}

#[expect(clippy::large_enum_variant, reason = "each node has one")]
enum Role {
    Following {
        standby: Box<Standby<Teller>>,
        following: Following<End>,
    },
    Leading(Box<Leading>),
    /// The process is between two roles.
    Nothing,
}

struct Leading {
    term: Term,
    terms: ReplicationTerms,
    senders: Vec<FrameSender<End>>,
    callers: u64,
    phase: Phase,
}

#[expect(clippy::large_enum_variant, reason = "each node has one")]
enum Phase {
    /// Nothing may be published yet.
    Waiting(Box<Venue>, Box<Teller>),
    Trading(Trading),
    /// Everything is published, and the journal is closed.
    Ended(Position),
}

/// Venue that trades, with its stages and the queue of its commands.
pub struct Trading {
    /// Epoch of the leader; no two venues have the same.
    pub epoch: u64,
    tasks: Vec<(StageName, Task<'static>)>,
    left: Left<After<Commands>, Teller>,
    pub queue: Queue,
    /// Names and ids that the gateway knows.
    pub directory: Directory,
}

/// Source of the commands.
pub struct Commands {
    queue: Queue,
    fields: Option<ClientFields>,
}

impl CommandSource for Commands {
    fn poll(&mut self) -> Polled {
        let Some((command, fields)) = self.queue.lock().unwrap().pop_front() else {
            return Polled::Idle;
        };
        self.fields = fields;
        Polled::Command { command, time: None, intended_ns: 0 }
    }

    fn client_fields(&self) -> Option<&ClientFields> {
        self.fields.as_ref()
    }
}

/// Clock of a machine. It may be wrong, and may jump.
struct ClockOf(Arc<Mutex<i64>>);

impl Clock for ClockOf {
    fn now(&mut self) -> Nanos {
        Nanos(*self.0.lock().unwrap() as u64)
    }
}

/// Reason why a process has ended by itself.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
pub enum Ended {
    Node(NodeError),
    Replay(ReplayError),
    /// A stage has ended the process.
    Fatal(Fatal),
    /// A node has led in this epoch before.
    LedTwice(u64),
}

impl From<NodeError> for Ended {
    fn from(error: NodeError) -> Self {
        Ended::Node(error)
    }
}

impl From<ReplayError> for Ended {
    fn from(error: ReplayError) -> Self {
        Ended::Replay(error)
    }
}

impl Machine {
    pub fn new(number: usize, net: &Shared, durability: Durability, founders: usize) -> Self {
        let folder = Folder::new();
        let device = Recording::new(folder.path(), Disk::default());
        let node = |node| Address { node: name(node), address: address(node) };
        Machine {
            number,
            net: net.clone(),
            folder,
            disk: FailingDisk::new(&device),
            device,
            durability,
            mistake: None,
            founders: (0..founders).map(node).collect(),
            boots: 1,
            lives: 0,
            clock_ahead: 0,
            was_cut: None,
            clock: Arc::default(),
            life: None,
        }
    }

    fn options(&self) -> Options {
        Options {
            probe_interval: 40,
            device: Arc::clone(&self.disk) as Arc<dyn Device>,
            ..journals::options(self.folder.path(), self.durability)
        }
    }

    fn recover(&self) -> Result<(Standby<Teller>, SharedTold), ReplayError> {
        let (teller, told) = Teller::new();
        let lock = Lock::take(self.folder.path())?;
        let shape = Shape { shards: 2, orders: 64 };
        Ok((Standby::recover(lock, self.options(), shape, teller)?, told))
    }

    /// Starts the process: it recovers the journal and stands by.
    pub fn start(&mut self) -> Result<(), Ended> {
        self.lives += 1;
        self.disk = FailingDisk::new(&self.device);
        let fresh = {
            let mut net = self.net.borrow_mut();
            net.begin_life(self.number, self.lives);
            net.is_silent[self.number] = false;
            let node = name(self.number);
            net.note(format!("{node}: starts"));
            net.rng.next_u64()
        };
        let (standby, told) = self.recover()?;
        let keeps_all = self.durability == Durability::Fsync;
        let host = Host { boot: self.boots.to_string(), keeps_all, fresh };
        let device = Arc::clone(&self.disk) as Arc<dyn Device>;
        let me = name(self.number);
        let mut file =
            NodeFile::open(self.folder.path(), &me, host, device).map_err(ReplayError::from)?;
        if standby.restart.has_lost {
            file.forget(fresh ^ 1).map_err(ReplayError::from)?;
        }
        if self.mistake == Some(Mistake::ForgetsPromises) {
            self.disk.forget_promises();
        }
        let incarnation = file.incarnation();
        let options = ringside_cluster::node::Options {
            me,
            founders: self.founders.clone(),
            identity: self.options().identity,
            segment_bytes: SEGMENT_BYTES_MIN,
        };
        let world = World { net: self.net.clone(), node: self.number };
        let node = Node::new(world, options, file);
        let role = Role::Following { standby: Box::new(standby), following: Following::default() };
        self.life = Some(Life { node, told, incarnation, role, number: self.lives });
        Ok(())
    }

    /// Kills the process. Everything that it has stored stays.
    pub fn kill(&mut self) {
        self.net.borrow_mut().begin_life(self.number, 0);
        self.life = None;
        self.device.take();
    }

    /// Cuts the power. Anything that was not on the device may be gone.
    pub fn cut_power(&mut self, rng: &mut Rng) {
        let image = self.device.after_power_cut(&mut Chance::new(rng));
        self.be_gone(image);
    }

    /// Ends the process, whose disk has failed. Data that was to be synced then may be gone.
    pub fn give_up(&mut self, rng: &mut Rng) {
        self.kill();
        self.device.look();
        let before = self.device.take().1;
        let image = self.disk.after_failure(rng);
        self.folder.shows(before);
        self.folder.show(&image);
    }

    /// Loses the disk, and everything that was stored.
    pub fn wipe(&mut self) {
        self.be_gone(Image::default());
    }

    fn be_gone(&mut self, image: Image) {
        {
            let mut net = self.net.borrow_mut();
            net.is_silent[self.number] = true;
            net.begin_life(self.number, 0);
        }
        self.life = None;
        self.boots += 1;
        self.folder.shows(self.device.take().1);
        self.folder.show(&image);
        self.device = Recording::new(self.folder.path(), Disk::holding(&image));
    }

    pub fn keep(&mut self) -> std::path::PathBuf {
        self.folder.keep()
    }

    /// Runs one turn of the process.
    pub fn turn(&mut self, rng: &mut Rng) -> Result<(), Ended> {
        let Some(mut life) = self.life.take() else { return Ok(()) };
        let now = self.net.borrow().now.as_nanos() as i64;
        *self.clock.lock().unwrap() = 1_800_000_000_000_000_000 + now + self.clock_ahead;
        let role = std::mem::replace(&mut life.role, Role::Nothing);
        let (role, said) = heard::during(|| match role {
            Role::Following { standby, following } => {
                self.stand(&mut life, standby, following, rng)
            }
            Role::Leading(leading) => self.lead(&mut life, leading, rng),
            Role::Nothing => unreachable!("a role ends with another one"),
        });
        let node = name(self.number);
        for what in said {
            self.net.borrow_mut().note(format!("{node}: {what}"));
        }
        life.role = role?;
        self.life = Some(life);
        Ok(())
    }

    fn stand(
        &mut self,
        life: &mut Life,
        mut standby: Box<Standby<Teller>>,
        mut following: Following<End>,
        rng: &mut Rng,
    ) -> Result<Role, Ended> {
        while let Some(mut caller) = self.call() {
            let _ = caller.write(&HelloAnswer::NotLeading.encode());
        }
        for _ in 0..1 + rng.below(3) {
            match following.step(&mut life.node, &mut standby)? {
                None => {
                    let committed = match self.mistake {
                        Some(Mistake::PublishesUncommitted) => SeqNo(u64::MAX),
                        _ => standby.uncommitted()[0].seqno,
                    };
                    life.told.lock().unwrap().committed.commit(committed);
                }
                Some(FollowingEnd::Leads(epoch, voters)) => {
                    drop(following);
                    return self.begin(life, *standby, epoch, voters);
                }
                Some(FollowingEnd::Diverged(place)) => {
                    let place = match self.mistake {
                        Some(Mistake::CutsTooMuch) => standby.uncommitted()[0],
                        _ => place,
                    };
                    drop((standby, following));
                    return self.cut(life, &place);
                }
            }
        }
        Ok(Role::Following { standby, following })
    }

    fn cut(&mut self, life: &mut Life, place: &LogPlace) -> Result<Role, Ended> {
        let (lock, options) = (Lock::take(self.folder.path()), self.options());
        let lock = lock.map_err(ReplayError::from)?;
        let cut =
            ringside_journal::cut_behind(&options, &lock, place).map_err(ReplayError::from)?;
        drop(lock);
        let history = std::mem::take(&mut life.told.lock().unwrap().history);
        self.was_cut = Some((place.seqno.0, history));
        let (node, bytes) = (name(self.number), cut.map_or(0, |cut| cut.bytes));
        let seqno = place.seqno;
        self.net.borrow_mut().note(format!("{node}: cut {bytes} bytes behind seqno {seqno}"));
        self.stand_again(life)
    }

    fn stand_again(&self, life: &mut Life) -> Result<Role, Ended> {
        let (standby, told) = self.recover()?;
        life.told = told;
        life.node.stands_by();
        Ok(Role::Following { standby: Box::new(standby), following: Following::default() })
    }

    fn begin(
        &self,
        life: &mut Life,
        standby: Standby<Teller>,
        epoch: u64,
        voters: Voters,
    ) -> Result<Role, Ended> {
        let node = name(self.number);
        let mut net = self.net.borrow_mut();
        net.note(format!("{node}: leads in epoch {epoch}"));
        if net.led.insert(epoch, self.number).is_some() {
            return Err(Ended::LedTwice(epoch));
        }
        drop(net);
        let (venue, teller) = standby.lead(epoch)?;
        let term = Term::new(&life.node, epoch, voters, venue.end());
        let terms = term.terms(&life.node, self.folder.path());
        let phase = Phase::Waiting(Box::new(venue), Box::new(teller));
        let callers = life.number << 32;
        Ok(Role::Leading(Box::new(Leading { term, terms, senders: vec![], callers, phase })))
    }

    fn lead(
        &self,
        life: &mut Life,
        mut leading: Box<Leading>,
        rng: &mut Rng,
    ) -> Result<Role, Ended> {
        let now = self.net.borrow().now;
        while let Some(caller) = self.call() {
            leading.callers += 1;
            let (terms, number) = (leading.terms.clone(), leading.callers);
            leading.senders.push(FrameSender::new(caller, terms, number, now));
        }
        leading.senders.retain_mut(|sender| rng.chance(1, 3) || sender.step(now).is_ok());
        if rng.chance(1, 2) {
            leading.term.step(&mut life.node)?;
        }
        if leading.term.is_over() {
            drop(leading);
            return self.stand_again(life);
        }
        leading.phase = match leading.phase {
            Phase::Waiting(venue, teller)
                if self.mistake == Some(Mistake::PublishesAtOnce)
                    || leading.term.may_tell(&life.node) =>
            {
                Phase::Trading(self.trade(&leading.terms, &leading.term, *venue, *teller))
            }
            Phase::Waiting(venue, teller) => Phase::Waiting(venue, teller),
            Phase::Trading(mut trading) => {
                let steps = catch_unwind(AssertUnwindSafe(|| trading.steps(rng)));
                steps.map_err(|why| match why.downcast() {
                    Ok(fatal) => Ended::Fatal(*fatal),
                    Err(panic) => resume_unwind(panic),
                })?;
                match trading.tasks.is_empty() {
                    false => Phase::Trading(trading),
                    true => {
                        let drained = trading.left.drained().expect("all stages have ended");
                        let closed = Closed::close(drained).map_err(ReplayError::from)?;
                        Phase::Ended(closed.end)
                    }
                }
            }
            Phase::Ended(end) => {
                if leading.term.hand_over(&mut life.node, end)? {
                    drop((leading.senders, leading.terms, leading.term));
                    return self.stand_again(life);
                }
                Phase::Ended(end)
            }
        };
        Ok(Role::Leading(leading))
    }

    fn trade(
        &self,
        terms: &ReplicationTerms,
        term: &Term,
        mut venue: Venue,
        teller: Teller,
    ) -> Trading {
        venue.wait_for(term.replicas.commit_point().clone());
        let directory = teller.directory.clone();
        let queue = Queue::default();
        let source = Commands { queue: queue.clone(), fields: None };
        let parts = venue.parts(source, teller, ClockOf(self.clock.clone()));
        let layout = Layout {
            ring_slots: 64,
            report_slots: 64,
            batch_max: 16,
            durability: self.durability,
            plan: pipeline::ThreadPlan { threads: vec![] },
        };
        // The control is leaked: a few words each time, for as long as the test runs.
        let control: &'static Control = Box::leak(Box::new(Control {
            stop: term.control.stop.clone(),
            abandon: term.control.abandon.clone(),
            ..Control::default()
        }));
        let WiredStages { tasks, left } = WiredStages::wire(&layout, parts, control, None);
        pipeline::let_end_by(|fatal| resume_unwind(Box::new(fatal)));
        Trading { epoch: terms.epoch, tasks, left, queue, directory }
    }

    /// Returns the venue that clients see, while the node trades.
    pub fn trading(&mut self) -> Option<(&mut Trading, &SharedTold)> {
        let life = self.life.as_mut()?;
        let Role::Leading(leading) = &mut life.role else { return None };
        let Phase::Trading(trading) = &mut leading.phase else { return None };
        Some((trading, &life.told))
    }

    pub fn told(&self) -> Option<SharedTold> {
        self.life.as_ref().map(|life| life.told.clone())
    }

    /// Returns the number of commands in its history that a standby may publish; `None` if the node
    /// does not stand by.
    pub fn tells_standing_by(&self) -> Option<(usize, &SharedTold)> {
        let Some(Life { role: Role::Following { .. }, told, .. }) = &self.life else { return None };
        Some((told.lock().unwrap().committed.end()?, told))
    }

    pub fn incarnation(&self) -> Option<Incarnation> {
        self.life.as_ref().map(|life| life.incarnation)
    }

    /// Returns the segments of the journal, each up to its last byte that is not zero.
    pub fn journal(&self) -> Vec<(String, Vec<u8>)> {
        let files =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let segments = files.filter(|path| path.extension().is_some_and(|end| end == "seg"));
        let mut written: Vec<_> = segments
            .map(|path| {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes
                    .truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
                (path.file_name().unwrap().to_string_lossy().into_owned(), bytes)
            })
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect();
        written.sort();
        written
    }

    /// Returns the end of the journal, if the node stands by.
    pub fn stands_at(&self) -> Option<LogPlace> {
        let Some(Life { role: Role::Following { standby, .. }, .. }) = &self.life else {
            return None;
        };
        Some(standby.place())
    }

    /// Returns the end of the journal of a node that leads, as far as it is known outside the
    /// pipeline.
    pub fn leads_to(&self) -> Option<Position> {
        let Some(Life { role: Role::Leading(leading), .. }) = &self.life else { return None };
        Some(leading.term.replicas.commit_point().stored())
    }

    fn call(&self) -> Option<End> {
        self.net.borrow_mut().call(self.number)
    }
}

impl Trading {
    /// Steps the stages in a random order.
    fn steps(&mut self, rng: &mut Rng) {
        for _ in 0..2 + rng.below(12) {
            if self.tasks.is_empty() {
                return;
            }
            let task = rng.below(self.tasks.len() as u64) as usize;
            if self.tasks[task].1() == Progress::Ended {
                drop(self.tasks.swap_remove(task));
            }
        }
    }
}
