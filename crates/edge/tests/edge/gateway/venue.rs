//! Venue around the gateway: the test answers the commands and sets the time.

use crate::gateway::client::Client;
use ringside_core::clock::OfficialClock;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::ExposureCounter;
use ringside_core::streams::{SessionStates, Store, StreamId, StreamSink};
use ringside_edge::gateway::accounts::{Accounts, UserRules};
use ringside_edge::gateway::queue::{self, Consumer, Inbound};
use ringside_edge::gateway::server::{Counters, Gateway, Limits, Options};
use ringside_model::command::{
    Action, Command, DefineFirm, DefineSession, DefineSymbol, Replace, RiskLimits, SetOrderEntry,
    TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, Name, Price, Quantity, Role, SessionId, SymbolId, Tick,
};
use ringside_model::reason::Reason;
use ringside_testing::loopback::delivered;
use ringside_wire::Message;
use ringside_wire::ouch::inbound::{AccountQuery, CancelOrder, EnterOrder};
use ringside_wire::ouch::{self, Tags};
use ringside_wire::padded;
use ringside_wire::soupbintcp::{Login, packet, write_packet};
use std::net::{Ipv4Addr, SocketAddr};

pub const SESSION: &str = "20260101RS";
pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;

/// Number of users `USER00` …, each with a session; `DROP00` is a drop copy.
pub const USERS: u32 = 4;

pub struct Venue {
    pub server: Option<Gateway>,
    pub store: Store,
    pub states: SessionStates,
    pub exposure: ExposureCounter,
    queue: Consumer,
    pub now_ns: u64,
}

pub struct Setup {
    pub users: u32,
    pub limits: Limits,
    pub rules: UserRules,
    pub queue: usize,
    pub admin: bool,
    pub states: SessionStates,
    /// Commands from before the start.
    pub past: Vec<Command>,
    pub session_limits: RiskLimits,
}

impl Default for Setup {
    fn default() -> Self {
        let limits = Limits { logins_per_second: 1_000_000, ..Limits::default() };
        let states = SessionStates::new(4096);
        let (users, queue, admin) = (USERS, 1024, false);
        let (rules, past) = (UserRules::default(), vec![]);
        let session_limits = RiskLimits::default();
        Setup { users, limits, rules, queue, admin, states, past, session_limits }
    }
}

