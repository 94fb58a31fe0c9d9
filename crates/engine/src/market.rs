//! Side table of guarded symbols: price bands, reference quote, short sale restriction, and their
//! timers. Few symbols have an entry. Orders of a guarded symbol never take the fast path.

use super::Engine;
use super::bands::{Bands, LimitState};
use super::orders::Order;
use super::short_sale::ShortSale;
use super::side_tables::Row;
use super::work::Step;
use ringside_model::command::{
    Action, Command, OperatorCommand, Sequenced, SetQuote, SetShortSale, SpecialTerms,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Nanos, OrderId, PostOnly, Price, SessionId, Side, SymbolId, TimeInForce,
};
use ringside_model::hash;
use ringside_model::reason::Reason;
use ringside_model::report::{Quoted, ReportSink};

/// Entry of one symbol in the side table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Market {
    pub bands: Bands,
    pub quote: Quote,
    pub short_sale: ShortSale,
    /// Set while a quote stands at a dynamic band.
    pub limit_state: Option<LimitState>,
    /// Official time at which the pause after a limit state ends.
    pub reopening: Option<Nanos>,
}

/// Best prices of the whole market; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quote {
    pub bid: i64,
    pub offer: i64,
}

/// Terms of an order that decide the limit with which it enters.
#[derive(Clone, Copy)]
pub(super) struct LimitTerms {
    pub side: Side,
    pub tif: TimeInForce,
    pub post_only: PostOnly,
    pub at_band: AtBand,
    pub at_short_test: AtShortTest,
}

impl LimitTerms {
    /// Returns the terms of an order without special terms.
    pub(crate) fn plain(side: Side, tif: TimeInForce, post_only: PostOnly) -> Self {
        LimitTerms::of(side, tif, post_only, &SpecialTerms::NONE)
    }

    /// Returns the terms of an order with special terms.
    pub(crate) fn of(
        side: Side,
        tif: TimeInForce,
        post_only: PostOnly,
        terms: &SpecialTerms,
    ) -> Self {
        let SpecialTerms { at_band, at_short_test, .. } = *terms;
        LimitTerms { side, tif, post_only, at_band, at_short_test }
    }

    /// Returns the terms of an order that rests or has just left.
    pub(crate) fn of_order(order: &Order, terms: Option<&SpecialTerms>) -> Self {
        let (side, tif) = (order.attributes.side(), order.attributes.tif());
        LimitTerms::of(
            side,
            tif,
            order.attributes.post_only(),
            terms.unwrap_or(&SpecialTerms::NONE),
        )
    }
}

impl Market {
    /// Returns the commands that recreate the entry, without its timers.
    fn actions(&self) -> impl Iterator<Item = Action> {
        let Quote { bid, offer } = self.quote;
        let ShortSale { restricted, automatic } = self.short_sale;
        let quote = Action::from(SetQuote { bid: Price(bid), offer: Price(offer) });
        let bands = (self.bands != Bands::default()).then(|| self.bands.action());
        let quote = (self.quote != Quote::default()).then_some(quote);
        let short_sale = Action::from(SetShortSale { restricted, automatic });
        let short_sale = (self.short_sale != ShortSale::default()).then_some(short_sale);
        bands.into_iter().chain(quote).chain(short_sale)
    }
}

impl Row for Market {
    type Key = SymbolId;

    fn hash(&self, symbol: SymbolId) -> u128 {
        const BANDS: u64 = 16 << 32;
        const QUOTE: u64 = 17 << 32;
        const SHORT_SALE: u64 = 18 << 32;
        const LIMIT_STATE: u64 = 19 << 32;
        const REOPENING: u64 = 20 << 32;
        let of = |what: u64, [a, b, c, d]: [u64; 4]| {
            hash::of_fields([what | u64::from(symbol.0), a, b, c, d, u64::MAX])
        };
        let Bands { low, high, bps, reference } = self.bands;
        let ShortSale { restricted, automatic } = self.short_sale;
        let mut sum = 0u128;
        if self.bands != Bands::default() {
            let fields = [low as u64, high as u64, bps.into(), reference as u64];
            sum = sum.wrapping_add(of(BANDS, fields));
        }
        if self.quote != Quote::default() {
            let fields = [self.quote.bid as u64, self.quote.offer as u64, 0, 0];
            sum = sum.wrapping_add(of(QUOTE, fields));
        }
        if self.short_sale != ShortSale::default() {
            let fields = [restricted.into(), automatic.into(), 0, 0];
            sum = sum.wrapping_add(of(SHORT_SALE, fields));
        }
        if let Some(LimitState { buy, price, due }) = self.limit_state {
            sum = sum.wrapping_add(of(LIMIT_STATE, [buy.into(), price as u64, due.0, 0]));
        }
        if let Some(due) = self.reopening {
            sum = sum.wrapping_add(of(REOPENING, [due.0, 0, 0, 0]));
        }
        sum
    }
}

impl Engine {
    /// Sets the reference quote; pegs follow it.
    pub(super) fn set_quote(
        &mut self,
        at: &Sequenced,
        (bid, offer): (Price, Price),
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        let Some(book) = self.book_to_change(at, sink) else { return };
        if bid.0 < 0 || offer.0 < 0 {
            return super::reject_operator(command, Reason::InvalidPrice, sink);
        }
        self.change_market(book, |market| {
            market.quote = Quote { bid: bid.0, offer: offer.0 };
        });
        sink.report(Quoted { bid, offer }.about(command.symbol));
        self.work(at, book, Step::Pegs, sink);
    }

