//! The operations: from the fields of a line to commands.
//!
//! A line is read and checked whole before its first command goes out.

use super::fields::{Decimal, Fault, Field, Fields, set};
use crate::command::{Action, Command, DefineSymbol, Enter, MassCancel};
use crate::domain::{
    FirmId, Name, Nanos, OrderId, OrderType, PostOnly, Price, Quantity, SelfTrade, SessionId, Side,
    SymbolId, Tick, TimeInForce,
};
use crate::durability::Durability;
use crate::gateway::directory::Directory;
use crate::reason::Reason;

const SYMBOL: u64 =
    set(&[Field::Symbol, Field::Tick, Field::Lot, Field::CollarBps, Field::Reference]);
const SESSION: u64 = set(&[Field::Session, Field::Firm]);
const FIRM: u64 = set(&[Field::Firm]);
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
        Field::PostOnly,
        Field::Stp,
        Field::StpGroup,
        Field::Firm,
        Field::Hidden,
    ]);
const REDUCE: u64 = set(&[Field::Session, Field::Id, Field::Qty]);
const REPLACE: u64 = set(&[Field::Session, Field::Id, Field::NewId, Field::Qty, Field::Price]);
const CANCEL: u64 = set(&[Field::Session, Field::Id]);
const MASS_CANCEL: u64 = set(&[
    Field::Session,
    Field::Symbol,
    Field::OfSession,
    Field::OfFirm,
    Field::StpGroup,
    Field::Side,
]);

const DURABILITY: u64 = set(&[Field::Mode]);

/// Options of the format that this venue answers with `unsupported`; and so is `hidden` when true.
const UNSERVED_OPTIONS: u64 =
    set(&[Field::StopPrice, Field::ExpireTs, Field::DisplayQty, Field::Refresh, Field::MinQty]);

const SIDES: &[(&str, Side)] = &[
    ("buy", Side::Buy),
    ("sell", Side::Sell),
    ("short", Side::Short),
    ("short_exempt", Side::ShortExempt),
];

/// The order types; `None` is one that is known but not served.
const TYPES: &[(&str, Option<OrderType>)] = &[
    ("limit", Some(OrderType::Limit)),
    ("market", Some(OrderType::Market)),
    ("market_to_limit", Some(OrderType::MarketToLimit)),
    ("stop", None),
    ("stop_limit", None),
    ("peg", None),
];

/// The times in force; `None` is one that is known but not served.
const TIFS: &[(&str, Option<TimeInForce>)] = &[
    ("day", Some(TimeInForce::Day)),
    ("gtc", Some(TimeInForce::Gtc)),
    ("ioc", Some(TimeInForce::Ioc)),
    ("fok", Some(TimeInForce::Fok)),
    ("gtt", None),
    ("at_open", None),
    ("at_close", None),
    ("auction", None),
];

const SELF_TRADES: &[(&str, SelfTrade)] = &[
    ("none", SelfTrade::None),
    ("cancel_newest", SelfTrade::CancelNewest),
    ("cancel_oldest", SelfTrade::CancelOldest),
    ("cancel_both", SelfTrade::CancelBoth),
    ("decrement", SelfTrade::Decrement),
    ("cancel_smallest", SelfTrade::CancelSmallest),
];

const MODES: &[(&str, Durability)] = &[
    ("volatile", Durability::Volatile),
    ("pagecache", Durability::Pagecache),
    ("fsync", Durability::Fsync),
];

/// Runs the operation of a line.
pub fn run(
    fields: &Fields,
    directory: &mut Directory,
    out: &mut impl FnMut(Command, Option<Nanos>),
) -> Result<(), Fault> {
    let operation = fields.required(Field::Op, fields.text(Field::Op)?)?;
    let time = fields.integer_to(Field::Ts, u64::MAX)?.map(Nanos);
    let mut venue = Venue { directory, time, out };
    match operation {
        "enter" => venue.enter(fields),
        "cancel" => venue.cancel(fields),
        "replace" => venue.replace(fields),
        "reduce" => venue.reduce(fields),
        "mass_cancel" => venue.mass_cancel(fields),
        "symbol" => venue.define_symbol(fields),
        "session" => venue.define_session(fields),
        "firm" => venue.define_firm(fields),
        "durability" => venue.set_durability(fields),
        _ => {
            let known =
                "enter, reduce, replace, cancel, mass_cancel, symbol, session, firm, durability";
            Err(fields.fault(Field::Op, &format!("must be one of {known}")))
        }
    }
}

struct Venue<'a, F> {
    directory: &'a mut Directory,
    time: Option<Nanos>,
    out: &'a mut F,
}

