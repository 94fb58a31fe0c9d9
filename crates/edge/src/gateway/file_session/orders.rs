//! Lines that enter, change and cancel orders.

use super::fields::{Decimal, Fault, Field, Fields, set};
use super::operations::{Interpreter, required_id, required_name};
use super::words::{BOOK_SIDES, Form, TYPES, causes, pegs, tifs};
use ringside_core::registry::directory::Directory;
use ringside_model::command::{
    Action, Cancel, Command, Display, Enter, EnterIceberg, EnterSpecial, EnterStop, MassCancel,
    Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace, ReplaceTerms, SpecialTerms,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Name, Nanos, OrderId, OrderType, Peg, PostOnly, Price, Quantity, Side,
    SymbolId, TimeInForce,
};
use ringside_model::field::FieldSource;
use ringside_model::reason::Reason;

const ENTER: u128 = set(&[
    Field::Session,
    Field::Id,
    Field::Symbol,
    Field::Side,
    Field::Type,
    Field::Tif,
    Field::Qty,
    Field::Price,
    Field::StopPrice,
    Field::PostOnly,
    Field::StpGroup,
    Field::Firm,
    Field::DisplayQty,
    Field::Refresh,
    Field::Seed,
    Field::ExpireTs,
    Field::Hidden,
    Field::MinQty,
    Field::Peg,
    Field::PegOffset,
    Field::AtBand,
    Field::AtShortTest,
]) | set(Enter::ATTRIBUTE_FIELDS);
const REDUCE: u128 = set(&[Field::Session, Field::Id, Field::Qty]);
const MODIFY: u128 = set(&[Field::Session, Field::Id, Field::Side, Field::Qty]);
const REPLACE: u128 = set(&[
    Field::Session,
    Field::Id,
    Field::NewId,
    Field::Qty,
    Field::Price,
    Field::StopPrice,
    Field::DisplayQty,
    Field::Refresh,
    Field::Seed,
    Field::MinQty,
    Field::PegOffset,
    Field::PegLimit,
    Field::ExpireTs,
]);
const CANCEL: u128 = set(&[Field::Session, Field::Id]);
const MASS_CANCEL: u128 = set(&[
    Field::Session,
    Field::Id,
    Field::Symbol,
    Field::OfSession,
    Field::OfFirm,
    Field::StpGroup,
    Field::Side,
    Field::Cause,
]);

/// Terms of a new order from a line, without its session, id, symbol, firm and prices.
pub(super) struct Said {
    pub order: Enter,
    /// Form beside the order type.
    pub form: Form,
    /// True if the order expires at a time that it names.
    pub is_timed: bool,
}

impl Said {
    pub(super) fn read(fields: &Fields) -> Result<Said, Fault> {
        let side = fields.required(Field::Side, fields.word::<Side>(Field::Side)?)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let order_type = fields.word_of(Field::Type, TYPES.iter().copied())?;
        let (order_type, form) = order_type.unwrap_or((OrderType::Limit, Form::Plain));
        let tif = fields.word_of(Field::Tif, tifs())?;
        let (tif, is_timed) = tif.unwrap_or((TimeInForce::Day, false));
        let mut order = Enter {
            group: group(fields)?.unwrap_or(0),
            order_type,
            tif,
            post_only: post_only(fields)?,
            ..Enter::limit(OrderId(0), side, quantity, Price(0))
        };
        order.read_attributes(fields)?;
        Ok(Said { order, form, is_timed })
    }
}

/// Terms that the line of a replace names beside ids, quantity and limit.
struct Named<'a> {
    stop: Option<Decimal<'a>>,
    display: Option<Display>,
    min_quantity: Option<Quantity>,
    peg_offset: Option<Decimal<'a>>,
    peg_limit: Option<Decimal<'a>>,
    expire: Option<Nanos>,
    has_slices: bool,
}