impl Venue {
    pub fn new() -> Venue {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Venue {
        let Setup { users, limits, rules, queue, admin, states, past, session_limits } = setup;
        let names: Vec<String> = (0..users).map(user).chain(["DROP00".to_string()]).collect();
        let mut accounts =
            Accounts::with_one_password(names.iter().map(String::as_str), "PASSWORD").unwrap();
        for name in &names {
            assert!(accounts.set_rules(name, rules.clone()));
        }
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = Options {
            listen: any,
            admin: admin.then_some(any),
            session: SESSION.to_string(),
            limits,
            session_limits,
            clock: OfficialClock::of_machine(),
        };
        let (store, reader) = Store::in_memory();
        let (producer, queue) = queue::bounded(queue);
        let mut directory = directory(users);
        past.iter().for_each(|command| directory.observe(command));
        let exposure = ExposureCounter::default();
        let exposures = exposure.exposures().clone();
        let (told, for_server) = (states.clone(), states);
        let server =
            Gateway::open(options, accounts, directory, reader, for_server, exposures, producer);
        let server = Some(server.unwrap());
        Venue { server, store, states: told, exposure, queue, now_ns: 5 * SECOND }
    }

    pub fn server(&mut self) -> &mut Gateway {
        self.server.as_mut().unwrap()
    }

    pub fn counters(&self) -> Counters {
        self.server.as_ref().unwrap().counters()
    }

    /// Steps until nothing happens any more, and nothing is under way in the kernel. The time
    /// stands still.
    pub fn settle(&mut self) {
        let now_ns = self.now_ns;
        let mut quiet = 0;
        while quiet < 2 {
            delivered();
            quiet = if self.server().step(now_ns) == 0 { quiet + 1 } else { 0 };
        }
    }

    /// Lets time pass, in steps that are too short to count as a stall.
    pub fn pass(&mut self, ms: u64) {
        let mut left = ms * MS;
        while left > 0 {
            let step = left.min(500 * MS);
            self.now_ns += step;
            left -= step;
            self.settle();
        }
    }

    /// Returns the commands that were handed over. They count as answered only when the test says
    /// so.
    pub fn commands(&mut self) -> Vec<Inbound> {
        std::iter::from_fn(|| self.queue.pop().ok()).collect()
    }

    /// Returns the next command that was handed over.
    pub fn command(&mut self) -> Option<Inbound> {
        self.queue.pop().ok()
    }

    /// Appends a message to a session's stream.
    pub fn publish(&mut self, session: SessionId, message: &[u8]) {
        let mut stored = vec![];
        write_packet(packet::SEQUENCED, message, &mut stored);
        self.store.append(StreamId(session.0), &stored);
        self.store.publish().unwrap();
    }

    /// Answers all commands so far: each uses up its id, and its session is sent the verdict and
    /// the id as text.
    pub fn answer_all(&mut self) -> usize {
        let commands = self.commands();
        for Inbound { command, .. } in &commands {
            let id = match command.action {
                Action::Enter(enter) => Some(enter.id),
                Action::Replace(Replace { new_id, .. }) => Some(new_id),
                Action::MassCancel(filter) => Some(filter.id),
                Action::SetOrderEntry(SetOrderEntry { id, .. }) => Some(id),
                _ => None,
            };
            let told = format!("{} {}", command.verdict.name(), id.map_or(0, |id| id.0));
            self.publish(command.session, told.as_bytes());
            self.states.answer(command.session, id.map(|id| id.0 as u32));
        }
        commands.len()
    }

    pub fn connect(&mut self) -> Client {
        let address = self.server().addresses().clients;
        Client::connect(address)
    }

    /// Connects and logs in at the number; the login must succeed.
    pub fn login(&mut self, user: &str, number: u64) -> Client {
        let mut client = self.connect();
        client.send(&login_packet(user, number));
        self.settle();
        let accepted = client.expect(self, packet::LOGIN_ACCEPTED);
        assert!(accepted.starts_with(SESSION.as_bytes()));
        client
    }
}

pub fn user(number: u32) -> String {
    if number < 100 { format!("USER{number:02}") } else { format!("U{number:05}") }
}

/// Returns the session of a user.
pub fn session(number: u32) -> SessionId {
    SessionId(number + 1)
}

pub fn login(user: &str, number: u64) -> Login {
    Login {
        user: user.into(),
        password: "password".into(),
        session: String::new(),
        number,
        heartbeat_timeout_ms: None,
    }
}

pub fn login_packet(user: &str, number: u64) -> Vec<u8> {
    packet_of(packet::LOGIN_REQUEST, &login(user, number).payload().unwrap())
}

pub fn packet_of(packet_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    write_packet(packet_type, payload, &mut bytes);
    bytes
}

fn directory(users: u32) -> Directory {
    let mut directory = Directory::new();
    let mut observe = |session: u32, symbol: u32, action: Action| {
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        directory.observe(&Command { session, symbol, verdict: Reason::None, action });
    };
    let name = |text: &str| Name::new(text).unwrap();
    observe(0, 0, Action::from(TradingDay { event: DayEvent::Start }));
    observe(0, 0, Action::from(DefineFirm { firm: FirmId(1), name: name("FRM1") }));
    let define = |user: &str, role| {
        let (name, firm) = (name(user), FirmId(1));
        Action::from(DefineSession { name, firm, role })
    };
    for number in 0..users {
        observe(session(number).0, 0, define(&user(number), Role::OrderEntry));
    }
    observe(session(users).0, 0, define("DROP00", Role::FirmDropCopy));
    let definition = DefineSymbol {
        name: name("AAPL"),
        tick: Tick::parse("0.01").unwrap(),
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    };
    observe(0, 1, Action::from(definition));
    directory
}

pub fn request_packet(message: &impl ouch::Layout) -> Vec<u8> {
    let mut bytes = [0; 256];
    let length = ouch::write(message, Tags::NONE, &mut bytes);
    packet_of(packet::UNSEQUENCED, &bytes[..length])
}

pub fn enter(id: u32) -> EnterOrder {
    EnterOrder {
        message_type: EnterOrder::TYPE,
        user_ref_num: id.into(),
        side: b'B',
        quantity: 100.into(),
        symbol: padded("AAPL").unwrap(),
        price: 1_000_000.into(),
        time_in_force: b'0',
        display: b'Y',
        capacity: b'A',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: [b' '; 14],
    }
}

pub fn cancel(id: u32) -> CancelOrder {
    let message_type = CancelOrder::TYPE;
    CancelOrder { message_type, user_ref_num: id.into(), quantity: 0.into() }
}

pub fn query() -> AccountQuery {
    AccountQuery { message_type: AccountQuery::TYPE }
}
