//! Order books of other crates on the flow of Ringside's own bench.
//!
//! `cargo run --release -- [--events N] [--runs N]`. Commands are translated into those of each
//! crate before the clock starts. Trades are compared with the expected trades of the flow: resting
//! order, price, quantity and sequence. A crate whose trades differ is marked, and its figures are
//! printed.

#[path = "../contest.rs"]
mod contest;

use contest::{CHUNK, Times, ns_per_event, run_engine};
use ringside_load::flow::{Event, EventKind, Flow, FlowSpec, Trades, Workload};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SEED: u64 = 2026;
const BATCH: usize = 64;

fn main() -> ExitCode {
    let (mut events, mut runs) = (500_000, 3);
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let number = args.next().and_then(|text| text.parse().ok()).filter(|&n: &usize| n > 0);
        match (flag.as_str(), number) {
            ("--events", Some(n)) => events = n,
            ("--runs", Some(n)) => runs = n,
            _ => {
                eprintln!("usage: ringside-peers [--events N] [--runs N]");
                return ExitCode::from(2);
            }
        }
    }
    contest::pin();
    println!("{events} events, median of {runs}, in turns\n");
    println!(
        "| scenario | book | ns/event | spread | × ringside | trades | quantity | refused | outcome |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---|");
    let mut ringside_agrees = true;
    for workload in [Workload::W1, Workload::W2] {
        let flow = Flow::generate(&FlowSpec { workload, seed: SEED, events });
        ringside_agrees &= compare(&flow, workload, runs);
    }
    println!(
        "\nringside reports, totals and hashes as in its own bench. No peer has a replace that takes \
         a new id and always gives up its priority: for all of them it is a cancel and a new order \
         (matchcore's amend and orderbook-rs's update keep the id). lobster and orderbook-rs get \
         session and id as one number; matchcore numbers orders itself. Each symbol has a book of \
         its own in them. matchcore 0.4 lets a crossing limit order trade through its limit, so its \
         trades differ and it refuses cancels of orders that should have been live."
    );
    if ringside_agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the rows of one flow; returns true if Ringside itself was right.
fn compare(flow: &Flow, workload: Workload, runs: usize) -> bool {
    let mut agrees = true;
    let mut times: [Vec<f64>; 4] = Default::default();
    let mut outcomes = [(flow.trades, 0); 4];
    for _ in 0..runs {
        let (time, right) = run_engine(flow, BATCH);
        agrees &= right;
        let peers = [run::<Lobster>(flow), run::<Matchcore>(flow), run::<OrderbookRs>(flow)];
        times[0].push(ns_per_event(time, flow));
        for (i, (time, trades, refused)) in peers.into_iter().enumerate() {
            times[i + 1].push(ns_per_event(time, flow));
            outcomes[i + 1] = (trades, refused);
        }
    }
    let times = times.map(Times::of);
    for (i, name) in ["ringside", "lobster", "matchcore", "orderbook-rs"].into_iter().enumerate() {
        let Times { median, least, most } = times[i];
        let (trades, refused) = outcomes[i];
        let expected = flow.trades;
        let outcome = if i == 0 && !agrees {
            "WRONG"
        } else if trades == expected {
            "agrees"
        } else if (trades.count, trades.quantity) == (expected.count, expected.quantity) {
            "hits other orders"
        } else {
            "trades otherwise"
        };
        println!(
            "| {workload} | {name} | {median:.0} | {least:.0}–{most:.0} | {:.1} | {} | {} | {refused} | {outcome} |",
            median / times[0].median,
            trades.count,
            trades.quantity,
        );
    }
    agrees
}

/// Order books of another crate, one for each symbol of a flow.
trait Peer {
    /// Command of the crate.
    type Command;

    fn new(symbols: usize) -> Self;

    /// Translates an event; a replace becomes two commands.
    fn translate(&mut self, event: &Event, commands: &mut Vec<Self::Command>);

    /// Applies a command; returns true if the book accepted it.
    fn apply(&mut self, command: Self::Command, trades: &mut Trades) -> bool;
}

