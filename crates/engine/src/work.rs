//! Work of a symbol that is more than one command may do.
//!
//! A command makes a limited number of trades and gives a limited number of places, because its
//! seqno has room for no more numbers. An incoming order that needs more ends. An auction, bands, a
//! quote and stops may set more in motion: their work stops between two of its items. The symbol
//! owes the rest, and its next command, whatever it asks for, first goes on.

use super::Engine;
use super::collar::Uncross;
use super::side_tables::Row;
use super::states::saturated;
use super::stops::Traded;
use ringside_model::command::Sequenced;
use ringside_model::domain::{Auction, MatchNumber, OrderNumber, Price, SymbolId, SymbolState};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Crossed, ReportSink, Subject, Unfinished};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Maximum number of trades of a command, and of the places that it gives behind its own.
pub const WORK_MAX: u32 = OrderNumber::PLACES_MAX;

const _: () = assert!(WORK_MAX == MatchNumber::TRADES_MAX);

/// Step of the work of a symbol. The steps behind it follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Trades of an auction at its price; a price of 0 is that of an auction without trades. A
    /// command before may have made some of them. A collar may have limited the price; or the
    /// auction, and any other that has to follow at once, trades without a collar.
    Cross { auction: Auction, price: i64, has_traded: bool, is_limited: bool, collar_off: bool },
    /// Orders beyond the bands. If the symbol opens, the steps below follow.
    Bands { opens: bool },
    /// Turns of the hidden orders with a minimum that are younger than this age.
    Minimums { after: u64 },
    /// Pegs that are not where state and quote want them.
    Pegs,
    /// Stops that wait in the queue.
    Stops,
}

/// Work that a symbol owes, as an image holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OwedImage {
    /// Number of the symbol.
    pub symbol: u64,
    /// Step: 1 auction, 2 bands, 3 bands of a symbol that opens, 4 minimums, 5 pegs, 6 stops.
    pub step: u64,
    /// Auction: its code, plus 256 if it has traded, plus 512 if a collar limits its price, plus
    /// 1024 if it trades without a collar. Minimums: age of the last order that had its turn. Else
    /// 0.
    pub at: u64,
    /// Price of the auction; else 0.
    pub price: i64,
}

impl OwedImage {
    pub(super) fn of(symbol: SymbolId, step: Step) -> Self {
        let (step, at, price) = match step {
            Step::Cross { auction, price, has_traded, is_limited, collar_off } => {
                let flags = [has_traded, is_limited, collar_off].map(u64::from);
                (1, auction as u64 | flags[0] << 8 | flags[1] << 9 | flags[2] << 10, price)
            }
            Step::Bands { opens } => (2 + u64::from(opens), 0, 0),
            Step::Minimums { after } => (4, after, 0),
            Step::Pegs => (5, 0, 0),
            Step::Stops => (6, 0, 0),
        };
        OwedImage { symbol: symbol.0.into(), step, at, price }
    }

    /// Returns the step; `None` if no step has these numbers.
    pub(super) fn read(&self) -> Option<Step> {
        let step = match self.step {
            1 => Step::Cross {
                auction: Auction::from_code(self.at as u8)?,
                price: self.price,
                has_traded: self.at >> 8 & 1 == 1,
                is_limited: self.at >> 9 & 1 == 1,
                collar_off: self.at >> 10 & 1 == 1,
            },
            2 | 3 => Step::Bands { opens: self.step == 3 },
            4 => Step::Minimums { after: self.at },
            5 => Step::Pegs,
            6 => Step::Stops,
            _ => return None,
        };
        let symbol = SymbolId(u32::try_from(self.symbol).ok()?);
        (OwedImage::of(symbol, step) == *self).then_some(step)
    }
}

impl Row for Step {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        let OwedImage { symbol, step, at, price } = OwedImage::of(symbol, *self);
        hash::of_fields([11 << 32 | symbol, step, at, price as u64, 0, u64::MAX])
    }
}

impl Engine {
    /// Sets the maximum number of trades of a command, and of the places that it gives, in place of
    /// [`WORK_MAX`], which is the greatest one; 2 is the smallest: a trade of two icebergs gives
    /// two places. For tests: a venue and its replay need the same one.
    pub fn set_work_max(&mut self, work_max: u32) {
        self.work_max = work_max.clamp(2, WORK_MAX);
    }

    /// Returns true if the command may still make a trade and give a place.
    pub(super) fn has_work(&self, traded: &Traded) -> bool {
        traded.count < self.work_max && traded.placed < self.work_max
    }

    /// Checks that an order may enter: its symbol owes nothing, and the command that brings the
    /// order may still do something. Meant for commands that have caught up.
    pub(super) fn check_busy(&self, book: usize) -> Result<(), Reason> {
        if self.is_busy(book) { Err(Reason::Busy) } else { Ok(()) }
    }

    /// Returns true if a symbol owes work, or if the command may do nothing more.
    pub(super) fn is_busy(&self, book: usize) -> bool {
        self.books[book].owes() || !self.has_work(&self.done)
    }

