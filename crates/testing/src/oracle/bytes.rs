//! Commands from bytes, for a fuzzer: each command has eight bytes of its own, and any bytes are a
//! stream, so that cut, doubled and mixed streams are streams, too.
//!
//! ```text
//! 0     1                 2      3      4         5                6                    7
//! kind  time and symbol,  order  price  quantity  side, type, tif  session, mode, owner term
//! ```

use ringside_model::command::{
    Action, Cancel, ChangeSymbol, Command, DefineSymbol, Display, Enter, EnterIceberg,
    EnterSpecial, EnterStop, ImportOrder, MassCancel, Modify, MoveSymbol, NamedSpecialTerms,
    NamedTerms, PlanState, Reduce, Replace, ReplaceTerms, RunTimers, Sequenced, SetBands, SetQuote,
    SetReference, SetShortSale, SetState, SetStopWaves, SpecialTerms, TradingDay,
};
use ringside_model::domain::{
    AtBand, AtShortTest, DayEvent, FirmId, MoveStep, Name, Nanos, OrderId, OrderType, PartitionId,
    Peg, PostOnly, Price, Quantity, SelfTrade, SeqNo, SessionId, Side, SymbolId, SymbolState, Tick,
    TimeInForce,
};
use ringside_model::reason::Reason;

/// Number of bytes of a command.
pub const COMMAND_BYTES: usize = 8;
/// Largest number of commands of a stream: the naive venue looks at every order.
pub const COMMANDS_MAX: usize = 256;

const SYMBOLS: [SymbolId; 2] = [SymbolId(1), SymbolId(2)];
const SECOND: u64 = 1_000_000_000;
/// Times between two commands.
const STEPS: [u64; 16] = [
    0,
    0,
    0,
    0,
    1,
    1,
    1,
    10,
    100,
    1_000,
    SECOND,
    14 * SECOND,
    15 * SECOND,
    16 * SECOND,
    60 * SECOND,
    300 * SECOND,
];
/// Prices and quantities of which streams have one in a while; most are small.
const RARE_PRICES: [i64; 8] = [0, -1, i64::MIN, i64::MAX, i64::MAX - 1, i64::MAX / 2, 1_000, 50];
const RARE_QUANTITIES: [u64; 8] = [0, u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32, 1_000, 100, 50];

/// Returns the stream of these bytes: two symbols, then a command for each eight bytes.
pub fn stream(bytes: &[u8]) -> Vec<Sequenced> {
    let mut reader = Reader::default();
    let definitions = SYMBOLS.map(|symbol| reader.sequenced(SessionId(1), symbol, define(symbol)));
    let (lines, _) = bytes.as_chunks();
    let lines = lines.iter().take(COMMANDS_MAX);
    definitions.into_iter().chain(lines.map(|line| reader.command(line))).collect()
}

fn define(symbol: SymbolId) -> Action {
    let is_second = symbol == SYMBOLS[1];
    Action::from(DefineSymbol {
        name: Name::new("N").expect("a name"),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: if is_second { 2_000 } else { 0 },
        reference: Price(if is_second { 10 } else { 0 }),
    })
}

/// Place in a stream, with the orders that entered before.
#[derive(Default)]
struct Reader {
    seqno: u64,
    time: u64,
    entered: Vec<(SessionId, OrderId, SymbolId)>,
}

type Line = [u8; COMMAND_BYTES];

impl Reader {
    fn command(&mut self, line: &Line) -> Sequenced {
        let [kind, place, ..] = *line;
        self.time = self.time.saturating_add(pick(place >> 4, &STEPS));
        let symbol = SYMBOLS[usize::from(place & 1)];
        match kind % 32 {
            0..16 => self.enter(line, symbol),
            16..22 => self.about_an_order(line),
            _ => {
                let action = self.of_operator(line, symbol);
                let wide = matches!(action, Action::MassCancel(_)) && place & 2 > 0;
                let symbol = if wide { SymbolId::NONE } else { symbol };
                self.sequenced(session(line), symbol, action)
            }
        }
    }

    fn sequenced(&mut self, session: SessionId, symbol: SymbolId, action: Action) -> Sequenced {
        self.seqno += 1;
        let command = Command { session, symbol, verdict: Reason::None, action };
        Sequenced { seqno: SeqNo(self.seqno), time: Nanos(self.time), command }
    }

    fn enter(&mut self, line: &Line, symbol: SymbolId) -> Sequenced {
        let order = self.order(line);
        let [kind, _, place, _, quantity, _, _, term] = *line;
        let other_price = price(term);
        let action = match kind % 16 {
            0..6 => Action::Enter(order),
            6..8 => Action::EnterStop(EnterStop { order, stop: other_price }),
            8..11 => {
                let [next, least] = [term & 7, term >> 3 & 7].map(|size| u64::from(size) + 1);
                let most = least + u64::from(term >> 6);
                let most = if term >> 6 == 0 { next } else { most };
                let least = if term >> 6 == 0 { next } else { least };
                let display = Display { next, least, most, seed: u64::from(place) };
                Action::EnterIceberg(EnterIceberg { order, display })
            }
            _ => {
                let terms = self.terms(kind, quantity, term);
                Action::EnterSpecial(EnterSpecial { order, terms })
            }
        };
        let session = session(line);
        self.entered.push((session, order.id, symbol));
        self.sequenced(session, symbol, action)
    }

