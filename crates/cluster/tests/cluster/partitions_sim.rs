//! Symbols that move between partitions while connections break, leaders change, moves are given up
//! and changes of the table come late. At most one partition trades a symbol, and no order is lost,
//! doubled or overtaken.
//!
//! `RINGSIDE_MOVES` sets the number of seeds, `RINGSIDE_MOVES_SEED` the first one.

use ringside_cluster::membership::{
    Coordinator, InMemory, Revision, Swapped, Unavailable, Versioned,
};
use ringside_cluster::partition::{
    Desk, DeskAnswer, DeskError, DeskRequest, ExportPiece, Keepers, Mover, MoverStep, SymbolTable,
    next,
};
use ringside_core::json_reports::JsonReports;
use ringside_core::registry::directory::Directory;
use ringside_edge::gateway::file_session::{FileSession, Format};
use ringside_engine::Engine;
use ringside_model::command::{Action, Command, OperatorCommand, Sequenced};
use ringside_model::domain::{Name, Nanos, OrderId, PartitionId, SeqNo, SymbolId};
use ringside_model::report::{Moved, Published, Report, ReportKind};
use ringside_testing::run::base_seed;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const SYMBOLS: [&str; 3] = ["A", "B", "C"];
const PARTITIONS: [u16; 3] = [0, 1, 2];

#[test]
fn no_order_is_lost_or_doubled_while_symbols_move() {
    let setting = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let first: u64 = setting("RINGSIDE_MOVES_SEED", base_seed());
    let count: u64 = setting("RINGSIDE_MOVES", 400);
    let mut moves = 0;
    for seed in first..first + count {
        let ran = std::panic::catch_unwind(|| World::new(seed).run());
        moves += ran.unwrap_or_else(|_| {
            panic!(
                "RINGSIDE_MOVES_SEED={seed} RINGSIDE_MOVES=1 \
                 cargo nextest run -p ringside-cluster partitions_sim"
            )
        });
    }
    let is_enough = moves as u64 >= count / 4;
    assert!(is_enough, "only {moves} moves were decided in {count} runs: nothing was proved");
}

/// Partition, as the state that its journal gives. It has one leader at a time.
struct Node {
    directory: Directory,
    engine: Engine,
    lines: JsonReports,
    seqno: u64,
    /// State of each symbol in the journal; `None` if the symbol is traded here.
    here: BTreeMap<String, Option<Moved>>,
    /// Number of the leader that leads now.
    term: u64,
    /// Answers of the venue, in the order of their commands.
    stream: Vec<DeskAnswer>,
    /// Number of the answers that are published.
    published: usize,
    /// True while the commit stalls: commands are taken, and no answer is published.
    stalled: bool,
}

type Shared<T> = Arc<Mutex<T>>;

impl Node {
    fn new(partition: u16) -> Self {
        let (directory, lines) = (Directory::new(), JsonReports::new());
        let here = SYMBOLS.map(|symbol| (symbol.to_string(), None)).into();
        let mut node = Node {
            directory,
            engine: Engine::new(0),
            lines,
            seqno: 0,
            here,
            term: 0,
            stream: vec![],
            published: 0,
            stalled: false,
        };
        node.line(&json!({ "op": "session", "session": "S", "firm": "F" }).to_string());
        for symbol in SYMBOLS {
            node.line(&json!({ "op": "symbol", "symbol": symbol, "tick": "1" }).to_string());
            let release = json!({
                "op": "move", "symbol": symbol, "step": "release", "partition": partition,
                "version": 0,
            });
            node.line(&release.to_string());
        }
        node
    }

    /// Turns a line into commands, applies them, and returns the answers of the venue.
    fn line(&mut self, line: &str) -> Vec<Value> {
        let mut session = FileSession::new(std::mem::take(&mut self.directory), Format::Json);
        let mut commands = vec![];
        let read = session.line(line, &mut |command, _| commands.push(command));
        self.directory = session.into_directory();
        if let Err(error) = read {
            return vec![json!({ "error": error.message })];
        }
        let lines = commands.into_iter().flat_map(|command| self.apply(command));
        lines.map(|line| serde_json::from_slice(&line).unwrap()).collect()
    }

