//! Matching rules as tables: commands in, exact reports out, and the remaining book. Every row
//! holds for the naive venue and for the engine.
//!
//! [`text::report`] writes the reports. Order numbers start at `#11`: the first command of a row
//! has number 11, the next command 12. The setup before a row defines symbol 1: lot 1, no collar,
//! no reference price.

mod amend_and_cancel;
mod auction_collar;
mod auctions;
mod bands;
mod bounds;
mod icebergs;
mod modify;
mod moves;
mod pegs;
mod planned_states;
mod priority;
mod reference_data;
mod replace_terms;
mod requests;
mod self_trade;
mod session_states;
mod short_sale;
mod special;
mod stops;
mod trading_day;
mod trial;
mod types_and_times;

use ringside_model::command::{
    Action, BreakTrade, Cancel, Command, CorrectTrade, DefineSymbol, Display, Enter, EnterIceberg,
    EnterStop, MassCancel, Modify, NamedTerms, Reduce, Replace, ReplaceTerms, RiskLimits,
    RunTimers, Sequenced, SetBands, SetQuote, SetRisk, SetShortSale, SetState, TradeSide,
};
use ringside_model::domain::{
    Capacity, DayEvent, FirmId, MatchNumber, Name, Nanos, OrderId, OrderType, PostOnly, Price,
    Quantity, RiskScope, Role, SelfTrade, SeqNo, SessionId, Side, SymbolId, SymbolState, Tick,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::Report;
use ringside_testing::oracle::naive::Naive;
use ringside_testing::oracle::text;
use ringside_testing::oracle::venue::{TestedVenue, difference, whole_engine};

const MAX: u64 = u64::MAX;
const TOP: i64 = i64::MAX;

/// One command of a row, of session 1 and for symbol 1 by default. The option is its official time
/// if that is not its number; the last field is the number of seconds that pass before it.
#[derive(Clone, Copy)]
struct Do(Command, Option<Nanos>, u64);

/// Runs a row on both venues. `book` lists the resting orders as `id:open@price`, in priority
/// order, bids before the bar and offers behind it.
fn check(row: &[(Do, &[&str])], book: &str) {
    let mut naive = Naive::default();
    let mut engine = whole_engine();
    check_venue("naive venue", &mut naive, row, book);
    check_venue("engine", &mut engine, row, book);
    let ids: Vec<_> = (0..20).chain([MAX]).map(|id| (SessionId(1), OrderId(id))).collect();
    let found = difference(&naive, &engine, &[SymbolId(1), SymbolId(2)], &ids);
    assert_eq!(found, None, "the naive venue and the engine differ");
}

fn check_venue(name: &str, venue: &mut dyn TestedVenue, row: &[(Do, &[&str])], book: &str) {
    let numbered = |number: u64, seconds: u64, command: Do| Sequenced {
        seqno: SeqNo(number),
        time: command.1.unwrap_or(Nanos(number + seconds * 1_000_000_000)),
        command: command.0,
    };
    let mut seconds = 0;
    venue.apply(&[numbered(1, seconds, define(1, plain()))]);
    for (number, &(command, expected)) in (11..).zip(row) {
        seconds += command.2;
        let command = numbered(number, seconds, command);
        let said = venue.apply(&[command]);
        let lines: Vec<String> = said.iter().map(text::report).collect();
        assert_eq!(lines, expected, "\nthe {name} at {}", text::command(&command));
        let lasts = said.iter().filter(|r| r.is_last()).count();
        assert!(lasts == 1 && said.last().is_some_and(Report::is_last), "last report, {name}");
    }
    let side = |buy| {
        let levels = venue.depth(SymbolId(1), buy).into_iter();
        let orders = levels.flat_map(|level| venue.orders_at(SymbolId(1), buy, level.price));
        let orders: Vec<String> =
            orders.map(|o| format!("{}:{}@{}", o.id, o.open, o.price)).collect();
        orders.join(" ")
    };
    assert_eq!(format!("{} | {}", side(true), side(false)).trim(), book, "the book of the {name}");
}

fn act(action: Action) -> Do {
    let (session, symbol) = (SessionId(1), SymbolId(1));
    Do(Command { session, symbol, verdict: Reason::None, action }, None, 0)
}

fn buy(id: u64, quantity: u64, price: i64) -> Do {
    enter(id, Side::Buy, quantity, price)
}

fn sell(id: u64, quantity: u64, price: i64) -> Do {
    enter(id, Side::Sell, quantity, price)
}

fn enter(id: u64, side: Side, quantity: u64, price: i64) -> Do {
    act(Action::Enter(Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))))
}