    fn order(&self, line: &Line) -> Enter {
        let [_, _, place, limit, quantity_code, attributes, owner, _] = *line;
        let id = if place == 255 { self.referred(place).1 } else { OrderId(self.seqno + 1) };
        let is_attributed = attributes & 128 > 0;
        Enter {
            firm: FirmId(u16::from(owner >> 2 & 3)),
            group: u16::from(owner >> 4 & 3) % 3,
            side: pick(attributes, &[Side::Buy, Side::Sell, Side::Short, Side::ShortExempt]),
            order_type: pick(
                attributes >> 2,
                &[OrderType::Limit, OrderType::Limit, OrderType::Market, OrderType::MarketToLimit],
            ),
            tif: pick(attributes >> 4, TimeInForce::ALL),
            post_only: if is_attributed { pick(place, PostOnly::ALL) } else { PostOnly::Off },
            self_trade: pick(owner >> 5, SelfTrade::ALL),
            attributed: is_attributed,
            ..Enter::limit(id, Side::Buy, quantity(quantity_code), price(limit))
        }
    }

    fn terms(&self, kind: u8, quantity_code: u8, term: u8) -> SpecialTerms {
        let is_peg = kind % 16 >= 14;
        let later = pick(term >> 2, &[0, 0, 1, 100, SECOND, 15 * SECOND, 60 * SECOND, u64::MAX]);
        let expires = kind % 16 == 13;
        let has_minimum = kind % 16 < 13 && term & 64 > 0;
        SpecialTerms {
            expire: Nanos(if expires { self.time.saturating_add(later) } else { 0 }),
            min_quantity: if has_minimum { quantity(quantity_code / 2 + 1) } else { Quantity(0) },
            peg_limit: if is_peg && term & 4 > 0 { price(term >> 3) } else { Price(0) },
            peg_offset: if is_peg { u32::from(term >> 3 & 3) } else { 0 },
            peg: match (is_peg, term & 3) {
                (false, _) => Peg::None,
                (true, 0) => Peg::Midpoint,
                (true, _) => Peg::Primary,
            },
            hidden: term & 1 == 0,
            at_band: pick(term >> 5, AtBand::ALL),
            at_short_test: pick(term >> 4, AtShortTest::ALL),
        }
    }

    /// Returns an order that has entered, the last one for 0.
    fn referred(&self, place: u8) -> (SessionId, OrderId, SymbolId) {
        let known = self.entered.len().min(32);
        let back = usize::from(place).checked_rem(known).unwrap_or(0);
        let order = self.entered.iter().nth_back(back).copied();
        order.unwrap_or((SessionId(1), OrderId(0), SYMBOLS[0]))
    }

    fn about_an_order(&mut self, line: &Line) -> Sequenced {
        let [kind, _, place, limit, quantity_code, attributes, ..] = *line;
        let (session, id, symbol) = self.referred(place);
        let quantity = quantity(quantity_code);
        let action = match kind % 32 {
            16 | 17 => Action::Cancel(Cancel { id }),
            18 => Action::Reduce(Reduce { id, quantity }),
            19 => {
                let side = (attributes & 4 > 0).then(|| pick(attributes, Side::ALL));
                let quantity = (attributes & 8 > 0).then_some(quantity);
                Action::Modify(Modify { id, side, quantity })
            }
            _ => {
                let new_id = OrderId(self.seqno + 1);
                self.entered.push((session, new_id, symbol));
                let replace = Replace { id, new_id, quantity, price: price(limit) };
                match named_terms(line, self.time) {
                    Some(terms) => Action::ReplaceTerms(ReplaceTerms { replace, terms }),
                    None => Action::Replace(replace),
                }
            }
        };
        self.sequenced(session, symbol, action)
    }

