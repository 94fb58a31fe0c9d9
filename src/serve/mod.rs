//! A network venue: recovery, then the pipeline between a gateway and a feed.
//!
//! ```text
//!  sessions ─► gateway ─► queue ─► sequencer … publisher ─► encoder ─► streams ─┬► gateway ─► sessions
//!                                                                               └► feed ─► market data
//! ```
//!
//! The streams on the right are stored in numbered blocks, and every sender reads them from there:
//! a session that reconnects, a listener that has lost messages and a restarted venue all read the
//! same bytes.

mod clock;
mod desk;
mod feed;
pub mod moves;
pub mod node;
mod past;
mod setup;
mod source;
mod standby_feed;

use crate::config::{Config, ConfigError};
use clock::ClockWatch;
use desk::DeskPort;
use past::Past;
use ringside_cluster::node::NodeError;
use ringside_core::clock::{Clock, OfficialClock, SystemClock};
use ringside_core::pipeline::plan::allowed_cores;
use ringside_core::pipeline::{self, Control, Layout, Progress, StageName, Task};
use ringside_core::recovery::replay::ReplayError;
use ringside_core::recovery::snapshotter::SnapshotThread;
use ringside_core::streams::{Projections, SessionStates, Store, StoreError, StreamId};
use ringside_core::venue::{Closed, Restart, Venue};
use ringside_edge::clock::TimerClock;
use ringside_edge::feed::sender::FeedSender;
use ringside_edge::feed::service::Service;
use ringside_edge::gateway::accounts::{Accounts, AccountsError, Passwords, UserRules};
use ringside_edge::gateway::queue::{self, Consumer};
use ringside_edge::gateway::server::{Gateway, Limits, Options as GatewayOptions, ServerError};
use ringside_edge::schedule::Schedule;
use ringside_edge::timers::{TimerTable, TimerWatch};
use ringside_journal::{JournalError, Position};
use ringside_model::command::{Action, OperatorCommand, RiskLimits};
use ringside_model::domain::{Nanos, SymbolId};
use ringside_model::frame::HashProbe;
use ringside_model::report::Moved;
use setup::{Setup, session_name};
use source::NetworkSource;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A venue that has been recovered and listens; [`LiveVenue::run`] starts trading.
pub struct LiveVenue {
    venue: Venue,
    projections: Projections<Store>,
    gateway: Gateway,
    sender: FeedSender,
    service: Service,
    source: NetworkSource,
    states: SessionStates,
    timers: TimerTable,
    timer_clock: TimerClock,
    clock: OfficialClock,
    clock_watch: ClockWatch,
    desk: DeskPort,
    layout: Layout,
    _snapshots: Option<SnapshotThread>,
    /// Outcome of the restart.
    pub restart: Restart,
    /// Names and addresses of all servers and lines.
    pub addresses: Vec<(&'static str, String)>,
    /// Session name of the streams.
    pub session: String,
    /// All symbols by name; a symbol that is not traded here with its last move.
    pub here: BTreeMap<String, Option<Moved>>,
    /// Remarks for the operator.
    pub notes: Vec<String>,
}

/// Failure of a venue on the network.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Fault in the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The wall clock of the machine does not fit the journal.
    #[error("{0}")]
    Clock(String),
    /// Failure of the journal during recovery.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Failure of the journal while it is written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Failure of a node of a cluster.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// This node has no place in its cluster.
    #[error("{0}")]
    Cluster(String),
    /// Failure of the stored streams.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Failure of the gateway's sockets.
    #[error(transparent)]
    Gateway(#[from] ServerError),
    /// Fault in the file of passwords.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// Failure of a socket, a thread or a file.
    #[error("{what}: {source}")]
    Io {
        /// Operation that failed, for the message.
        what: String,
        /// Error of the system.
        source: io::Error,
    },
}

impl LiveVenue {
    /// Recovers the journal of the config, or creates it, and binds every socket.
    pub fn open(config: &Config, passwords: &Passwords) -> Result<LiveVenue, ServeError> {
        let standby = past::recover(config)?;
        check_clock(config, standby.place().time)?;
        let snapshots = past::take_snapshots(config, &standby)?;
        let epoch = standby.place().epoch + 1;
        let (venue, past) = standby.lead(epoch)?;
        LiveVenue::bind(config, passwords, venue, past, snapshots, None)
    }

