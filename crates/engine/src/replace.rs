//! Replace: an order leaves, and enters anew under another id, behind all others at its price.
//!
//! A replace names id, quantity and limit, and may name terms that only some orders have. A term
//! that is not named stays. A replace with invalid terms ends the order; a replace that is not
//! allowed is rejected and leaves the order.

use super::market::LimitTerms;
use super::matching::describe;
use super::orders::{Bucket, NIL, Order, Slot};
use super::terms::KeptTerms;
use super::{Engine, icebergs, reject, special, states};
use ringside_model::command::{Display, NamedTerms, Replace, Sequenced, SpecialTerms};
use ringside_model::domain::{OrderNumber, OrderType, Peg, Price, Quantity, Side};
use ringside_model::reason::Reason;
use ringside_model::report::{Replaced, ReportSink, Subject};

/// Outcome of a replace that makes no new order.
enum Refused {
    /// The replace is rejected; the original stays.
    Stays(Reason),
    /// The original ends.
    Ends(Reason),
}

/// Order in place of another one, before it enters.
struct Successor {
    order: Order,
    /// Limit; of a stop, the stop price.
    price: i64,
    beside: Beside,
}

/// Data that is kept beside an order.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// Limit of a stop after its election; 0 for none.
    Stop(i64),
    /// Slice sizes of an iceberg.
    Slices(Display),
    /// Special terms.
    Terms(KeptTerms),
}

impl Engine {
    /// Replaces id, total quantity, limit and the named terms of an order.
    #[inline(never)]
    pub(super) fn replace(
        &mut self,
        at: &Sequenced,
        bucket: Bucket,
        asked: &Replace,
        named: Option<&NamedTerms>,
        sink: &mut impl ReportSink,
    ) {
        let command = &at.command;
        self.catch_up(at, sink);
        let (book, slot) = match self.find_original(at, bucket, asked) {
            Ok(found) => found,
            Err(reason) => return reject(command, asked.new_id, Side::Buy, reason, sink),
        };
        let old = *self.orders.get(slot);
        let successor = match self.successor(at, book, &old, asked, named) {
            Ok(successor) => successor,
            Err(Refused::Stays(reason)) => {
                return reject(command, asked.new_id, Side::Buy, reason, sink);
            }
            Err(Refused::Ends(reason)) => return self.cancel_resting(slot, reason, sink),
        };
        self.remove_resting(slot, bucket, self.levels.get(old.level).price());
        if old.attributes.takes_slow_path() {
            self.forget_beside(&old);
        }
        let Successor { order, price, beside } = successor;
        let order = Order { number: self.own_number(at).0, ..order };
        let stop = match beside {
            Beside::Stop(limit) => Some(Price(limit)),
            _ => None,
        };
        let replaced = Replaced {
            old_id: asked.id,
            place: OrderNumber(order.number).index(),
            stop,
            attributed: order.attributes.is_attributed(),
            capacity: order.attributes.capacity(),
        };
        sink.report(replaced.about(Subject {
            quantity: asked.quantity,
            open: Quantity(order.open),
            order: OrderNumber(old.number),
            ..describe(&order, price)
        }));
        if order.attributes.tif().is_for_auction() {
            self.rest_beside(order, price);
        } else if order.attributes.takes_slow_path() {
            self.enter_beside(at, book, (order, price), beside, sink);
        } else if self.may_trade(book, order.attributes.is_buy(), price) {
            let mut incoming = self.incoming(order, price);
            self.match_limit(book, &mut incoming, sink);
            self.elect_after(at, book, &incoming, sink);
        } else {
            self.place(book, order, price);
        }
    }

    /// Returns book and slot of the order that a replace names, or the reason of the reject.
    #[inline(always)]
    fn find_original(
        &self,
        at: &Sequenced,
        bucket: Bucket,
        asked: &Replace,
    ) -> Result<(usize, Slot), Reason> {
        let command = &at.command;
        let &Replace { id, new_id, .. } = asked;
        let new_bucket = self.orders.bucket(command.session, new_id);
        if matches!(command.verdict, Reason::Moving | Reason::WrongPartition) {
            return Err(command.verdict);
        }
        let used = command.verdict == Reason::DuplicateId
            || new_id == id
            || self.orders.is_live(new_bucket, command.session, new_id)
            || self.waits(command.session, new_id);
        if used {
            return Err(Reason::DuplicateId);
        }
        let slot = self.find(command, id, bucket);
        let Some(book) = self.book_index(command.symbol).filter(|_| slot != NIL) else {
            let waits = self.names_waiting(command, id);
            return Err(if waits { Reason::Moving } else { Reason::TooLate });
        };
        if command.verdict.refuses_service() {
            return Err(command.verdict);
        }
        Ok((book, slot))
    }

    /// Returns the order that takes the place of another one.
    #[inline(always)]
    fn successor(
        &self,
        at: &Sequenced,
        book: usize,
        old: &Order,
        asked: &Replace,
        named: Option<&NamedTerms>,
    ) -> Result<Successor, Refused> {
        self.check_admission(book, old).map_err(Refused::Stays)?;
        let invalid = Refused::Ends(Reason::ReplacedInvalid);
        let Replace { new_id, quantity: Quantity(total), price: Price(price), .. } = *asked;
        let valid = at.command.verdict == Reason::None
            && self.can_have_limit(old, price)
            && self.books[book].check_quantity(total).is_ok();
        if !valid {
            return Err(invalid);
        }
        if total <= old.executed {
            return Err(Refused::Ends(Reason::User));
        }
        let order = Order { id: new_id.0, open: total - old.executed, ..*old };
        let successor = if old.attributes.takes_slow_path() || named.is_some() {
            self.with_beside(at, book, (old, order), price, named)
        } else {
            self.new_limit(book, old, price).map(|price| (order, price, Beside::Nothing))
        };
        match successor {
            Ok((order, price, beside)) => Ok(Successor { order, price, beside }),
            Err(_) => Err(invalid),
        }
    }

