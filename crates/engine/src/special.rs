//! Orders with special terms, see [`super::terms`]. In a book with such orders no command takes a
//! fast path past them.

use super::market::LimitTerms;
use super::matching::Incoming;
use super::orders::Order;
use super::pegs;
use super::terms::{KeptTerms, owner_of};
use super::{Engine, whole};
use ringside_model::command::{Enter, EnterSpecial, NamedSpecialTerms, Sequenced, SpecialTerms};
use ringside_model::domain::{
    Nanos, OrderNumber, OrderType, Peg, PostOnly, Quantity, SymbolId, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, ReportSink};

/// Checks that an order of this type and time in force may have `terms` at some time.
fn fit(terms: &SpecialTerms, order_type: OrderType, tif: TimeInForce) -> Result<(), Reason> {
    let can_rest = matches!(tif, TimeInForce::Day | TimeInForce::Gtc);
    let ends_early = terms.expire.0 != 0 && tif != TimeInForce::Gtc;
    let cannot_hide = terms.hidden && !(can_rest && order_type == OrderType::Limit);
    if tif.is_for_auction() || ends_early || cannot_hide {
        return Err(Reason::Unsupported);
    }
    if terms.min_quantity.0 > 0 && !terms.hidden && tif != TimeInForce::Ioc {
        return Err(Reason::InvalidMinQuantity);
    }
    Ok(())
}

/// Checks the minimum and the end that a command at `now` names for an order with this quantity and
/// lot. 0 is none.
fn check_values(
    Quantity(minimum): Quantity,
    expire: Nanos,
    (quantity, lot): (u64, u64),
    now: Nanos,
) -> Result<(), Reason> {
    if expire.0 != 0 && expire <= now {
        Err(Reason::InvalidExpiry)
    } else if minimum > quantity || !minimum.is_multiple_of(lot) {
        Err(Reason::InvalidMinQuantity)
    } else {
        Ok(())
    }
}

/// Returns the terms of an order after a replace at `now` that names some of them. The new order
/// has `open` quantity.
pub(super) fn with_named(
    terms: &SpecialTerms,
    named: &NamedSpecialTerms,
    tif: TimeInForce,
    (open, lot): (u64, u64),
    now: Nanos,
) -> Result<SpecialTerms, Reason> {
    let NamedSpecialTerms { min_quantity, peg_offset, peg_limit, expire } = *named;
    if min_quantity.is_some() && !terms.hidden {
        return Err(Reason::InvalidMinQuantity);
    }
    if (peg_offset.is_some() || peg_limit.is_some()) && terms.peg == Peg::None {
        return Err(Reason::InvalidPeg);
    }
    check_values(min_quantity.unwrap_or_default(), expire, (open, lot), now)?;
    let asked = SpecialTerms {
        min_quantity: min_quantity.unwrap_or(terms.min_quantity),
        peg_offset: peg_offset.unwrap_or(terms.peg_offset),
        peg_limit: peg_limit.unwrap_or(terms.peg_limit),
        expire: if expire.0 == 0 { terms.expire } else { expire },
        ..*terms
    };
    if !pegs::can_follow(&asked, OrderType::Limit, tif) {
        return Err(Reason::InvalidPeg);
    }
    fit(&asked, OrderType::Limit, tif)?;
    Ok(asked)
}

impl Engine {
    /// Enters an order with special terms.
    #[cold]
    pub(super) fn enter_special(
        &mut self,
        at: &Sequenced,
        EnterSpecial { order: enter, terms }: &EnterSpecial,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let (book, price) = match self.check_special(at, enter, terms) {
            Ok(accepted) => accepted,
            Err(reason) => return self.reject_order(command, enter, reason, sink),
        };
        let order = self.entered(at, enter);
        let can_rest = matches!(enter.tif, TimeInForce::Day | TimeInForce::Gtc);
        let attributes =
            if can_rest { order.attributes.with_terms(terms) } else { order.attributes };
        let order = Order { attributes, ..order };
        sink.report(Accepted { stop: None }.about(whole(&order, price)));
        let terms = KeptTerms { asked: *terms, since: at.seqno.0 };
        self.begin_terms(&order, &terms);
        if !self.books[book].is_open() {
            return self.rest(book, order, price, sink);
        }
        let mut incoming = self.incoming(order, price);
        self.match_special(book, enter.order_type, &mut incoming, terms, sink);
        self.elect_after(at, book, &incoming, sink);
    }

    /// Checks an order with special terms; returns the index of its book and its limit after a
    /// slide.
    fn check_special(
        &self,
        at: &Sequenced,
        enter: &Enter,
        terms: &SpecialTerms,
    ) -> Result<(usize, i64), Reason> {
        let command = &at.command;
        if command.verdict == Reason::None && !pegs::can_follow(terms, enter.order_type, enter.tif)
        {
            return Err(Reason::InvalidPeg);
        }
        let price = match command.verdict {
            Reason::None => self.wanted_price(command.symbol, enter, terms)?,
            _ => enter.price,
        };
        let enter = &Enter { price, ..*enter };
        let book = self.check_terms(command, enter)?;
        let limit_terms = LimitTerms::of(enter.side, enter.tif, enter.post_only, terms);
        let price = self.entry_price(book, limit_terms, enter.price.0)?;
        if terms.hidden && enter.attributed {
            return Err(Reason::Unsupported);
        }
        fit(terms, enter.order_type, enter.tif)?;
        let size = (enter.quantity.0, self.books[book].lot());
        check_values(terms.min_quantity, terms.expire, size, at.time)?;
        Ok((book, price))
    }

