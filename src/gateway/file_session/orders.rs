//! Lines about orders.

use super::fields::{Fault, Field, Fields, set};
use super::operations::{Venue, required_id, required_name};
use super::words::{BOOK_SIDES, CAPACITIES, SELF_TRADES, SIDES, TIFS, TYPES, causes};
use crate::command::{Action, Command, Display, Enter, EnterIceberg, EnterStop, MassCancel};
use crate::directory::Directory;
use crate::domain::{
    Capacity, FirmId, Name, Nanos, OrderId, OrderType, PostOnly, Price, SelfTrade, SymbolId,
    TimeInForce,
};
use crate::reason::Reason;

const ENTER: u64 = UNSERVED_OPTIONS
    | set(&[
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
        Field::Stp,
        Field::StpGroup,
        Field::Firm,
        Field::DisplayQty,
        Field::Refresh,
        Field::Seed,
        Field::Hidden,
        Field::Capacity,
        Field::Attributed,
    ]);
const REDUCE: u64 = set(&[Field::Session, Field::Id, Field::Qty]);
const MODIFY: u64 = set(&[Field::Session, Field::Id, Field::Side, Field::Qty]);
const REPLACE: u64 = set(&[Field::Session, Field::Id, Field::NewId, Field::Qty, Field::Price]);
const CANCEL: u64 = set(&[Field::Session, Field::Id]);
const MASS_CANCEL: u64 = set(&[
    Field::Session,
    Field::Id,
    Field::Symbol,
    Field::OfSession,
    Field::OfFirm,
    Field::StpGroup,
    Field::Side,
    Field::Cause,
]);

/// Options of the format that this venue answers with `unsupported`; and so is `hidden` when true.
const UNSERVED_OPTIONS: u64 = set(&[Field::ExpireTs, Field::MinQty]);

/// What a line says of a new order, but for whose it is, its symbol and its price.
pub(super) struct Terms {
    /// With the usual in the place of what is not served.
    pub order: Enter,
    /// Whether its type and its time in force are.
    pub is_served: bool,
    /// Whether it is a stop.
    pub is_stop: bool,
}

impl Terms {
    pub fn read(fields: &Fields) -> Result<Terms, Fault> {
        let side = fields.required(Field::Side, fields.word(Field::Side, SIDES)?)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let order_type =
            fields.word(Field::Type, TYPES)?.unwrap_or(Some((OrderType::Limit, false)));
        let tif = fields.word(Field::Tif, TIFS)?.unwrap_or(Some(TimeInForce::Day));
        let order = Enter {
            id: OrderId(0),
            price: Price(0),
            quantity,
            firm: FirmId(0),
            group: group(fields)?.unwrap_or(0),
            side,
            order_type: order_type.map_or(OrderType::Limit, |(order_type, _)| order_type),
            tif: tif.unwrap_or(TimeInForce::Day),
            post_only: post_only(fields)?,
            self_trade: fields.word(Field::Stp, SELF_TRADES)?.unwrap_or(SelfTrade::None),
            capacity: fields.word(Field::Capacity, CAPACITIES)?.unwrap_or(Capacity::Other),
            attributed: fields.bool(Field::Attributed)?.unwrap_or(false),
        };
        let is_stop = order_type.is_some_and(|(_, is_stop)| is_stop);
        Ok(Terms { order, is_served: order_type.is_some() && tif.is_some(), is_stop })
    }
}