    /// Applies the command of a request, and appends the answers of the venue to the stream.
    fn request(&mut self, request: &DeskRequest) -> Result<(), DeskError> {
        let command = request.command(&self.directory)?;
        self.directory.observe(&command);
        for line in self.apply(command) {
            self.stream.extend(DeskAnswer::read(&line)?);
        }
        if !self.stalled {
            self.publish();
        }
        Ok(())
    }

    /// Publishes all answers; the commit does not stall any more.
    fn publish(&mut self) {
        (self.published, self.stalled) = (self.stream.len(), false);
    }

    /// Applies a command, and returns the lines of its reports.
    fn apply(&mut self, command: Command) -> Vec<Vec<u8>> {
        self.seqno += 1;
        let (seqno, time) = (SeqNo(self.seqno), Nanos(0));
        let mut reports = vec![];
        self.engine.apply_batch(&[Sequenced { seqno, time, command }], &mut reports);
        if reports[0].kind == ReportKind::Defined {
            self.lines.definition(&command);
        }
        if let (Action::Operator(OperatorCommand::MoveSymbol(asked)), ReportKind::SymbolMoved) =
            (command.action, reports[0].kind)
        {
            self.takes_note(command.symbol, asked.moved());
        }
        (0..).zip(reports).map(|(index, report)| self.say(index, report)).collect()
    }

    fn takes_note(&mut self, symbol: SymbolId, moved: Moved) {
        use ringside_model::domain::MoveStep::{Export, Resume};
        let name = self.directory.names().symbol(symbol).unwrap().name.to_string();
        match moved.step {
            Export => {}
            Resume => _ = self.here.insert(name, None),
            _ => _ = self.here.insert(name, Some(moved)),
        }
    }

    fn say(&self, index: u32, report: Report) -> Vec<u8> {
        let durability = ringside_model::durability::Durability::Pagecache;
        let (seqno, time) = (SeqNo(self.seqno), Nanos(0));
        let mut line = vec![];
        self.lines.write(&Published { seqno, index, time, durability, report }, &mut line);
        line
    }

    /// Returns the live orders of a symbol in priority order, each by its quantity, which no two
    /// orders share.
    fn book(&self, symbol: &str) -> Vec<u64> {
        let symbol = self.directory.numbers().symbol_id(Name::new(symbol).unwrap()).unwrap();
        let side = |buy| {
            let levels = self.engine.depth(symbol, buy);
            levels.into_iter().flat_map(move |l| self.engine.orders_at(symbol, buy, l.price))
        };
        side(true).chain(side(false)).map(|order| order.open.0).collect()
    }
}

/// Desk of a leader. It may break at any request, and it fails once another node leads. It hears
/// what is published after it was opened, also late answers to requests of an earlier desk.
struct Port {
    node: Shared<Node>,
    term: u64,
    random: Shared<Random>,
    /// Place of its next answer in the stream.
    next: usize,
}

impl Desk for Port {
    fn send(&mut self, request: DeskRequest) -> Result<(), DeskError> {
        let mut node = self.node.lock().unwrap();
        let mut random = self.random.lock().unwrap();
        if node.term != self.term || random.in_1000(12) {
            return Err(DeskError::Closed);
        }
        node.stalled |= random.in_1000(20);
        node.request(&request)
    }

    fn hear(&mut self) -> Result<DeskAnswer, DeskError> {
        let (mut node, mut random) = (self.node.lock().unwrap(), self.random.lock().unwrap());
        let lost = random.in_1000(30);
        if node.stalled && !random.in_1000(600) {
            node.publish();
        }
        let answer = node.stream[..node.published].get(self.next).filter(|_| !lost);
        self.next += 1;
        answer.cloned().ok_or(DeskError::Silent)
    }
}

/// Table as a leader sees it: a swap may take place after its sender gave up, or never.
struct Slow {
    table: InMemory<SymbolTable>,
    random: Shared<Random>,
    late: Shared<Vec<(Option<Revision>, SymbolTable)>>,
}

impl Coordinator<SymbolTable> for Slow {
    fn read(&mut self) -> Result<Option<Versioned<SymbolTable>>, Unavailable> {
        match self.random.lock().unwrap().in_1000(20) {
            true => Err(Unavailable("it does not answer".into())),
            false => self.table.read(),
        }
    }