/// Returns the time of a peer, its trades, and the number of commands that it rejected.
fn run<P: Peer>(flow: &Flow) -> (Duration, Trades, u64) {
    let symbols = flow.setup.iter().map(|event| event.symbol.0 as usize).max().unwrap_or(0);
    let mut peer = P::new(symbols);
    let mut commands = Vec::with_capacity(2 * CHUNK);
    let (mut trades, mut refused) = (Trades::default(), 0);
    let mut apply_all = |events: &[Event]| {
        let mut time = Duration::ZERO;
        for chunk in events.chunks(CHUNK) {
            chunk.iter().for_each(|event| peer.translate(event, &mut commands));
            let start = Instant::now();
            for command in commands.drain(..) {
                refused += u64::from(!peer.apply(command, &mut trades));
            }
            time += start.elapsed();
        }
        time
    };
    apply_all(&flow.setup);
    let time = apply_all(&flow.events);
    (time, trades, refused)
}

fn book_of(event: &Event) -> usize {
    event.symbol.0 as usize - 1
}

/// Packs session and id into one number.
fn key(session: u16, id: u32) -> u64 {
    u64::from(session) << 32 | u64::from(id)
}

fn add_trade(trades: &mut Trades, key: u64, price: u64, quantity: u64) {
    trades.add((key >> 32) as u32, key & 0xFFFF_FFFF, price as i64, quantity);
}

struct Lobster(Vec<lobster::OrderBook>);

impl Peer for Lobster {
    type Command = (usize, lobster::OrderType);

    fn new(symbols: usize) -> Self {
        Lobster((0..symbols).map(|_| lobster::OrderBook::default()).collect())
    }

    fn translate(&mut self, event: &Event, commands: &mut Vec<Self::Command>) {
        use lobster::{OrderType, Side};
        let side = if event.side.is_buy() { Side::Bid } else { Side::Ask };
        let mut push = |order| commands.push((book_of(event), order));
        let cancel = OrderType::Cancel { id: key(event.session, event.id).into() };
        let limit = |id| OrderType::Limit {
            id: key(event.session, id).into(),
            side,
            qty: event.quantity.into(),
            price: event.price.0 as u64,
        };
        match event.kind {
            EventKind::Passive | EventKind::Crossing => push(limit(event.id)),
            EventKind::Cancel => push(cancel),
            EventKind::Replace => {
                push(cancel);
                push(limit(event.new_id));
            }
        }
    }

    fn apply(&mut self, (book, order): Self::Command, trades: &mut Trades) -> bool {
        use lobster::OrderEvent::{Filled, PartiallyFilled};
        let event = self.0[book].execute(order);
        if let Filled { fills, .. } | PartiallyFilled { fills, .. } = event {
            for fill in fills {
                add_trade(trades, fill.order_2 as u64, fill.price, fill.qty);
            }
        }
        true
    }
}

struct Matchcore {
    books: Vec<matchcore::OrderBook>,
    /// Number of the next command of each book, which is also the number of the order that it
    /// enters.
    next: Vec<u64>,
    /// Order number of each live or ended order.
    numbers: std::collections::HashMap<u64, u64>,
    /// Key of each order, by book and order number.
    keys: Vec<Vec<u64>>,
}

impl Matchcore {
    fn submit(&mut self, event: &Event, id: u32) -> matchcore::CommandKind {
        use matchcore::{
            CommandKind, LimitOrder, NewOrder, OrderFlags, Price, Quantity, QuantityPolicy, Side,
            SubmitCmd, TimeInForce,
        };
        let book = book_of(event);
        let number = self.next[book];
        self.keys[book].resize(number as usize + 1, 0);
        self.keys[book][number as usize] = key(event.session, id);
        self.numbers.insert(key(event.session, id), number);
        let side = if event.side.is_buy() { Side::Buy } else { Side::Sell };
        let quantity = Quantity(event.quantity.into());
        CommandKind::Submit(SubmitCmd {
            order: NewOrder::Limit(LimitOrder::new(
                Price(event.price.0 as u64),
                QuantityPolicy::Standard { quantity },
                OrderFlags::new(side, false, TimeInForce::Gtc),
            )),
        })
    }

    fn cancel(&self, event: &Event) -> matchcore::CommandKind {
        use matchcore::{CancelCmd, CommandKind, OrderId, OrderKind};
        let order_id = OrderId(self.numbers[&key(event.session, event.id)]);
        CommandKind::Cancel(CancelCmd { order_id, order_kind: OrderKind::Limit })
    }