    /// Trades an order with special terms, then books or cancels the rest as its type and its time
    /// in force require.
    pub(super) fn match_special(
        &mut self,
        book: usize,
        order_type: OrderType,
        incoming: &mut Incoming,
        terms: KeptTerms,
        sink: &mut impl ReportSink,
    ) {
        (incoming.minimum, incoming.is_hidden) = (terms.asked.min_quantity.0, terms.asked.hidden);
        let is_special = incoming.order.attributes.is_special();
        if order_type != OrderType::Limit || !is_special {
            self.match_incoming(book, order_type, incoming, sink);
        } else {
            self.trade(book, incoming, incoming.price, sink);
            if incoming.order.open > 0 {
                self.rest_with(book, incoming.order, incoming.price, &terms);
            }
        }
        if incoming.order.open == 0 && is_special {
            let terms = self.tables.terms.remove(&incoming.order);
            self.forget_peg(&incoming.order, &terms);
        }
    }

    /// Keeps the terms of an order that does not rest yet, if it may rest with them. By the end of
    /// its command the order rests or has ended.
    pub(super) fn begin_terms(&mut self, order: &Order, kept: &KeptTerms) {
        if order.attributes.is_special() {
            self.tables.terms.insert(order, kept);
        }
    }

    /// Books an order whose terms are kept already.
    pub(super) fn rest_special(&mut self, book: usize, order: Order, price: i64) {
        let terms = *self.kept_terms(&order);
        self.rest_with(book, order, price, &terms);
    }

    /// Books an order with these terms, which are kept already.
    fn rest_with(&mut self, book: usize, order: Order, price: i64, terms: &KeptTerms) {
        let KeptTerms { asked, since } = *terms;
        let (symbol, owner) = (SymbolId(order.symbol), owner_of(&order));
        // A peg that only moves is there already.
        if asked.peg != Peg::None && OrderNumber(order.number).seqno().0 == since {
            self.pegs.add(&order, &asked, since);
            self.pegs.unsettle(symbol, &self.settled(book));
        }
        if asked.expire.0 != 0 {
            self.expiries.insert((symbol, asked.expire, order.number), owner);
        }
        self.books[book].add_special();
        if !order.attributes.is_displayed() {
            self.rest_beside(order, price);
            self.note_new_minimum(&order, asked.min_quantity);
        } else {
            self.orders.make_room(1);
            self.place(book, order, price);
        }
    }

    /// Removes the terms of a resting order that leaves; returns them.
    #[cold]
    pub(super) fn forget_terms(&mut self, order: &Order) -> KeptTerms {
        let terms = self.tables.terms.remove(order);
        self.lift_terms(order, &terms);
        self.forget_peg(order, &terms);
        terms
    }

    fn forget_peg(&mut self, order: &Order, KeptTerms { asked, since }: &KeptTerms) {
        if asked.peg != Peg::None {
            self.pegs.remove(order, asked, *since);
        }
    }

    /// Lets a resting order enter again under another number, with the same terms. A peg keeps its
    /// place in the order of entry.
    pub(super) fn renumber_terms(&mut self, old: &Order, terms: &KeptTerms, number: u64) {
        self.tables.terms.renumber(old, terms, number);
        self.lift_terms(old, terms);
    }

    /// Takes a resting order out of what finds it by its terms.
    fn lift_terms(&mut self, order: &Order, KeptTerms { asked, .. }: &KeptTerms) {
        let symbol = SymbolId(order.symbol);
        if asked.min_quantity.0 != 0 {
            self.minimums.remove(order);
        }
        if asked.expire.0 != 0 {
            self.expiries.remove((symbol, asked.expire, order.number));
        }
        let book = self.book_index(symbol).expect("what has terms has a book");
        self.books[book].take_special();
    }

    /// Returns the terms of an order that has some, with its entry.
    pub(super) fn kept_terms(&self, order: &Order) -> &KeptTerms {
        self.tables.terms.get(order)
    }

    /// Returns the terms of an order that has some.
    pub(super) fn special_terms(&self, order: &Order) -> &SpecialTerms {
        &self.kept_terms(order).asked
    }

    /// Returns the terms of a resting order, if it has some.
    pub(super) fn terms_of(&self, order: &Order) -> Option<&SpecialTerms> {
        order.attributes.is_special().then(|| self.special_terms(order))
    }

    /// Restores an order with special terms from an image.
    pub(super) fn restore_special(
        &mut self,
        book: usize,
        order: Order,
        price: i64,
        kept: Option<KeptTerms>,
    ) -> Result<(), &'static str> {
        let attributes = order.attributes;
        let kept = kept.ok_or("it should have terms, but has none")?;
        let terms = kept.asked;
        let fit = fit(&terms, OrderType::Limit, attributes.tif()).is_ok()
            && pegs::can_follow(&terms, OrderType::Limit, attributes.tif())
            && (terms.peg == Peg::None || attributes.post_only() == PostOnly::Off);
        let is_same = attributes.with_terms(&terms).0 == attributes.0
            && (terms.peg != Peg::None || !attributes.is_parked())
            && !self.pegs.has(SymbolId(order.symbol), kept.since);
        if !fit || !is_same {
            return Err("it has terms that no order of its kind has");
        }
        if !terms.min_quantity.0.is_multiple_of(self.books[book].lot()) {
            return Err("its minimum is no whole lots");
        }
        if terms.hidden && attributes.is_attributed()
            || attributes.has_reserve()
            || attributes.is_stop()
        {
            return Err("it has terms beside what no order with terms is");
        }
        self.begin_terms(&order, &kept);
        let belongs_out = terms.peg != Peg::None && self.price_of_peg(book, &order).is_none();
        if belongs_out && !attributes.is_parked() {
            return Err("it is a peg without a price to follow, and in the book");
        }
        if terms.peg != Peg::None {
            self.pegs.add(&order, &terms, kept.since);
        }
        self.rest_special(book, order, price);
        Ok(())
    }
}