    /// Binds every socket of a venue that leads. Earlier messages stay available on request. The
    /// lines receive only new messages, or those from number `first` on, which follow the messages
    /// that this node has sent as a standby.
    fn bind(
        config: &Config,
        passwords: &Passwords,
        mut venue: Venue,
        past: Past,
        snapshots: Option<SnapshotThread>,
        first: Option<u64>,
    ) -> Result<LiveVenue, ServeError> {
        let layout = config.network_layout(&allowed_cores())?;
        let clock = clock::begin(&config.clock, venue.time());
        let Past { projections, mut directory, mut away, .. } = past;
        let states = projections.states().clone();
        states.begin();
        let Setup { commands, day_began, schedule, mut notes } =
            Setup::new(config, projections.encoder.day(), clock.read(), &mut directory)?;
        let session = session_name(day_began);
        for (command, _) in &commands {
            if let Action::Operator(OperatorCommand::MoveSymbol(asked)) = command.action {
                away.insert(command.symbol, asked.moved());
            }
        }
        let timers = timers_of(&venue, away.keys().copied());
        let schedule = Schedule::new(config.schedule_parts()?, schedule, timers.clone());
        notes.extend(schedule.notes(clock.read(), &directory));
        let timer_clock = TimerClock::new(timers.clone(), schedule, venue.time());
        let here = directory.names().symbols();
        let here = here.map(|(id, symbol)| (symbol.name.to_string(), away.get(&id).copied()));
        let here: BTreeMap<_, _> = here.collect();

        let (producer, queue): (_, Consumer) = queue::bounded(config.gateway.queue_slots);
        let reader = projections.encoder.sink().reader();
        let gateway = Gateway::open(
            gateway_options(config, &session, &clock),
            accounts(config, passwords.clone()),
            directory,
            reader.clone(),
            states.clone(),
            projections.exposure().exposures().clone(),
            producer,
        )?;
        let mut addresses = vec![];
        let listening = gateway.addresses();
        addresses.push(("orders (SoupBinTCP, OUCH 5.0-compatible)", listening.clients.to_string()));
        addresses
            .extend(listening.admin.map(|admin| ("operator (lines of JSON)", admin.to_string())));
        let desk = DeskPort::new(reader.clone());
        let first = first.unwrap_or_else(|| reader.next_number(StreamId::MARKET_DATA));
        let sender = feed::sender(config, &session, reader.clone(), first)?;
        let service = feed::service(config, &session, &reader, passwords, &mut addresses)?;
        let (last, restart) = (venue.time(), std::mem::take(&mut venue.restart));
        let source = NetworkSource::new(commands, queue);
        Ok(LiveVenue {
            venue,
            projections,
            gateway,
            sender,
            service,
            source,
            states,
            timers,
            timer_clock,
            clock_watch: ClockWatch::new(clock.clone(), &config.clock, last),
            clock,
            desk,
            layout,
            _snapshots: snapshots,
            restart,
            addresses,
            session,
            here,
            notes,
        })
    }

    /// Returns the thread plan as text.
    pub fn plan(&self) -> String {
        self.layout.plan.to_string()
    }

    /// Returns the address of order entry.
    pub fn listens_on(&self) -> SocketAddr {
        self.gateway.addresses().clients
    }

    /// Trades until `control.stop` is set, publishes the remaining reports, and closes the journal.
    /// Returns the last hashes and the end of the journal; `None` if the journal was abandoned
    /// before.
    pub fn run(self, control: &Control) -> Result<Option<(HashProbe, Position)>, ServeError> {
        const GOODBYE: Duration = Duration::from_secs(2);
        let LiveVenue {
            venue,
            projections,
            mut gateway,
            mut sender,
            service,
            source,
            states,
            timers,
            mut timer_clock,
            clock,
            mut clock_watch,
            mut desk,
            layout,
            ..
        } = self;
        let low_space = venue.low_space();
        let mut was_low = false;
        let stopping = || control.stop.load(Ordering::Relaxed);
        let mut day_ended = false;
        let began = Instant::now();
        let official = clock.clone();
        let of_gateway: Task<'_> = Box::new(|| {
            if states.day_ended() && !std::mem::replace(&mut day_ended, true) {
                gateway.end_session();
                service.end_session();
            }
            let is_low = low_space.load(Ordering::Relaxed);
            if is_low != std::mem::replace(&mut was_low, is_low) {
                note_space(is_low);
            }
            let now = Instant::now();
            clock_watch.step(now);
            if stopping() {
                Progress::Ended
            } else {
                let timed = timer_clock.step(&mut gateway, official.read());
                let done = gateway.step(now.duration_since(began).as_nanos() as u64) + timed;
                Progress::Did(done + desk.step(&mut gateway))
            }
        });
        let of_feed: Task<'_> = Box::new(|| {
            if states.day_ended() {
                sender.end_session();
            }
            if stopping() { Progress::Ended } else { Progress::Did(sender.step(Instant::now())) }
        });
        let beside = vec![(StageName::Gateway, of_gateway), (StageName::Feed, of_feed)];
        let told = TimerWatch::new(projections, timers);
        let parts = venue.parts(source, told, clock);
        let Some(drained) = pipeline::run(&layout, parts, control, None, beside) else {
            return Ok(None);
        };
        let closed = Closed::close(drained)?;
        let deadline = Instant::now() + GOODBYE;
        while Instant::now() < deadline && sender.step(Instant::now()) > 0 {}
        gateway.finish(GOODBYE);
        Ok(Some((closed.probe, closed.end)))
    }
}