    fn numbered(
        &mut self,
        book: usize,
        kind: matchcore::CommandKind,
    ) -> (usize, matchcore::Command) {
        use matchcore::{Command, CommandMeta, SequenceNumber, Timestamp};
        let number = self.next[book];
        self.next[book] += 1;
        let meta =
            CommandMeta { sequence_number: SequenceNumber(number), timestamp: Timestamp(number) };
        (book, Command { meta, kind })
    }
}

impl Peer for Matchcore {
    type Command = (usize, matchcore::Command);

    fn new(symbols: usize) -> Self {
        Matchcore {
            books: (0..symbols).map(|_| matchcore::OrderBook::new("")).collect(),
            next: vec![0; symbols],
            numbers: Default::default(),
            keys: vec![Vec::new(); symbols],
        }
    }

    fn translate(&mut self, event: &Event, commands: &mut Vec<Self::Command>) {
        let book = book_of(event);
        if matches!(event.kind, EventKind::Cancel | EventKind::Replace) {
            let cancel = self.cancel(event);
            commands.push(self.numbered(book, cancel));
        }
        if event.kind != EventKind::Cancel {
            let id = if event.kind == EventKind::Replace { event.new_id } else { event.id };
            let submit = self.submit(event, id);
            commands.push(self.numbered(book, submit));
        }
    }

    fn apply(&mut self, (book, command): Self::Command, trades: &mut Trades) -> bool {
        use matchcore::{CommandOutcome, CommandReport};
        let CommandOutcome::Applied(report) = self.books[book].execute(&command) else {
            return false;
        };
        if let CommandReport::Submit(effects) = report {
            for trade in effects.target_order().match_result().map_or(&[][..], |m| m.trades()) {
                let key = self.keys[book][trade.maker_order_id().0 as usize];
                add_trade(trades, key, trade.price().0, trade.quantity().0);
            }
        }
        true
    }
}

struct OrderbookRs(Vec<orderbook_rs::OrderBook<()>>);

enum OrderbookRsCommand {
    Add { id: u64, price: u128, quantity: u64, side: orderbook_rs::Side },
    Cancel { id: u64 },
}

impl Peer for OrderbookRs {
    type Command = (usize, OrderbookRsCommand);

    fn new(symbols: usize) -> Self {
        OrderbookRs((0..symbols).map(|_| orderbook_rs::OrderBook::new("")).collect())
    }

    fn translate(&mut self, event: &Event, commands: &mut Vec<Self::Command>) {
        use orderbook_rs::Side;
        let side = if event.side.is_buy() { Side::Buy } else { Side::Sell };
        let mut push = |command| commands.push((book_of(event), command));
        let cancel = OrderbookRsCommand::Cancel { id: key(event.session, event.id) };
        let add = |id| OrderbookRsCommand::Add {
            id: key(event.session, id),
            price: event.price.0 as u128,
            quantity: event.quantity.into(),
            side,
        };
        match event.kind {
            EventKind::Passive | EventKind::Crossing => push(add(event.id)),
            EventKind::Cancel => push(cancel),
            EventKind::Replace => {
                push(cancel);
                push(add(event.new_id));
            }
        }
    }

    fn apply(&mut self, (book, command): Self::Command, trades: &mut Trades) -> bool {
        use orderbook_rs::{Id, TimeInForce};
        let book = &self.0[book];
        match command {
            OrderbookRsCommand::Cancel { id } => {
                matches!(book.cancel_order(Id::Sequential(id)), Ok(Some(_)))
            }
            OrderbookRsCommand::Add { id, price, quantity, side } => {
                let id = Id::Sequential(id);
                let tif = TimeInForce::Gtc;
                let added = book.add_limit_order_with_result(id, price, quantity, side, tif, None);
                let Ok((_, traded)) = added else { return false };
                let traded = traded.iter().flat_map(|t| t.match_result.trades().as_vec());
                for trade in traded {
                    let Id::Sequential(maker) = trade.maker_order_id() else {
                        panic!("orderbook-rs names an order otherwise")
                    };
                    let price = trade.price().as_u128() as u64;
                    add_trade(trades, maker, price, trade.quantity().as_u64());
                }
                true
            }
        }
    }
}