impl<F: FnMut(Command, Option<Nanos>)> Venue<'_, F> {
    fn enter(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("enter", ENTER)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let symbol = required_name(fields, Field::Symbol)?;
        let side = fields.required(Field::Side, fields.word(Field::Side, SIDES)?)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let price = fields.decimal(Field::Price)?;
        let order_type = fields.word(Field::Type, TYPES)?.unwrap_or(Some(OrderType::Limit));
        let tif = fields.word(Field::Tif, TIFS)?.unwrap_or(Some(TimeInForce::Day));
        let post_only = post_only(fields)?;
        let self_trade = fields.word(Field::Stp, SELF_TRADES)?.unwrap_or(SelfTrade::None);
        let group = group(fields)?.unwrap_or(0);
        let firm = fields.name(Field::Firm)?;
        let served = !wants_unserved_options(fields)? && order_type.is_some() && tif.is_some();

        let firm = firm.map(|name| self.firm(fields, Field::Firm, name)).transpose()?;
        let session = self.session(fields, Field::Session, session)?;
        let firm = firm.or_else(|| Some(self.directory.session(session)?.firm)).unwrap_or_default();
        let symbol = self.directory.symbol_id(symbol).unwrap_or(SymbolId::NONE);
        let price = price.map_or(Ok(Price(0)), |price| self.ticks(symbol, price));
        let verdict = if self.directory.order_symbol(session, id).is_some() {
            Reason::DuplicateId
        } else if symbol == SymbolId::NONE {
            Reason::UnknownSymbol
        } else if quantity.0 == 0 {
            Reason::InvalidQuantity
        } else if let Err(reason) = price {
            reason
        } else if !served {
            Reason::Unsupported
        } else {
            Reason::None
        };
        let enter = Enter {
            id,
            price: price.unwrap_or_default(),
            quantity,
            firm,
            group,
            side,
            order_type: order_type.unwrap_or(OrderType::Limit),
            tif: tif.unwrap_or(TimeInForce::Day),
            post_only,
            self_trade,
        };
        self.send(session, symbol, verdict, Action::Enter(enter));
        Ok(())
    }

    fn reduce(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("reduce", REDUCE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        self.change(fields, session, id, Action::Reduce { id, quantity })
    }

    fn cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("cancel", CANCEL)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        self.change(fields, session, id, Action::Cancel { id })
    }

    /// Sends a reduce or a cancel. Whether the order is live is for the engine to know; the verdict
    /// says what it is otherwise, a finished order or none that ever was.
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

    fn replace(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("replace", REPLACE)?;
        let session = required_name(fields, Field::Session)?;
        let id = required_id(fields, Field::Id)?;
        let new_id = required_id(fields, Field::NewId)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;

        let session = self.session(fields, Field::Session, session)?;
        let symbol = self.directory.order_symbol(session, id).unwrap_or(SymbolId::NONE);
        let price = self.ticks(symbol, price);
        let verdict = if self.directory.order_symbol(session, new_id).is_some() {
            Reason::DuplicateId
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

    fn mass_cancel(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("mass_cancel", MASS_CANCEL)?;
        let asks = required_name(fields, Field::Session)?;
        let symbol = fields.name(Field::Symbol)?;
        let of_session = fields.name(Field::OfSession)?;
        let of_firm = fields.name(Field::OfFirm)?;
        let group = group(fields)?;
        let buy = fields.word(Field::Side, &[("buy", true), ("sell", false)])?;

        let firm = of_firm.map(|name| self.firm(fields, Field::OfFirm, name)).transpose()?;
        let asks = self.session(fields, Field::Session, asks)?;
        let of_session = of_session.map(|name| self.session(fields, Field::OfSession, name));
        let whose_is_said = of_session.is_some() || firm.is_some() || group.is_some();
        let session = of_session.transpose()?.or_else(|| (!whose_is_said).then_some(asks));
        let (symbol, verdict) = match symbol.map(|name| self.directory.symbol_id(name)) {
            None => (SymbolId::NONE, Reason::None),
            Some(Some(symbol)) => (symbol, Reason::None),
            Some(None) => (Directory::NOWHERE, Reason::UnknownSymbol),
        };
        let action = Action::MassCancel(MassCancel { session, firm, group, buy });
        self.send(asks, symbol, verdict, action);
        Ok(())
    }

    fn define_symbol(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("symbol", SYMBOL)?;
        let name = required_name(fields, Field::Symbol)?;
        let tick = fields.required(Field::Tick, fields.decimal(Field::Tick)?)?;
        let lot = fields.quantity(Field::Lot)?.unwrap_or(Quantity(1));
        let collar = fields.integer(Field::CollarBps)?.unwrap_or(Some(0));
        let reference = fields.decimal(Field::Reference)?;

        let tick = Tick::parse(tick.text());
        let collar_bps = collar.and_then(|bps| u32::try_from(bps).ok());
        let reference = match (tick, reference) {
            (Some(tick), Some(reference)) => reference.ticks(tick).ok(),
            _ => Some(Price(0)),
        };
        let valid = lot.0 > 0 && tick.is_some() && collar_bps.is_some() && reference.is_some();
        let (symbol, verdict) = match self.directory.symbol_id(name) {
            Some(known) => (known, Reason::DuplicateName),
            None if !valid => (SymbolId::NONE, Reason::InvalidDefinition),
            None => {
                let next = self.directory.next_symbol();
                (next.ok_or_else(|| no_room(fields, Field::Symbol))?, Reason::None)
            }
        };
        let definition = DefineSymbol {
            name,
            tick: tick.unwrap_or(Tick { mantissa: 0, scale: 0 }),
            lot,
            collar_bps: collar_bps.unwrap_or_default(),
            reference: reference.unwrap_or_default(),
        };
        self.send(SessionId(0), symbol, verdict, Action::DefineSymbol(definition));
        Ok(())
    }

    fn define_session(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("session", SESSION)?;
        let name = required_name(fields, Field::Session)?;
        let firm = fields.name(Field::Firm)?;
        let firm = firm.map(|name| self.firm(fields, Field::Firm, name)).transpose()?;
        let firm = firm.unwrap_or_default();
        match self.directory.session_id(name) {
            None => self.new_session(fields, Field::Session, name, firm).map(drop),
            Some(known) => {
                let action = Action::DefineSession { name, firm };
                self.send(known, SymbolId::NONE, Reason::DuplicateName, action);
                Ok(())
            }
        }
    }

    fn define_firm(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("firm", FIRM)?;
        let name = required_name(fields, Field::Firm)?;
        match self.directory.firm_id(name) {
            None => self.firm(fields, Field::Firm, name).map(drop),
            Some(firm) => {
                let action = Action::DefineFirm { firm, name };
                self.send(SessionId(0), SymbolId::NONE, Reason::DuplicateName, action);
                Ok(())
            }
        }
    }

    fn set_durability(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("durability", DURABILITY)?;
        let mode = fields.required(Field::Mode, fields.word(Field::Mode, MODES)?)?;
        self.send(SessionId(0), SymbolId::NONE, Reason::None, Action::SetDurability(mode));
        Ok(())
    }

    /// The session of this name, which is defined first if it is new.
    fn session(&mut self, fields: &Fields, field: Field, name: Name) -> Result<SessionId, Fault> {
        match self.directory.session_id(name) {
            Some(session) => Ok(session),
            None => self.new_session(fields, field, name, FirmId(0)),
        }
    }

    fn new_session(
        &mut self,
        fields: &Fields,
        field: Field,
        name: Name,
        firm: FirmId,
    ) -> Result<SessionId, Fault> {
        let session = self.directory.next_session().ok_or_else(|| no_room(fields, field))?;
        let action = Action::DefineSession { name, firm };
        self.send(session, SymbolId::NONE, Reason::None, action);
        Ok(session)
    }

    /// The firm of this name, which is defined first if it is new. Firms run out before anything
    /// else does, so a line asks for its firm first and nothing of it has gone out when that fails.
    fn firm(&mut self, fields: &Fields, field: Field, name: Name) -> Result<FirmId, Fault> {
        if let Some(firm) = self.directory.firm_id(name) {
            return Ok(firm);
        }
        let firm = self.directory.next_firm().ok_or_else(|| no_room(fields, field))?;
        self.send(SessionId(0), SymbolId::NONE, Reason::None, Action::DefineFirm { firm, name });
        Ok(firm)
    }

    /// The price in ticks of the symbol; none if there is no such symbol.
    fn ticks(&self, symbol: SymbolId, price: Decimal) -> Result<Price, Reason> {
        let symbol = self.directory.symbol(symbol);
        symbol.map_or(Ok(Price(0)), |symbol| price.ticks(symbol.tick))
    }

    fn send(&mut self, session: SessionId, symbol: SymbolId, verdict: Reason, action: Action) {
        let command = Command { session, symbol, verdict, action };
        self.directory.observe(&command);
        (self.out)(command, self.time);
    }
}

fn required_name(fields: &Fields, field: Field) -> Result<Name, Fault> {
    fields.required(field, fields.name(field)?)
}

fn required_id(fields: &Fields, field: Field) -> Result<OrderId, Fault> {
    fields.required(field, fields.integer_to(field, u64::MAX)?).map(OrderId)
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
    fields.decimal(Field::StopPrice)?;
    fields.integer_to(Field::ExpireTs, u64::MAX)?;
    fields.integer(Field::DisplayQty)?;
    fields.integer(Field::MinQty)?;
    if fields.text(Field::Refresh)?.is_some_and(|text| !is_refresh(text)) {
        return Err(
            fields.fault(Field::Refresh, "must be \"fixed\" or a range such as \"100-300\"")
        );
    }
    let hidden = fields.bool(Field::Hidden)?.unwrap_or(false);
    Ok(hidden || fields.has(UNSERVED_OPTIONS))
}

fn is_refresh(text: &str) -> bool {
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    text == "fixed" || text.split_once('-').is_some_and(|(a, b)| is_number(a) && is_number(b))
}

fn no_room(fields: &Fields, field: Field) -> Fault {
    fields.fault(field, "is new, but the venue has no number left for it")
}