impl<'a> Named<'a> {
    fn read(fields: &'a Fields, new_id: OrderId) -> Result<Self, Fault> {
        Ok(Named {
            stop: fields.decimal(Field::StopPrice)?,
            display: display(fields, new_id)?,
            min_quantity: min_quantity(fields)?,
            peg_offset: fields.decimal(Field::PegOffset)?,
            peg_limit: fields.decimal(Field::PegLimit)?,
            expire: fields.integer_to(Field::ExpireTs, u64::MAX)?.map(Nanos),
            has_slices: fields.has(set(&[Field::DisplayQty, Field::Refresh, Field::Seed])),
        })
    }
}

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn enter(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("enter", ENTER)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let symbol = required_name(fields, Field::Symbol)?;
        let said = Said::read(fields)?;
        let price = fields.decimal(Field::Price)?;
        let stop = fields.decimal(Field::StopPrice)?;
        let display = display(fields, id)?;
        let offset = fields.decimal(Field::PegOffset)?;
        let terms = terms(fields, &said)?;
        let firm = fields.name(Field::Firm)?;
        let is_stop = said.form == Form::Stop;
        let is_special = terms != SpecialTerms::NONE || offset.is_some();
        let is_iceberg = display.is_some() || fields.has(set(&[Field::Refresh, Field::Seed]));
        let served = (is_stop || stop.is_none())
            && (!is_iceberg || display.is_some())
            && u8::from(is_stop) + u8::from(is_iceberg) + u8::from(is_special) <= 1
            && said.is_timed == (terms.expire.0 != 0)
            && (said.form == Form::Peg) == (terms.peg != Peg::None)
            && (offset.is_none() || said.form == Form::Peg);

        let firm = firm.map(|name| self.firm(fields, Field::Firm, name)).transpose()?;
        let session = self.session(fields, Field::Session, session)?;
        let firm = firm
            .or_else(|| Some(self.directory.names().session(session)?.firm))
            .unwrap_or_default();
        let symbol = self.directory.numbers().symbol_id(symbol).unwrap_or(SymbolId::NONE);
        let price = price.map_or(Ok(Price(0)), |price| self.ticks(symbol, price));
        let stop = stop.map_or(Ok(Price(0)), |stop| self.ticks(symbol, stop));
        let offset = self.price_or_none(symbol, offset);
        let offset =
            offset.and_then(|Price(ticks)| u32::try_from(ticks).map_err(|_| Reason::InvalidPrice));
        let fault = if symbol == SymbolId::NONE {
            Reason::UnknownSymbol
        } else if said.order.quantity.0 == 0 {
            Reason::InvalidQuantity
        } else if let Err(reason) = price.and(stop).and(offset.map(|_| Price(0))) {
            reason
        } else if !served {
            Reason::Unsupported
        } else {
            Reason::None
        };
        let enter = Enter { id, firm, price: price.unwrap_or_default(), ..said.order };
        let action = match display {
            _ if is_stop => {
                Action::EnterStop(EnterStop { order: enter, stop: stop.unwrap_or_default() })
            }
            _ if is_special => {
                let peg_offset = offset.unwrap_or_default();
                Action::EnterSpecial(special(enter, SpecialTerms { peg_offset, ..terms }))
            }
            Some(display) => Action::EnterIceberg(EnterIceberg { order: enter, display }),
            None => Action::Enter(enter),
        };
        self.send(session, symbol, fault, action);
        Ok(())
    }

    pub(super) fn reduce(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("reduce", REDUCE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        self.change(fields, session, id, Action::Reduce(Reduce { id, quantity }))
    }

    pub(super) fn modify(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("modify", MODIFY)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let side = fields.word::<Side>(Field::Side)?;
        let quantity = fields.quantity(Field::Qty)?;
        if side.is_none() && quantity.is_none() {
            let missing = "`modify` needs the field `side`, the field `qty`, or both";
            return Err(Fault::new(fields.end, missing));
        }
        self.change(fields, session, id, Action::Modify(Modify { id, side, quantity }))
    }

    pub(super) fn cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("cancel", CANCEL)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        self.change(fields, session, id, Action::Cancel(Cancel { id }))
    }

    /// Sends a reduce, a modify or a cancel. Only the engine knows if the order is live. The
    /// verdict is for an order that is not: `TooLate` for a finished order, `None` for one that
    /// never existed.
    fn change(
        &mut self,
        fields: &Fields,
        session: Name,
        id: OrderId,
        action: Action,
    ) -> Result<(), Fault> {
        let session = self.session(fields, Field::Session, session)?;
        let (symbol, verdict) = match self.directory.order_symbol(session, id) {
            Some(symbol) => (symbol, Reason::TooLate),
            None => (SymbolId::NONE, Reason::None),
        };
        self.send(session, symbol, verdict, action);
        Ok(())
    }

    pub(super) fn replace(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("replace", REPLACE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let new_id = required_id(fields, Field::NewId)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;
        let named = Named::read(fields, new_id)?;

        let session = self.session(fields, Field::Session, session)?;
        let symbol = self.directory.order_symbol(session, id).unwrap_or(SymbolId::NONE);
        // Only the engine knows if the order may be without a limit.
        let price = self.price_or_none(symbol, Some(price));
        let named = self.named_terms(symbol, named);
        let fault = if symbol == SymbolId::NONE {
            Reason::None
        } else if quantity.0 == 0 {
            Reason::InvalidQuantity
        } else {
            price.err().or(named.err()).unwrap_or(Reason::None)
        };
        let price = price.unwrap_or_default();
        let replace = Replace { id, new_id, quantity, price };
        let action = match named {
            Ok(Some(terms)) => Action::ReplaceTerms(ReplaceTerms { replace, terms }),
            Ok(None) | Err(_) => Action::Replace(replace),
        };
        self.send(session, symbol, fault, action);
        Ok(())
    }

    /// Returns the terms that a replace names, in ticks of the symbol, or the reason why no order
    /// can have them.
    fn named_terms(
        &self,
        symbol: SymbolId,
        named: Named<'_>,
    ) -> Result<Option<NamedTerms>, Reason> {
        let Named { stop, display, min_quantity, peg_offset, peg_limit, expire, .. } = named;
        let ticks = |price| self.price_or_none(symbol, Some(price));
        let peg_offset = peg_offset.map(ticks).transpose()?;
        let peg_offset = peg_offset.map(|Price(ticks)| u32::try_from(ticks)).transpose();
        let special = NamedSpecialTerms {
            min_quantity,
            peg_offset: peg_offset.map_err(|_| Reason::InvalidPrice)?,
            peg_limit: peg_limit.map(ticks).transpose()?,
            expire: expire.unwrap_or_default(),
        };
        let is_special = special != NamedSpecialTerms::default();
        match (stop, named.has_slices, is_special) {
            _ if expire == Some(Nanos(0)) => Err(Reason::InvalidExpiry),
            (None, false, false) => Ok(None),
            (Some(stop), false, false) => Ok(Some(NamedTerms::Stop(self.ticks(symbol, stop)?))),
            (None, true, false) => {
                Ok(Some(NamedTerms::Display(display.ok_or(Reason::Unsupported)?)))
            }
            (None, false, true) => Ok(Some(NamedTerms::Special(special))),
            _ => Err(Reason::Unsupported),
        }
    }

    pub(super) fn mass_cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("mass_cancel", MASS_CANCEL)?;
        let asks = required_name(fields, Field::Session)?;
        let id = OrderId(fields.integer_to(Field::Id, u64::MAX)?.unwrap_or(0));
        let symbol = fields.name(Field::Symbol)?;
        let of_session = fields.name(Field::OfSession)?;
        let of_firm = fields.name(Field::OfFirm)?;
        let group = group(fields)?;
        let buy = fields.word_of(Field::Side, BOOK_SIDES.iter().copied())?;
        let cause = fields.word_of(Field::Cause, causes())?.unwrap_or(Reason::None);

        let firm = of_firm.map(|name| self.firm(fields, Field::OfFirm, name)).transpose()?;
        let asks = self.session(fields, Field::Session, asks)?;
        let of_session = of_session.map(|name| self.session(fields, Field::OfSession, name));
        let whose_is_said = of_session.is_some() || firm.is_some() || group.is_some();
        let session = of_session.transpose()?.or_else(|| (!whose_is_said).then_some(asks));
        let (symbol, verdict) = match symbol.map(|name| self.directory.numbers().symbol_id(name)) {
            None => (SymbolId::NONE, cause),
            Some(Some(symbol)) => (symbol, cause),
            Some(None) => (Directory::NOWHERE, Reason::UnknownSymbol),
        };
        let action = Action::MassCancel(MassCancel { id, session, firm, group, buy });
        self.send(asks, symbol, verdict, action);
        Ok(())
    }
}