#[cold]
fn note_space(is_low: bool) {
    if is_low {
        tracing::warn!(
            event = "low_space",
            "the space for the journal runs out: new orders are refused until there is more"
        );
    } else {
        tracing::info!(event = "space_is_back", "there is space for the journal again");
    }
}

fn at(what: String) -> impl FnOnce(io::Error) -> ServeError {
    move |source| ServeError::Io { what, source }
}

/// Checks that the wall clock fits a journal whose last command has this official time.
fn check_clock(config: &Config, last: Nanos) -> Result<(), ServeError> {
    let fault = config.clock.fault_at_start(SystemClock.now(), last);
    fault.map_or(Ok(()), |fault| Err(ServeError::Clock(fault)))
}

/// Returns the timers of a recovered venue; `away` are the symbols that are not traded here.
fn timers_of(venue: &Venue, away: impl Iterator<Item = SymbolId>) -> TimerTable {
    let timers = TimerTable::new();
    for engine in venue.engines() {
        for (symbol, at) in engine.due_times() {
            timers.add(symbol, at);
            match engine.planned_time(symbol) {
                Some(end) if engine.is_extended(symbol) => timers.extend(symbol, end),
                planned => timers.plan(symbol, planned),
            }
        }
    }
    away.for_each(|symbol| timers.leave(symbol));
    timers
}

/// Returns the passwords of the users who may log in.
pub fn passwords(config: &Config) -> Result<Passwords, ServeError> {
    let users = config.sessions.iter().map(|session| session.user.as_str());
    let file = &config.gateway.passwords;
    Ok(match file.as_os_str().is_empty() {
        true => Passwords::same_for(users, "ringside")?,
        false => Passwords::read(file)?,
    })
}

/// Returns the users who may log in, with the rules of the config.
fn accounts(config: &Config, passwords: Passwords) -> Accounts {
    let mut accounts = Accounts::new(passwords);
    for session in &config.sessions {
        let names = |symbols: &Vec<String>| {
            symbols.iter().filter_map(|symbol| ringside_model::domain::Name::new(symbol)).collect()
        };
        let rules = UserRules {
            symbols: session.symbols.as_ref().map(names),
            cancel_on_disconnect_ms: session.cancel_on_disconnect_ms,
            orders_per_second: session.orders_per_second,
        };
        accounts.set_rules(&session.user, rules);
    }
    accounts
}

fn gateway_options(config: &Config, session: &str, clock: &OfficialClock) -> GatewayOptions {
    let gateway = &config.gateway;
    GatewayOptions {
        listen: gateway.listen,
        admin: gateway.admin,
        session: session.into(),
        limits: Limits {
            connections_max: gateway.connections_max,
            logins_per_second: gateway.logins_per_second,
            packet_bytes_max: gateway.packet_bytes_max,
            heartbeat_interval_ms: gateway.heartbeat_interval_ms,
            client_timeout_ms: gateway.client_timeout_ms,
            login_timeout_ms: gateway.login_timeout_ms,
            slow_reader_bytes_max: gateway.slow_reader_bytes_max,
            slow_reader_ms: gateway.slow_reader_ms,
        },
        session_limits: RiskLimits {
            open_orders_max: gateway.open_orders_max,
            stops_max: gateway.stops_max,
            pegs_max: gateway.pegs_max,
            minimums_max: gateway.minimums_max,
            slices_max: gateway.slices_max,
            ..RiskLimits::default()
        },
        clock: clock.clone(),
    }
}
