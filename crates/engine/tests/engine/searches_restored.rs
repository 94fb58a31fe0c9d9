//! Searches for the orders of a session in an engine that goes on, against those of one that is
//! restored before each search. A running engine finds the orders of a session that was searched by
//! their places; a restored one walks the ids of the session.

use ringside_engine::Engine;
use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, MassCancel, Sequenced,
};
use ringside_model::domain::*;
use ringside_model::reason::Reason;
use ringside_model::report::Report;
use ringside_testing::oracle::commands::Random;

/// Symbols of a stream.
const SYMBOLS: u64 = 3;
/// Sessions of a stream; the last one has a number for which no ids are kept.
const SESSIONS: [u32; 3] = [1, 2, 70_000];

struct Stream {
    random: Random,
    engine: Engine,
    seqno: u64,
    /// Next id of each session.
    next: [u64; 3],
    searches: u64,
    found: u64,
}

impl Stream {
    fn new(seed: u64) -> Self {
        let random = Random(seed);
        let mut stream = Stream {
            random,
            engine: Engine::new(0),
            seqno: 0,
            next: [1; 3],
            searches: 0,
            found: 0,
        };
        for symbol in 1..=SYMBOLS {
            let name = Name::new(["A", "B", "C"][symbol as usize - 1]).unwrap();
            let define = DefineSymbol::new(name, Tick::parse("1").unwrap());
            stream.apply(0, symbol as u32, Action::from(define));
        }
        stream
    }

    fn apply(&mut self, session: u32, symbol: u32, action: Action) -> Vec<Report> {
        self.seqno += 1;
        apply(&mut self.engine, self.seqno, (session, symbol), action)
    }

    /// Applies a command to the engine and to a restored one, which must say the same.
    fn search(&mut self, session: u32, symbol: u32, action: Action) {
        let mut restored = Engine::restore(0, &self.engine.image()).expect("a valid image");
        let expected = apply(&mut restored, self.seqno + 1, (session, symbol), action);
        let reports = self.apply(session, symbol, action);
        assert_eq!(reports, expected, "seqno {}: {action:?}", self.seqno);
        assert_eq!(self.engine.state_hash(), restored.state_hash());
        self.searches += 1;
        self.found += u64::from(reports.len() > 1);
    }

    fn order(&mut self, at: usize) -> Enter {
        let random = &mut self.random;
        // Most ids are counted up; some are left out, and some are below earlier ones.
        let id = match random.below(20) {
            0 => 1 + random.below(self.next[at]),
            1 => self.next[at] + random.below(200),
            _ => self.next[at],
        };
        self.next[at] = self.next[at].max(id + 1);
        let (buy, away) = (random.in_1000(500), random.below(30) as i64);
        let (side, price) = if buy { (Side::Buy, 100 - away) } else { (Side::Sell, 101 + away) };
        let quantity = Quantity(1 + random.below(5));
        let firm = FirmId(random.below(2) as u16 * 7);
        Enter { firm, ..Enter::limit(OrderId(id), side, quantity, Price(price)) }
    }

    fn step(&mut self, at: usize, falls: bool) {
        let session = SESSIONS[at];
        let symbol = 1 + self.random.below(SYMBOLS) as u32;
        match self.random.below(100) {
            0 => {
                let session = Some(SessionId(session)).filter(|_| self.random.in_1000(800));
                let firm = Some(FirmId(7)).filter(|_| self.random.in_1000(300));
                let buy = Some(self.random.in_1000(500)).filter(|_| self.random.in_1000(500));
                let filter = MassCancel { id: OrderId(0), session, firm, group: None, buy };
                let symbol = if self.random.in_1000(800) { symbol } else { 0 };
                self.search(SESSIONS[at], symbol, Action::MassCancel(filter));
            }
            1 if falls => {
                let session = Some(SessionId(session));
                let all =
                    MassCancel { id: OrderId(0), session, firm: None, group: None, buy: None };
                self.search(SESSIONS[at], 0, Action::MassCancel(all));
            }
            2..4 => {
                let order = self.order(at);
                let price = if order.side == Side::Buy { 110 } else { 90 };
                let (tif, self_trade) = (TimeInForce::Fok, SelfTrade::CancelOldest);
                let quantity = Quantity(40);
                let order = Enter { tif, self_trade, quantity, price: Price(price), ..order };
                self.search(session, symbol, Action::Enter(order));
            }
            _ if falls && self.random.in_1000(700) => {
                let id = OrderId(1 + self.random.below(self.next[at]));
                self.apply(session, symbol, Action::Cancel(Cancel { id }));
            }
            _ => {
                let order = self.order(at);
                self.apply(session, symbol, Action::Enter(order));
            }
        }
    }
}

fn apply(
    engine: &mut Engine,
    seqno: u64,
    (session, symbol): (u32, u32),
    action: Action,
) -> Vec<Report> {
    let (session, symbol) = (SessionId(session), SymbolId(symbol));
    let command = Command { session, symbol, verdict: Reason::None, action };
    let mut reports = vec![];
    let sequenced = Sequenced { seqno: SeqNo(seqno), time: Nanos(seqno), command };
    engine.apply_batch(&[sequenced], &mut reports);
    reports
}

#[test]
fn a_search_finds_the_same_orders_before_and_after_a_restart() {
    let (mut searches, mut found) = (0, 0);
    for seed in 1..=8 {
        let mut stream = Stream::new(seed);
        for step in 0..8_000 {
            let at = stream.random.below(SESSIONS.len() as u64) as usize;
            stream.step(at, step / 2_000 % 2 == 1);
        }
        searches += stream.searches;
        found += stream.found;
    }
    assert!(found > 500, "{found} of {searches} searches found orders");
}