fn reduce(id: u64, quantity: u64) -> Do {
    act(Action::Reduce(Reduce { id: OrderId(id), quantity: Quantity(quantity) }))
}

fn replace(id: u64, new_id: u64, quantity: u64, price: i64) -> Do {
    act(Action::Replace(Replace {
        id: OrderId(id),
        new_id: OrderId(new_id),
        quantity: Quantity(quantity),
        price: Price(price),
    }))
}

/// Replaces an order with total quantity and limit, and with these other terms.
fn replace_terms(id: u64, new_id: u64, (quantity, price): (u64, i64), terms: NamedTerms) -> Do {
    let Action::Replace(replace) = replace(id, new_id, quantity, price).0.action else {
        panic!("not a replace")
    };
    act(Action::ReplaceTerms(ReplaceTerms { replace, terms }))
}

fn modify(id: u64, side: Option<Side>, quantity: Option<u64>) -> Do {
    act(Action::Modify(Modify { id: OrderId(id), side, quantity: quantity.map(Quantity) }))
}

fn cancel(id: u64) -> Do {
    act(Action::Cancel(Cancel { id: OrderId(id) }))
}

fn mass_cancel(filter: MassCancel) -> Do {
    act(Action::MassCancel(filter))
}

fn state(state: SymbolState) -> Do {
    act(Action::from(SetState::to(state))).session(0)
}

/// Lets time pass until `seconds` after the command before.
fn tick_after(seconds: u64) -> Do {
    Do(act(Action::from(RunTimers)).session(0).0, None, seconds)
}

/// Sets static bands, and dynamic bands of `bps` basis points around `reference`.
fn bands(low: i64, high: i64, bps: u32, reference: i64) -> Do {
    let [low, high, reference] = [low, high, reference].map(Price);
    act(Action::from(SetBands { low, high, bps, reference })).session(0)
}

fn quote(bid: i64, offer: i64) -> Do {
    act(Action::from(SetQuote { bid: Price(bid), offer: Price(offer) })).session(0)
}

fn short_sale(restricted: bool, automatic: bool) -> Do {
    act(Action::from(SetShortSale { restricted, automatic })).session(0)
}

fn stop_order(order: Do, stop: i64) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    act(Action::EnterStop(EnterStop { order, stop: Price(stop) }))
}

/// Returns the order as an iceberg with slices of this size.
fn iceberg_of(order: Do, size: u64) -> Do {
    let Action::Enter(order) = order.0.action else { panic!("not an enter") };
    let display = Display { next: size, least: size, most: size, seed: 1 };
    act(Action::EnterIceberg(EnterIceberg { order, display }))
}

fn define(symbol: u32, definition: DefineSymbol) -> Do {
    act(Action::from(definition)).symbol(symbol)
}

fn plain() -> DefineSymbol {
    DefineSymbol {
        name: Name::new("PLAIN").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    }
}

impl Do {
    fn at(mut self, time: u64) -> Do {
        self.1 = Some(Nanos(time));
        self
    }

    fn session(mut self, session: u32) -> Do {
        self.0.session = SessionId(session);
        self
    }

    fn symbol(mut self, symbol: u32) -> Do {
        self.0.symbol = SymbolId(symbol);
        self
    }

    fn verdict(mut self, verdict: Reason) -> Do {
        self.0.verdict = verdict;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Enter)) -> Do {
        let Action::Enter(enter) = &mut self.0.action else { panic!("not an enter") };
        change(enter);
        self
    }

    fn market(self) -> Do {
        self.with(|e| e.order_type = OrderType::Market)
    }

    fn market_to_limit(self) -> Do {
        self.with(|e| e.order_type = OrderType::MarketToLimit)
    }

    fn ioc(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Ioc)
    }

    fn gtc(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Gtc)
    }

    fn tif(self, tif: TimeInForce) -> Do {
        self.with(|e| e.tif = tif)
    }

    fn fok(self) -> Do {
        self.with(|e| e.tif = TimeInForce::Fok)
    }

    fn post_only(self) -> Do {
        self.with(|e| e.post_only = PostOnly::Reject)
    }

    fn slide(self) -> Do {
        self.with(|e| e.post_only = PostOnly::Slide)
    }

    fn firm(self, firm: u16) -> Do {
        self.with(|e| e.firm = FirmId(firm))
    }

    fn group(self, group: u16) -> Do {
        self.with(|e| e.group = group)
    }

    fn mode(self, mode: SelfTrade) -> Do {
        self.with(|e| e.self_trade = mode)
    }
}