impl<F: FnMut(Command, Option<Nanos>)> Venue<'_, F> {
    pub fn enter(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("enter", ENTER)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let symbol = required_name(fields, Field::Symbol)?;
        let terms = Terms::read(fields)?;
        let price = fields.decimal(Field::Price)?;
        let stop = fields.decimal(Field::StopPrice)?;
        let display = display(fields, id)?;
        let firm = fields.name(Field::Firm)?;
        let served = !wants_unserved_options(fields)? && terms.is_served;
        let served = served && (terms.is_stop || stop.is_none());
        let shows_all = display.is_none() && !fields.has(set(&[Field::Refresh, Field::Seed]));
        let served = served && (shows_all || display.is_some() && !terms.is_stop);

        let firm = firm.map(|name| self.firm(fields, Field::Firm, name)).transpose()?;
        let session = self.session(fields, Field::Session, session)?;
        let firm = firm.or_else(|| Some(self.directory.session(session)?.firm)).unwrap_or_default();
        let symbol = self.directory.symbol_id(symbol).unwrap_or(SymbolId::NONE);
        let price = price.map_or(Ok(Price(0)), |price| self.ticks(symbol, price));
        let stop = stop.map_or(Ok(Price(0)), |stop| self.ticks(symbol, stop));
        let verdict = if let Some(reason) = self.directory.refuses(session, id) {
            reason
        } else if symbol == SymbolId::NONE {
            Reason::UnknownSymbol
        } else if terms.order.quantity.0 == 0 {
            Reason::InvalidQuantity
        } else if let Err(reason) = price.and(stop) {
            reason
        } else if !served {
            Reason::Unsupported
        } else {
            Reason::None
        };
        let enter = Enter { id, firm, price: price.unwrap_or_default(), ..terms.order };
        let action = match display {
            _ if terms.is_stop => {
                Action::EnterStop(EnterStop { order: enter, stop: stop.unwrap_or_default() })
            }
            Some(display) => Action::EnterIceberg(EnterIceberg { order: enter, display }),
            None => Action::Enter(enter),
        };
        self.send(session, symbol, verdict, action);
        Ok(())
    }

    pub fn reduce(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("reduce", REDUCE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        self.change(fields, session, id, Action::Reduce { id, quantity })
    }

    pub fn modify(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("modify", MODIFY)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let side = fields.word(Field::Side, SIDES)?;
        let quantity = fields.quantity(Field::Qty)?;
        if side.is_none() && quantity.is_none() {
            let missing = "`modify` needs the field `side`, the field `qty`, or both";
            return Err(Fault::new(fields.end, missing));
        }
        self.change(fields, session, id, Action::Modify { id, side, quantity })
    }

    pub fn cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("cancel", CANCEL)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        self.change(fields, session, id, Action::Cancel { id })
    }

    /// Sends a reduce, a modify or a cancel. Whether the order is live is for the engine to know; the
    /// verdict says what it is otherwise, a finished order or none that ever was.
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

    pub fn replace(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("replace", REPLACE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let new_id = required_id(fields, Field::NewId)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;

        let session = self.session(fields, Field::Session, session)?;
        let symbol = self.directory.order_symbol(session, id).unwrap_or(SymbolId::NONE);
        let price = self.ticks(symbol, price);
        let verdict = if let Some(reason) = self.directory.refuses(session, new_id) {
            reason
        } else if symbol == SymbolId::NONE {
            Reason::None
        } else if quantity.0 == 0 {
            Reason::InvalidQuantity
        } else {
            price.err().unwrap_or(Reason::None)
        };
        let price = price.unwrap_or_default();
        self.send(session, symbol, verdict, Action::Replace { id, new_id, quantity, price });
        Ok(())
    }

    pub fn mass_cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("mass_cancel", MASS_CANCEL)?;
        let asks = required_name(fields, Field::Session)?;
        let id = OrderId(fields.integer_to(Field::Id, u64::MAX)?.unwrap_or(0));
        let symbol = fields.name(Field::Symbol)?;
        let of_session = fields.name(Field::OfSession)?;
        let of_firm = fields.name(Field::OfFirm)?;
        let group = group(fields)?;
        let buy = fields.word(Field::Side, BOOK_SIDES)?;
        let cause = fields.word(Field::Cause, &causes())?.unwrap_or(Reason::None);

        let firm = of_firm.map(|name| self.firm(fields, Field::OfFirm, name)).transpose()?;
        let asks = self.session(fields, Field::Session, asks)?;
        let of_session = of_session.map(|name| self.session(fields, Field::OfSession, name));
        let whose_is_said = of_session.is_some() || firm.is_some() || group.is_some();
        let session = of_session.transpose()?.or_else(|| (!whose_is_said).then_some(asks));
        let (symbol, verdict) = match symbol.map(|name| self.directory.symbol_id(name)) {
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
        let post_only = fields.bool(Field::PostOnly)?.unwrap_or(false);
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

/// Whether the line has an option that is not served, after a look at the form of all of them.
fn wants_unserved_options(fields: &Fields) -> Result<bool, Fault> {
    fields.integer_to(Field::ExpireTs, u64::MAX)?;
    fields.integer(Field::MinQty)?;
    let hidden = fields.bool(Field::Hidden)?.unwrap_or(false);
    Ok(hidden || fields.has(UNSERVED_OPTIONS))
}

/// What of an order is to be shown, if that is not all. Without a seed its id is the seed.
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

/// Two whole numbers. One that is too large to be a quantity is as large as one can be: no order shows so much.
fn range(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (least, most) = text.split_once('-')?;
    Some((number(least)?, number(most)?))
}