    /// Does the work of a symbol from a step on, as far as one command may.
    pub(super) fn work(
        &mut self,
        at: &Sequenced,
        book: usize,
        mut step: Step,
        sink: &mut impl ReportSink,
    ) {
        let mut traded = self.done;
        loop {
            let is_finished = match &mut step {
                Step::Cross { auction, price, has_traded, .. } => {
                    self.cross_at(at, book, (*auction, *price, has_traded), &mut traded, sink)
                }
                Step::Bands { .. } => self.reprice_beyond(at, book, &mut traded, sink),
                Step::Minimums { after } => self.enter_minimums(at, book, after, &mut traded, sink),
                Step::Pegs => self.follow_quote(at, book, &mut traded, sink),
                Step::Stops => return self.elect(at, book, traded, sink),
            };
            if !is_finished {
                return self.owe(book, step, traded, sink);
            }
            step = match step {
                Step::Cross { auction, is_limited, collar_off, .. } => {
                    self.end_cross(book, (auction, is_limited, collar_off), &traded, sink)
                }
                Step::Bands { opens: true } => Step::Minimums { after: 0 },
                Step::Minimums { .. } => Step::Pegs,
                // Bands that were set while the day was over: the pegs have been parked since.
                Step::Bands { opens: false } if self.misses_pegs(book) => Step::Pegs,
                Step::Bands { opens: false } | Step::Pegs | Step::Stops => Step::Stops,
            };
        }
    }

    /// Tells the price and the quantity of an auction; returns its step.
    pub(super) fn begin_cross(
        &mut self,
        book: usize,
        &Uncross { auction, clearing, is_limited, collar_off }: &Uncross,
        sink: &mut impl ReportSink,
    ) -> Step {
        let price = clearing.price;
        sink.report(Crossed { auction }.about(Subject {
            price: Price(price),
            quantity: saturated(clearing.matched),
            ..self.books[book].symbol().into()
        }));
        Step::Cross { auction, price, has_traded: false, is_limited, collar_off }
    }

    /// Ends an auction, or begins another one if orders are left that cross; returns the next step.
    fn end_cross(
        &mut self,
        book: usize,
        (auction, is_limited, collar_off): (Auction, bool, bool),
        traded: &Traded,
        sink: &mut impl ReportSink,
    ) -> Step {
        if !is_limited && let Some(uncross) = self.uncross_left(book, auction, collar_off) {
            return self.begin_cross(book, &uncross, sink);
        }
        let state = self.books[book].state();
        self.cancel_leftovers(book, Some(auction), state, sink);
        if is_limited {
            self.halt_if_crossed(book, sink);
        }
        self.step_after_auction(book, traded, sink)
    }

    /// Returns the step that follows an auction, or a change of state without one.
    pub(super) fn step_after_auction(
        &mut self,
        book: usize,
        traded: &Traded,
        sink: &mut impl ReportSink,
    ) -> Step {
        if self.books[book].state() != SymbolState::Open {
            return Step::Pegs;
        }
        if self.books[book].is_guarded() {
            self.move_reference(book, traded, sink);
        }
        Step::Bands { opens: true }
    }

    /// Keeps the work that is left for the next command. The stops that the trades so far have
    /// reached wait.
    pub(super) fn owe(
        &mut self,
        book: usize,
        step: Step,
        traded: Traded,
        sink: &mut impl ReportSink,
    ) {
        let symbol = self.books[book].symbol();
        self.reach(symbol, traded.span, sink);
        self.done = traded.so_far();
        self.note_owed(book, Some(step));
        sink.report(Unfinished {}.about(symbol));
    }

    /// Records the work that a symbol owes; returns what the symbol has owed so far.
    pub(super) fn note_owed(&mut self, book: usize, step: Option<Step>) -> Option<Step> {
        let symbol = self.books[book].symbol();
        let before = self.tables.owed.remove(symbol);
        if let Some(step) = step {
            self.tables.owed.insert(symbol, step);
        }
        self.books[book].set_owes(step.is_some());
        self.watch(symbol);
        before
    }

    /// Notes that parked pegs of an open symbol come back, and reached stops enter, when its next
    /// command begins.
    pub(super) fn owe_returns(&mut self, book: usize) {
        if self.books[book].owes() {
            return;
        }
        if self.misses_pegs(book) {
            self.note_owed(book, Some(Step::Pegs));
        } else if self.books[book].is_open() && self.has_queue(self.books[book].symbol()) {
            self.note_owed(book, Some(Step::Stops));
        }
    }

    /// Returns true if a symbol has an auction that is not over.
    pub(super) fn is_crossing(&self, book: usize) -> bool {
        let owed = self.tables.owed.get(self.books[book].symbol());
        matches!(owed, Some(Step::Cross { .. }))
    }

    /// Returns true if a symbol in its state can owe a step, as an image says.
    pub(super) fn can_owe(&self, book: usize, step: Step) -> bool {
        let book = &self.books[book];
        match step {
            Step::Cross { auction, price, .. } => {
                let closes = book.state() == SymbolState::Closed && !book.is_day_over();
                price >= 1 && (book.is_open() || auction == Auction::Closing && closes)
            }
            Step::Bands { opens: false } => true,
            Step::Bands { .. } | Step::Minimums { .. } | Step::Pegs | Step::Stops => book.is_open(),
        }
    }

    /// Goes on with the work that a symbol owes.
    pub(super) fn go_on(&mut self, at: &Sequenced, book: usize, sink: &mut impl ReportSink) {
        if self.books[book].owes()
            && let Some(step) = self.note_owed(book, None)
        {
            self.work(at, book, step, sink);
        }
    }
}