    /// Checks that an order like this one may enter now.
    #[inline(always)]
    fn check_admission(&self, book: usize, order: &Order) -> Result<(), Reason> {
        if order.attributes.is_reached() {
            // The stop is on its way into the book.
            return Err(Reason::TooLate);
        }
        self.check_busy(book)?;
        let tif = order.attributes.tif();
        if !self.books[book].is_open() || tif.is_for_auction() {
            states::refusal(&self.books[book])?;
            states::admission(self.books[book].state(), OrderType::Limit, tif)?;
        }
        match self.terms_of(order) {
            Some(terms) => self.check_market_of_peg(book, order.attributes.is_buy(), terms),
            None => Ok(()),
        }
    }

    /// Returns true if an order like this one may have a limit; 0 is none.
    #[inline(always)]
    fn can_have_limit(&self, order: &Order, limit: i64) -> bool {
        let attributes = order.attributes;
        match limit {
            1.. => !self.is_peg(order),
            0 => attributes.tif().is_for_auction() || attributes.is_stop() || self.is_peg(order),
            _ => false,
        }
    }

    fn is_peg(&self, order: &Order) -> bool {
        self.terms_of(order).is_some_and(|terms| terms.peg != Peg::None)
    }

    /// Returns a new order with what is kept beside it, and its limit; of a stop, the stop price.
    #[cold]
    fn with_beside(
        &self,
        at: &Sequenced,
        book: usize,
        (old, order): (&Order, Order),
        limit: i64,
        named: Option<&NamedTerms>,
    ) -> Result<(Order, i64, Beside), Reason> {
        let lot = self.books[book].lot();
        if old.attributes.is_stop() {
            // Bands and the short sale price test wait until the stop is elected.
            let stop = match named {
                None => self.levels.get(old.level).price(),
                Some(NamedTerms::Stop(Price(stop))) if *stop >= 1 => *stop,
                Some(_) => return Err(Reason::ReplacedInvalid),
            };
            return Ok((order, stop, Beside::Stop(limit)));
        }
        if old.attributes.has_reserve() {
            let display = match named {
                None => self.reserve(old).1,
                Some(NamedTerms::Display(display)) if display.next <= order.open => *display,
                Some(_) => return Err(Reason::ReplacedInvalid),
            };
            if !icebergs::fits(&display, order.open, lot) {
                return Err(Reason::InvalidMaxFloor);
            }
            return Ok((order, self.new_limit(book, old, limit)?, Beside::Slices(display)));
        }
        let kept = self.terms_of(old).copied();
        let asked = match named {
            None => kept.unwrap_or(SpecialTerms::NONE),
            Some(NamedTerms::Special(named)) => {
                let terms = kept.unwrap_or(SpecialTerms::NONE);
                let tif = order.attributes.tif();
                special::with_named(&terms, named, tif, (order.open, lot), at.time)?
            }
            Some(_) => return Err(Reason::ReplacedInvalid),
        };
        let buy = order.attributes.is_buy();
        let limit = match asked.peg {
            Peg::None => limit,
            _ => self.followed_price(book, buy, &asked)?,
        };
        let order =
            Order { attributes: order.attributes.with_terms(&asked).with_parked(false), ..order };
        let terms = KeptTerms { asked, since: at.seqno.0 };
        Ok((order, self.new_limit(book, old, limit)?, Beside::Terms(terms)))
    }

    /// Returns the limit with which a replaced order enters, or the reason against it.
    #[inline]
    fn new_limit(&self, book: usize, old: &Order, price: i64) -> Result<i64, Reason> {
        if self.books[book].is_guarded() {
            let terms = LimitTerms::of_order(old, self.terms_of(old));
            return self.guarded_price(book, terms, price);
        }
        self.passive_price(book, old.attributes.side(), old.attributes.post_only(), price)
    }

    /// Enters a stop, an iceberg or an order with special terms in place of another order.
    #[cold]
    #[inline(never)]
    fn enter_beside(
        &mut self,
        at: &Sequenced,
        book: usize,
        (order, price): (Order, i64),
        beside: Beside,
        sink: &mut impl ReportSink,
    ) {
        match beside {
            Beside::Nothing => unreachable!("a plain order takes the fast path"),
            Beside::Stop(limit) => {
                self.wait_for_trade(order, price, limit);
                return self.elect_by_last(at, book, (order, price), sink);
            }
            Beside::Slices(display) => self.begin_reserve(&order, display),
            Beside::Terms(terms) => self.begin_terms(&order, &terms),
        }
        if !self.may_trade(book, order.attributes.is_buy(), price) {
            return self.rest(book, order, price, sink);
        }
        let mut incoming = self.incoming(order, price);
        match beside {
            Beside::Terms(terms) => {
                self.match_special(book, OrderType::Limit, &mut incoming, terms, sink);
            }
            _ => self.match_iceberg(book, &mut incoming, sink),
        }
        self.elect_after(at, book, &incoming, sink);
    }
}
