//! Laws of pegs, and of orders that a quote or a band moves.

use super::{Audit, Place, Told, rank};
use ringside_model::domain::{Peg, Price};
use ringside_model::report::{Report, ReportKind, Repriced};

impl Audit {
    /// Checks a peg that leaves the book.
    pub(super) fn parked(&mut self, at: &Place<'_>, r: &Report) -> Result<(), String> {
        let peg = self.numbered(r.symbol, r.order)?;
        law!(peg.terms.peg != Peg::None && !peg.parked, r);
        law!((peg.session, peg.id, peg.side) == (r.session, r.id, r.side), r);
        law!(peg.price == r.price && r.quantity == r.open, r);
        law!(peg.open == r.open.0 && peg.hidden == r.is_hidden(), r);
        let is_alone = !self.trades_continuously(r.symbol);
        law!(is_alone || self.followed(&peg).is_none(), r);
        let before = at.before().last().filter(|before| before.kind == ReportKind::Parked);
        let before = before.and_then(|b| self.numbered(b.symbol, b.order).ok());
        let in_order =
            before.is_none_or(|before| before.symbol != peg.symbol || before.entered < peg.entered);
        law!(in_order, r);
        self.change(&peg, Told { parked: true, hidden: true, ..peg });
        Ok(())
    }

    /// Checks an order that gets another limit.
    pub(super) fn repriced(
        &mut self,
        r: &Report,
        Repriced { old_order, parked }: Repriced,
    ) -> Result<(), String> {
        let order = self.numbered(r.symbol, old_order)?;
        let told = (order.session, order.id, order.side, order.open);
        law!(told == (r.session, r.id, r.side, r.open.0), r);
        law!(order.shown.unwrap_or(order.open) == r.quantity.0, r);
        law!(order.parked == parked, r);
        let is_peg = order.terms.peg != Peg::None;
        law!(is_peg || self.is_banded(r, order.price), r);
        if is_peg {
            // Bands and the short test move a limit away from the other side only.
            let buy = r.side.is_buy();
            let wanted = self.followed(&order).map(|price| rank(buy, price));
            law!(wanted.is_some_and(|wanted| wanted <= rank(buy, r.price)), r);
        }
        if parked {
            law!(self.trades_continuously(r.symbol), r);
            let is_earlier =
                |o: &Told| o.symbol == r.symbol && o.parked && o.entered < order.entered;
            let mut earlier = self.live.iter().filter(|o| is_earlier(o));
            law!(earlier.all(|o| self.followed(o).is_none()), r);
            self.progress.is_opening = false;
        }
        let hidden = order.terms.hidden;
        law!(hidden == r.is_hidden(), r);
        self.take_place(&order, r)?;
        if !is_peg {
            // An order that a band moves does not trade.
            self.progress.incoming = self.number;
        }
        let new = Told { number: r.order, price: r.price, ..order };
        self.change(&order, Told { parked: false, hidden, ..new });
        Ok(())
    }

    /// Returns the limit that the quote gives a peg; `None` if it gives none.
    pub(super) fn followed(&self, peg: &Told) -> Option<Price> {
        let (bid, offer) = self.quoted.get(&peg.symbol).copied().unwrap_or_default();
        let (bid, offer) = (i128::from(bid.0), i128::from(offer.0));
        let (buy, away) = (peg.side.is_buy(), i128::from(peg.terms.peg_offset));
        let is_whole = bid > 0 && offer > 0;
        let price = match peg.terms.peg {
            Peg::None => return None,
            _ if is_whole && bid > offer => return None,
            Peg::Primary if buy => (bid > 0).then_some(bid - away)?,
            Peg::Primary => (offer > 0).then_some(offer + away)?,
            Peg::Midpoint if buy => is_whole.then_some((bid + offer) / 2)?,
            Peg::Midpoint => is_whole.then_some((bid + offer + 1) / 2)?,
        };
        let bounded = match i128::from(peg.terms.peg_limit.0) {
            0 => price,
            limit if buy => price.min(limit),
            limit => price.max(limit),
        };
        (bounded > 0).then_some(Price(i64::try_from(bounded).unwrap_or(i64::MAX)))
    }
}