    fn of_operator(&mut self, line: &Line, symbol: SymbolId) -> Action {
        let [kind, _, place, limit, other_limit, attributes, owner, term] = *line;
        let (low, high) = (price(limit), price(other_limit));
        match kind % 32 {
            22 => Action::MassCancel(MassCancel {
                session: (attributes & 1 > 0).then(|| session(line)),
                firm: (attributes & 2 > 0).then_some(FirmId(u16::from(owner >> 2 & 3))),
                group: (attributes & 4 > 0).then_some(u16::from(owner >> 4 & 3) % 3),
                buy: (attributes & 8 > 0).then_some(attributes & 16 > 0),
                ..MassCancel::default()
            }),
            23 => {
                let event = if attributes & 1 > 0 { DayEvent::Start } else { DayEvent::End };
                Action::from(TradingDay { event })
            }
            24 | 25 => {
                let state = pick(attributes, SymbolState::ALL);
                Action::from(SetState { state, collar_off: attributes & 128 > 0 })
            }
            26 => Action::from(PlanState {
                due: Nanos(self.time.saturating_add(pick(term, &STEPS))),
                random_ns: pick(term >> 4, &[0, 0, 1, SECOND]),
                seed: u64::from(owner),
                state: pick(attributes, SymbolState::ALL),
            }),
            27 => match attributes % 4 {
                0 => Action::from(RunTimers),
                1 => Action::from(SetReference { prior_close: low, last: high }),
                2 => Action::from(change(line)),
                _ => Action::from(SetStopWaves { waves_max: u32::from(term % 4) }),
            },
            28 => Action::from(SetBands {
                low,
                high,
                bps: pick(attributes, &[0, 500, 1_000, 2_000, 5_000, 10_000]),
                reference: price(term),
            }),
            29 => Action::from(SetQuote { bid: low, offer: high }),
            30 => {
                let (restricted, automatic) = (attributes & 1 > 0, attributes & 2 > 0);
                Action::from(SetShortSale { restricted, automatic })
            }
            _ if attributes & 7 == 7 => {
                let (order, id_there) = (self.order(line), OrderId(u64::from(place)));
                self.entered.push((session(line), order.id, symbol));
                Action::from(ImportOrder { order, id_there })
            }
            _ => Action::from(MoveSymbol {
                step: pick(attributes, MoveStep::ALL),
                partition: PartitionId(u16::from(owner & 1)),
                version: u32::from(owner >> 1 & 1),
                orders: u64::from(place & 7),
                quantity: quantity(term),
            }),
        }
    }
}

/// Returns other settings of a symbol, each of them in half of all codes.
fn change(line: &Line) -> ChangeSymbol {
    let [_, _, place, limit, quantity, attributes, owner, term] = *line;
    let is_given = |bit: u8| attributes >> bit & 1 > 0;
    let tick = Tick { mantissa: pick(limit, &[1, 5, 25, 0]), scale: quantity % 14 };
    let lot = Quantity(pick(place, &[1, 1, 5, 100, 0]));
    let collar_bps = pick(limit >> 2, &[0, 50, 500, 2_000, 10_000, u32::MAX]);
    let auction = pick(term, &[0, 1, 500, 1_000, 1_000, 3_000, 10_000, 10_001]);
    ChangeSymbol {
        tick: is_given(2).then_some(tick),
        lot: is_given(3).then_some(lot),
        collar_bps: is_given(4).then_some(collar_bps),
        auction_collar_bps: is_given(5).then_some(auction),
        extension: is_given(6).then_some(Nanos(pick(owner, &STEPS))),
        extensions: is_given(7).then_some(u32::from(term >> 3 & 3)),
    }
}

/// Returns the terms that a replace names; mostly none.
fn named_terms(line: &Line, time: u64) -> Option<NamedTerms> {
    let [_, _, _, _, _, attributes, owner, term] = *line;
    let special = NamedSpecialTerms::default();
    let size = u64::from(term & 7) + 1;
    match attributes % 16 {
        11 => Some(NamedTerms::Stop(price(term))),
        12 => {
            let (most, seed) = (size + u64::from(term >> 6), u64::from(owner));
            Some(NamedTerms::Display(Display { next: size, least: size, most, seed }))
        }
        13 => {
            let min_quantity = Some(quantity(term));
            Some(NamedTerms::Special(NamedSpecialTerms { min_quantity, ..special }))
        }
        14 => {
            let expire = Nanos(time.saturating_add(pick(term, &STEPS)));
            Some(NamedTerms::Special(NamedSpecialTerms { expire, ..special }))
        }
        15 => {
            let (peg_offset, peg_limit) = (Some(u32::from(term & 3)), Some(price(term >> 2)));
            Some(NamedTerms::Special(NamedSpecialTerms { peg_offset, peg_limit, ..special }))
        }
        _ => None,
    }
}

fn session(line: &Line) -> SessionId {
    SessionId(1 + u32::from(line[6] & 3))
}

fn pick<T: Copy>(code: u8, list: &[T]) -> T {
    list[usize::from(code) % list.len()]
}

fn price(code: u8) -> Price {
    let rare = code.checked_sub(248).map(|code| pick(code, &RARE_PRICES));
    Price(rare.unwrap_or(1 + i64::from(code % 31)))
}

fn quantity(code: u8) -> Quantity {
    let rare = code.checked_sub(248).map(|code| pick(code, &RARE_QUANTITIES));
    Quantity(rare.unwrap_or(1 + u64::from(code % 31)))
}
