//! Market data compared with the books: a listener that knows only ITCH has the venue's books,
//! order by order, after random flow of every kind.

use ringside_core::streams::StreamId;
use ringside_load::rng::Rng;
use ringside_model::command::{
    Action, Cancel, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, MassCancel, Modify,
    Reduce, Replace, RunTimers, SetBands, SetShortSale, SetState, SpecialTerms, TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, Nanos, OrderId, OrderType, PostOnly, Price, Quantity, SelfTrade, SessionId,
    Side, SymbolId, SymbolState, TimeInForce,
};
use ringside_testing::run::base_seed;
use ringside_testing::wire::{COMMAND_NS, Streams, enter};
use ringside_wire::feed::book::Book;
use ringside_wire::itch::Itch;

const SESSIONS: u32 = 4;
const SYMBOLS: u32 = 3;

/// Price of a tick of 0.01, in 1/10000.
const TICK: i64 = 100;

struct Flow {
    rng: Rng,
    /// Session, id and symbol of every order that was ever entered.
    orders: Vec<(u32, u64, u32)>,
    next_id: u64,
}

impl Flow {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.below(of.len() as u64) as usize]
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn price(&mut self) -> Price {
        Price(990 + self.rng.below(21) as i64)
    }

    fn enter(&mut self, venue: &mut Streams) {
        let (session, symbol) = (1 + self.rng.below(4) as u32, 1 + self.rng.below(3) as u32);
        let id = self.id();
        let order_type = match self.rng.below(20) {
            0 => OrderType::Market,
            1 => OrderType::MarketToLimit,
            _ => OrderType::Limit,
        };
        let rests = order_type == OrderType::Limit;
        let order = Enter {
            order_type,
            price: if rests { self.price() } else { Price(0) },
            tif: match self.rng.below(12) {
                0 => TimeInForce::Ioc,
                1 if rests => TimeInForce::Fok,
                2 => TimeInForce::Gtc,
                3 if order_type != OrderType::MarketToLimit => {
                    self.pick(&[TimeInForce::AtOpen, TimeInForce::AtClose, TimeInForce::Auction])
                }
                _ => TimeInForce::Day,
            },
            self_trade: self.pick(SelfTrade::ALL),
            firm: FirmId(1 + (session % 2) as u16),
            attributed: self.rng.below(4) == 0,
            ..enter(id, Side::Buy, 1 + self.rng.below(500), 1)
        };
        let side = self.pick(Side::ALL);
        let plain = matches!(order.tif, TimeInForce::Day | TimeInForce::Gtc) && rests;
        let post_only = if plain { self.pick(PostOnly::ALL) } else { PostOnly::Off };
        let order = Enter { side, post_only, ..order };
        let action = match self.rng.below(20) {
            3..9 if plain => self.special(venue, order),
            0 if plain && post_only == PostOnly::Off => {
                Action::EnterStop(EnterStop { order, stop: self.price() })
            }
            1 | 2 if plain => {
                let [next, least] = [(); 2].map(|()| 1 + self.rng.below(order.quantity.0));
                let most = least + self.rng.below(50);
                let display = Display { next, least, most, seed: id };
                Action::EnterIceberg(EnterIceberg { order, display })
            }
            _ => Action::Enter(order),
        };
        venue.apply(session, symbol, action);
        self.orders.push((session, id, symbol));
    }

    /// Returns the order hidden, with an expiry, or both; some hidden orders have a minimum
    /// quantity.
    fn special(&mut self, venue: &Streams, order: Enter) -> Action {
        let mut terms = SpecialTerms { hidden: self.rng.below(3) > 0, ..SpecialTerms::NONE };
        if terms.hidden && self.rng.below(4) == 0 {
            terms.min_quantity = Quantity(1 + self.rng.below(order.quantity.0));
        }
        if order.tif == TimeInForce::Gtc {
            terms.expire = Nanos(venue.time() + 1 + self.rng.below(200) * COMMAND_NS);
        }
        let attributed = order.attributed && !terms.hidden;
        Action::EnterSpecial(EnterSpecial { order: Enter { attributed, ..order }, terms })
    }

    fn change(&mut self, venue: &mut Streams) {
        if self.orders.is_empty() {
            return;
        }
        // Mostly a recent order, which may still be live.
        let back = self.rng.below(self.orders.len().min(200) as u64) as usize;
        let (session, id, symbol) = self.orders[self.orders.len() - 1 - back];
        let id = OrderId(id);
        let quantity = Quantity(1 + self.rng.below(500));
        let action = match self.rng.below(10) {
            0..4 => Action::Cancel(Cancel { id }),
            4..6 => Action::Reduce(Reduce { id, quantity }),
            6 => {
                let side = Some(self.pick(Side::ALL));
                Action::Modify(Modify { id, side, quantity: Some(quantity) })
            }
            _ => {
                let new_id = self.id();
                self.orders.push((session, new_id, symbol));
                let (new_id, price) = (OrderId(new_id), self.price());
                Action::Replace(Replace { id, new_id, quantity, price })
            }
        };
        venue.apply(session, symbol, action);
    }

    /// Sets bands close to the prices or a short sale restriction, or lets time pass.
    fn protect(&mut self, venue: &mut Streams) {
        let action = match self.rng.below(6) {
            0 | 1 => {
                let (low, high) =
                    (985 + self.rng.below(10) as i64, 1_005 + self.rng.below(10) as i64);
                let (bps, reference) = (self.pick(&[0, 0, 40, 80]), self.price());
                Action::from(SetBands { low: Price(low), high: Price(high), bps, reference })
            }
            2 => Action::from(SetBands::default()),
            3 => {
                let restricted = self.rng.below(3) == 0;
                Action::from(SetShortSale { restricted, automatic: false })
            }
            _ => {
                venue.wait(self.pick(&[1, 20, 400]));
                Action::from(RunTimers)
            }
        };
        venue.apply(0, 1 + self.rng.below(SYMBOLS.into()) as u32, action);
    }

    fn step(&mut self, venue: &mut Streams) {
        match self.rng.below(1_000) {
            0 => {
                let session = Some(SessionId(1 + self.rng.below(SESSIONS.into()) as u32));
                let filter = MassCancel { session, ..MassCancel::default() };
                let symbol = self.rng.below(u64::from(SYMBOLS) + 1) as u32;
                venue.apply(1, symbol, Action::MassCancel(filter));
            }
            1..10 => {
                use SymbolState::{ClosingCall, Halted, Open, PreOpen, ReopeningCall};
                let state =
                    self.pick(&[Open, Open, Open, Halted, PreOpen, ClosingCall, ReopeningCall]);
                venue.apply(
                    0,
                    1 + self.rng.below(SYMBOLS.into()) as u32,
                    Action::from(SetState::to(state)),
                );
            }
            10..15 => {
                venue.apply(0, 1 + self.rng.below(SYMBOLS.into()) as u32, Action::from(RunTimers))
            }
            15..20 => self.protect(venue),
            20..550 => self.enter(venue),
            _ => self.change(venue),
        }
    }
}