fn post_only(fields: &Fields) -> Result<PostOnly, Fault> {
    if fields.is_bool(Field::PostOnly) {
        let post_only = fields.truth(Field::PostOnly)?.unwrap_or(false);
        return Ok(if post_only { PostOnly::Reject } else { PostOnly::Off });
    }
    match fields.text(Field::PostOnly) {
        Ok(None) => Ok(PostOnly::Off),
        Ok(Some("slide")) => Ok(PostOnly::Slide),
        _ => Err(fields.fault(Field::PostOnly, "must be true, false or \"slide\"")),
    }
}

fn group(fields: &Fields) -> Result<Option<u16>, Fault> {
    let group = fields.integer_to(Field::StpGroup, u16::MAX.into())?;
    Ok(group.map(|group| group as u16))
}

/// Returns the order with its terms; the limit of a peg becomes its bound.
fn special(order: Enter, terms: SpecialTerms) -> EnterSpecial {
    if terms.peg == Peg::None {
        return EnterSpecial { order, terms };
    }
    let terms = SpecialTerms { peg_limit: order.price, ..terms };
    EnterSpecial { order: Enter { price: Price(0), ..order }, terms }
}

/// Reads the terms that few orders have, except the limit and the offset of a peg.
fn terms(fields: &Fields, said: &Said) -> Result<SpecialTerms, Fault> {
    let peg = fields.word_of(Field::Peg, pegs())?;
    let of_peg = if said.form == Form::Peg { Peg::Primary } else { Peg::None };
    Ok(SpecialTerms {
        expire: Nanos(fields.integer_to(Field::ExpireTs, u64::MAX)?.unwrap_or(0)),
        min_quantity: min_quantity(fields)?.unwrap_or_default(),
        peg_limit: Price(0),
        peg_offset: 0,
        peg: peg.unwrap_or(of_peg),
        hidden: fields.truth(Field::Hidden)?.unwrap_or(false) || peg == Some(Peg::Midpoint),
        at_band: fields.word::<AtBand>(Field::AtBand)?.unwrap_or(AtBand::Reprice),
        at_short_test: fields
            .word::<AtShortTest>(Field::AtShortTest)?
            .unwrap_or(AtShortTest::Reject),
    })
}