    /// Returns the book that an operator's command changes, after the command has caught up.
    /// Rejects the command and returns `None` if it has a verdict, or if its symbol has no book or
    /// is busy.
    pub(super) fn book_to_change(
        &mut self,
        at: &Sequenced,
        sink: &mut impl ReportSink,
    ) -> Option<usize> {
        self.catch_up(at, sink);
        let book = self.book_of(&at.command, sink)?;
        if let Err(reason) = self.check_busy(book) {
            super::reject_operator(&at.command, reason, sink);
            return None;
        }
        Some(book)
    }

    /// Returns the book that an operator's command is for. Rejects the command and returns `None`
    /// if it has a verdict or its symbol has no book.
    pub(super) fn book_of(
        &mut self,
        command: &Command,
        sink: &mut impl ReportSink,
    ) -> Option<usize> {
        if command.verdict != Reason::None {
            super::reject_operator(command, command.verdict, sink);
            return None;
        }
        let book = self.book_index(command.symbol);
        if book.is_none() {
            self.reject_absent(command, OrderId(0), Side::Buy, sink);
        }
        book
    }

    /// Returns the limit with which an order enters a guarded book, or the reason of its reject.
    /// The bands bound the limit first, then the post-only rule applies, then the short sale price
    /// test.
    #[cold]
    pub(super) fn guarded_price(
        &self,
        book: usize,
        terms: LimitTerms,
        price: i64,
    ) -> Result<i64, Reason> {
        let price = self.within_bands(book, &terms, price)?;
        let price = self.passive_price(book, terms.side, terms.post_only, price)?;
        self.short_price(book, terms.side, price, terms.at_short_test)
    }

    /// Returns the entry of a symbol; the default for the many symbols without one.
    pub(super) fn market(&self, symbol: SymbolId) -> Market {
        self.tables.markets.get(symbol).copied().unwrap_or_default()
    }

    /// Changes the entry of a symbol. An entry that equals the default is removed.
    pub(super) fn change_market(&mut self, book: usize, change: impl FnOnce(&mut Market)) {
        let symbol = self.books[book].symbol();
        let mut market = self.market(symbol);
        let pause_of = |market: &Market| market.limit_state.map(|state| (state.due, symbol));
        pause_of(&market).map(|pause| self.pauses.remove(&pause));
        change(&mut market);
        pause_of(&market).map(|pause| self.pauses.insert(pause));
        let is_guarded = market != Market::default();
        if is_guarded {
            self.tables.markets.insert(symbol, market);
        } else {
            self.tables.markets.remove(symbol);
        }
        self.books[book].set_guarded(is_guarded);
        self.watch(symbol);
    }

    /// Puts a symbol into `watched` while its commands can change the auction indication, the limit
    /// state or the short sale restriction, or while it owes work; removes it otherwise.
    pub(super) fn watch(&mut self, symbol: SymbolId) {
        let market = self.market(symbol);
        let is_watched = self.in_call.contains_key(&symbol)
            || market.bands.bps != 0
            || market.limit_state.is_some()
            || market.short_sale.can_fall()
            || self.tables.owed.has(symbol);
        if is_watched {
            self.watched.insert(symbol);
        } else {
            self.watched.remove(&symbol);
        }
    }

    /// Publishes changes of short sale restriction, auction indication and limit state after a
    /// command for a symbol.
    #[cold]
    #[inline(never)]
    pub(super) fn look_after(&mut self, symbol: SymbolId, time: Nanos, sink: &mut impl ReportSink) {
        let Some(book) = self.book_index(symbol) else { return };
        if !self.watched.contains(&symbol) {
            return;
        }
        self.restrict_after_fall(book, sink);
        self.indicate(symbol, sink);
        self.look_at_bands(book, time, sink);
    }

    /// Returns the entries of all symbols, as the commands that recreate them.
    pub(super) fn market_commands(&self) -> impl Iterator<Item = Command> {
        self.tables.markets.iter().flat_map(|(symbol, market)| {
            market.actions().map(move |action| Command {
                session: SessionId(0),
                symbol,
                verdict: Reason::None,
                action,
            })
        })
    }

    /// Restores an entry from a command of an image.
    pub(super) fn restore_market(&mut self, command: &Command) -> Result<(), Reason> {
        let book = self.book_index(command.symbol).ok_or(Reason::UnknownSymbol)?;
        let mut market = self.market(command.symbol);
        let mut wanted = Market::default();
        match command.action {
            Action::Operator(OperatorCommand::SetBands(asked)) => {
                wanted.bands = Bands::of(&asked, 0)?;
                market.bands = wanted.bands;
            }
            Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer }))
                if bid.0 >= 0 && offer.0 >= 0 =>
            {
                wanted.quote = Quote { bid: bid.0, offer: offer.0 };
                market.quote = wanted.quote;
            }
            Action::Operator(OperatorCommand::SetShortSale(SetShortSale {
                restricted,
                automatic,
            })) => {
                wanted.short_sale = ShortSale { restricted, automatic };
                market.short_sale = wanted.short_sale;
            }
            _ => return Err(Reason::InvalidDefinition),
        }
        // The command must be the one form that `actions` writes; the default is never written.
        let is_said = wanted.actions().eq([command.action]);
        if !is_said || command.session != SessionId(0) || command.verdict != Reason::None {
            return Err(Reason::InvalidDefinition);
        }
        self.change_market(book, |changed| *changed = market);
        Ok(())
    }
}