/// Returns every order of a book as (number, shares, price), in priority order, one side after the
/// other.
fn listener(book: &Book, symbol: u32) -> Vec<(u64, u64, i64)> {
    use ringside_wire::feed::book::Side;
    let Some(symbol_book) = book.symbol_book(symbol as u16) else { return vec![] };
    let mut orders = vec![];
    for side in [Side::Buy, Side::Sell] {
        for level in symbol_book.levels(side) {
            let at_level = book.orders(symbol as u16, side, level.price);
            orders.extend(at_level.map(|o| (o.reference, o.shares.into(), i64::from(o.price))));
        }
    }
    orders
}

fn venue_itself(venue: &Streams, symbol: u32) -> Vec<(u64, u64, i64)> {
    let engine = venue.engine(SymbolId(symbol));
    let mut orders = vec![];
    for buy in [true, false] {
        for level in engine.depth(SymbolId(symbol), buy) {
            let at_level = engine.orders_at(SymbolId(symbol), buy, level.price);
            orders.extend(at_level.iter().map(|o| (o.number.0, o.shown.0, o.price.0 * TICK)));
        }
    }
    orders
}

#[test]
fn a_listener_has_the_books_of_the_venue() {
    for seed in base_seed()..base_seed() + 6 {
        let mut venue = Streams::new();
        venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::Start }));
        venue.firm(1, "ALFA");
        venue.firm(2, "BETA");
        for session in 1..=SESSIONS {
            venue.session(session, &format!("SESS{session}"), 1 + (session % 2) as u16);
        }
        for symbol in 1..=SYMBOLS {
            venue.symbol(symbol, &format!("SYM{symbol}"), "0.01");
        }
        let mut flow = Flow { rng: Rng::new(seed), orders: vec![], next_id: 0 };
        let mut book = Book::default();
        let (mut trades, mut unseen, mut heights) = (0, 0, 0);
        for step in 1..=6_000 {
            flow.step(&mut venue);
            for message in venue.take(StreamId::MARKET_DATA) {
                let applied = book.apply_bytes(&message);
                let applied = applied.unwrap_or_else(|e| panic!("seed {seed}, step {step}: {e}"));
                trades += u64::from(applied.is_some());
                unseen += u64::from(matches!(Itch::parse(&message), Ok(Itch::Trade(_))));
            }
            if step % 50 == 0 {
                for symbol in 1..=SYMBOLS {
                    let (listens, is) = (listener(&book, symbol), venue_itself(&venue, symbol));
                    assert_eq!(listens, is, "seed {seed}, step {step}, symbol {symbol}");
                    heights += is.len();
                }
            }
        }
        assert!(trades > 500 && heights > 1_000, "seed {seed}: {trades} trades, {heights} orders");
        assert!(unseen > 20, "seed {seed}: {unseen} trades with hidden orders");
        venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::End }));
        for message in venue.take(StreamId::MARKET_DATA) {
            book.apply_bytes(&message).unwrap();
        }
        for symbol in 1..=SYMBOLS {
            assert_eq!(listener(&book, symbol), venue_itself(&venue, symbol), "after the day");
        }
    }
}