/// Reads a minimum quantity. A number that is too large for a quantity becomes the largest
/// quantity.
fn min_quantity(fields: &Fields) -> Result<Option<Quantity>, Fault> {
    let quantity = fields.integer(Field::MinQty)?;
    Ok(quantity.map(|quantity| Quantity(quantity.unwrap_or(u64::MAX))))
}

/// Reads the display of an order that is not displayed as a whole. Without a seed the order's id is
/// the seed.
fn display(fields: &Fields, id: OrderId) -> Result<Option<Display>, Fault> {
    let shown = fields.quantity(Field::DisplayQty)?.map(|quantity| quantity.0);
    let seed = fields.integer_to(Field::Seed, u64::MAX)?.unwrap_or(id.0);
    let range = match fields.text(Field::Refresh)? {
        None | Some("fixed") => None,
        Some(text) => Some(range(text).ok_or_else(|| {
            fields.fault(Field::Refresh, "must be \"fixed\" or a range such as \"100-300\"")
        })?),
    };
    Ok(shown.map(|next| {
        let (least, most) = range.unwrap_or((next, next));
        Display { next, least, most, seed }
    }))
}

/// Parses two whole numbers. A number that is too large for a quantity becomes the largest
/// quantity: no order displays so much.
fn range(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (least, most) = text.split_once('-')?;
    Some((number(least)?, number(most)?))
}