    fn swap(
        &mut self,
        expected: Option<Revision>,
        table: &SymbolTable,
    ) -> Result<Swapped, Unavailable> {
        if self.random.lock().unwrap().in_1000(120) {
            self.late.lock().unwrap().push((expected, table.clone()));
            return Err(Unavailable("nobody knows".into()));
        }
        self.table.swap(expected, table)
    }
}

type Open = Box<dyn FnMut() -> Result<Port, DeskError>>;

struct World {
    random: Shared<Random>,
    nodes: Vec<Shared<Node>>,
    movers: Vec<Mover<Port, Open>>,
    table: InMemory<SymbolTable>,
    pieces: Shared<HashMap<String, InMemory<ExportPiece>>>,
    late: Shared<Vec<(Option<Revision>, SymbolTable)>>,
    /// Orders that should be live, by symbol, in the order in which they came.
    orders: BTreeMap<&'static str, Vec<Order>>,
    entered: u64,
}

struct Order {
    buy: bool,
    price: u64,
    quantity: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let random = Arc::new(Mutex::new(Random(seed)));
        let nodes = PARTITIONS.map(|partition| Arc::new(Mutex::new(Node::new(partition))));
        let mut world = World {
            random,
            nodes: nodes.into(),
            movers: vec![],
            table: InMemory::default(),
            pieces: Arc::default(),
            late: Arc::default(),
            orders: SYMBOLS.map(|symbol| (symbol, vec![])).into(),
            entered: 0,
        };
        for partition in PARTITIONS {
            let mover = world.leads(partition);
            world.movers.push(mover);
        }
        world
    }

    /// Makes another node lead a partition, and returns its mover.
    fn leads(&self, partition: u16) -> Mover<Port, Open> {
        let node = self.nodes[usize::from(partition)].clone();
        let random = self.random.clone();
        let (term, here) = {
            let mut node = node.lock().unwrap();
            node.term += 1;
            // A node leads once it has applied what was committed before; its streams have those
            // reports already.
            node.publish();
            (node.term, node.here.clone())
        };
        let port = random.clone();
        let open: Open = Box::new(move || {
            let (node, random) = (node.clone(), port.clone());
            let next = node.lock().unwrap().published;
            Ok(Port { node, term, random, next })
        });
        let (table, late) = (self.table.clone(), self.late.clone());
        let pieces = self.pieces.clone();
        let keepers = Keepers {
            table: Box::new(Slow { table, random, late }),
            pieces: Box::new(move |name| {
                Box::new(pieces.lock().unwrap().entry(name.into()).or_default().clone())
            }),
        };
        Mover::new(PartitionId(partition), &PARTITIONS, &[], here, keepers, open)
    }

    fn below(&self, end: u64) -> u64 {
        self.random.lock().unwrap().below(end)
    }

    /// Runs the simulation of one seed. Returns the number of symbols whose move was decided.
    fn run(&mut self) -> usize {
        for _ in 0..600 {
            self.something_happens();
            self.check();
        }
        // From now on nothing fails.
        self.late.lock().unwrap().clear();
        self.random.lock().unwrap().0 = 0;
        let mut troubles = vec![];
        for _ in 0..200 {
            troubles.clear();
            troubles.extend(self.movers.iter_mut().filter_map(|mover| mover.turn().err()));
            self.check();
        }
        assert!(troubles.is_empty(), "{troubles:?}");
        let table = self.table.read().unwrap().unwrap().1;
        let mut moves = 0;
        for symbol in SYMBOLS {
            let place = &table.symbols[symbol];
            assert_eq!(place.moving, None, "{symbol}");
            moves += usize::from(place.version > 1);
            for partition in PARTITIONS {
                let node = self.nodes[usize::from(partition)].lock().unwrap();
                let step = next(PartitionId(partition), node.here[symbol], place);
                assert_eq!(step, MoverStep::Wait, "{symbol} at {partition}");
                let expected =
                    if partition == place.partition { self.priority(symbol) } else { vec![] };
                assert_eq!(node.book(symbol), expected, "{symbol} at {partition}");
            }
        }
        moves
    }

    fn something_happens(&mut self) {
        let partition = self.below(3) as u16;
        let index = usize::from(partition);
        match self.below(100) {
            0..55 => _ = self.movers[index].turn(),
            55..60 => {
                // The earlier leader goes on for a moment, and does not know that another node
                // leads.
                let new = self.leads(partition);
                let mut old = std::mem::replace(&mut self.movers[index], new);
                _ = old.turn();
            }
            60..65 => {
                if let Some((expected, table)) = self.late.lock().unwrap().pop() {
                    self.table.swap(expected, &table).unwrap();
                }
            }
            65..72 => {
                let symbol = SYMBOLS[self.below(3) as usize];
                if let Some((revision, table)) = self.table.read().unwrap() {
                    let mut wanted = table.changed().unwrap();
                    if wanted.ask(symbol, PartitionId(partition)).is_ok() {
                        self.table.swap(Some(revision), &wanted).unwrap();
                    }
                }
            }
            72..92 => self.enter(index),
            _ => self.cancel(index),
        }
    }

    /// Enters a bid or an offer; the two never meet.
    fn enter(&mut self, index: usize) {
        let symbol = SYMBOLS[self.below(3) as usize];
        let (buy, price) = (self.below(2) == 0, 100 + self.below(4));
        let price = if buy { price } else { price + 100 };
        self.entered += 1;
        let quantity = self.entered;
        let line = json!({
            "op": "enter", "session": "S", "id": quantity, "symbol": symbol,
            "side": if buy { "buy" } else { "sell" }, "qty": quantity, "price": price.to_string(),
            "tif": "gtc",
        });
        let said = self.nodes[index].lock().unwrap().line(&line.to_string());
        match said[0]["report"].as_str().unwrap() {
            "accepted" => self.orders.get_mut(symbol).unwrap().push(Order { buy, price, quantity }),
            _ => assert!(
                ["wrong_partition", "moving"].contains(&said[0]["reason"].as_str().unwrap()),
                "{said:?}"
            ),
        }
    }

    /// Cancels an order in the books of a partition, wherever it was entered.
    fn cancel(&mut self, index: usize) {
        let symbol = SYMBOLS[self.below(3) as usize];
        let mut node = self.nodes[index].lock().unwrap();
        let id = node.directory.numbers().symbol_id(Name::new(symbol).unwrap()).unwrap();
        let level = node.engine.depth(id, true).first().copied();
        let Some(level) = level else { return };
        let order = node.engine.orders_at(id, true, level.price)[0];
        let line = json!({ "op": "cancel", "session": "S", "id": order.id.0 });
        let said = node.line(&line.to_string());
        assert_eq!(said[0]["report"], "canceled", "{said:?}");
        let gone = |other: &Order| other.quantity == order.open.0;
        self.orders.get_mut(symbol).unwrap().retain(|other| !gone(other));
    }

    /// Checks that at most one partition trades each symbol, with all orders that should be live
    /// and no other.
    fn check(&self) {
        for symbol in SYMBOLS {
            let nodes: Vec<_> = self.nodes.iter().map(|node| node.lock().unwrap()).collect();
            let traded: Vec<_> = nodes.iter().filter(|node| node.here[symbol].is_none()).collect();
            assert!(traded.len() <= 1, "{symbol} is traded by {} partitions", traded.len());
            for node in &nodes {
                let expected = match node.here[symbol] {
                    None => self.priority(symbol),
                    Some(_) => vec![],
                };
                assert_eq!(node.book(symbol), expected, "{symbol}");
            }
        }
    }

    /// Returns the quantities of a symbol's orders: bids, then offers, best price first, oldest
    /// first.
    fn priority(&self, symbol: &str) -> Vec<u64> {
        let mut orders: Vec<&Order> = self.orders[symbol].iter().collect();
        orders.sort_by_key(|order| {
            (!order.buy, if order.buy { u64::MAX - order.price } else { order.price })
        });
        orders.iter().map(|order| order.quantity).collect()
    }
}

/// Random numbers; always 0 once the state is 0.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % end
    }

    fn in_1000(&mut self, count: u64) -> bool {
        self.0 != 0 && self.below(1_000) < count
    }
}

#[test]
fn ids_of_orders_that_came_are_the_venues() {
    assert!(OrderId::IMPORTED_MIN.is_imported() && !OrderId(3_999_999_999).is_imported());
    assert!(!OrderId(1 << 32).is_imported());
}
