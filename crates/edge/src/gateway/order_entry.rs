//! Translation of OUCH requests into commands.
//!
//! A fault of a request is in its command as the verdict, so that the client gets a report and a
//! replay finds the same. Requests that OUCH leaves without an answer become no command: a request
//! with an id that is not above the last used one (a retransmission), or for an order that the
//! session never had.
//!
//! | Field | Served |
//! |---|---|
//! | symbol | a name of at most 8 bytes, a number of at most 65535, a tick of at most 4 decimals |
//! | price | 0.0001 to 199,999.9900 on a tick; 200,000.0000 and 214,748.3647 mean a market order, for a peg no bound; on a replace no limit, for an auction order or a peg that keeps its bound |
//! | time in force | `0`, `3`, and `6` with an expiry, a time of the official day; on a replace `0`, since the order keeps its own, and `6` with another expiry |
//! | display | `Y`, `A`, `N`; a replaced order is displayed as it was entered |
//! | capacity | `A`, `P`, `R`, `O` |
//! | sweep | `Y` and `N`, without effect: there is no other venue to route to |
//! | cross type | `N`; with time in force `0` also `O`, `C` and `H`: for the opening, the closing, the next auction only |
//! | number of a new order | 1 to 3,999,999,999: higher numbers are for orders that were imported with their symbol |
//! | tags | `tags.rs` |

mod tags;
mod values;

use crate::gateway::queue::Inbound;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::names::Symbol;
use ringside_model::command::{
    AccountQuery, Action, Cancel, ClientFields, Command, Display, Enter, EnterIceberg,
    EnterSpecial, MassCancel, Modify, NamedSpecialTerms, NamedTerms, Reduce, Replace, ReplaceTerms,
    SetOrderEntry, SpecialTerms,
};
use ringside_model::domain::{
    FirmId, Name, Nanos, OrderId, OrderType, Peg, Price, Quantity, SessionId, Side, SymbolId,
    TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_wire::ouch::inbound::{self, CancelOrder, EnterOrder, ModifyOrder, ReplaceOrder};
use ringside_wire::ouch::{PRICE_MARKET, PRICE_MARKET_CROSS, Request, Tags};
use ringside_wire::unpadded;
use std::collections::HashSet;
use values::{capacity, check_sweep, display, limit, quantity, side};

/// Nanoseconds of a second and of a day.
const SECOND_NS: u64 = 1_000_000_000;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// Session that sends a request, with its rights.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// Sender of the request, and owner of its orders.
    pub session: SessionId,
    /// Firm that the session's orders belong to.
    pub firm: FirmId,
    /// Last id that is used up.
    pub last_id: u32,
    /// Symbols that the session may trade; `None` for all.
    pub symbols: Option<&'a HashSet<Name>>,
    /// Current time, which determines the day: a client names the second of the day at which an
    /// order expires.
    pub now: Nanos,
}

/// Reason why a request becomes no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The id is not above the last one that is used up.
    StaleId,
    /// The session never had the order that the request names.
    UnknownOrder,
    /// The request has a value that is not served, and OUCH has no answer for that.
    Unserved,
}

/// Translates a request into a command.
pub fn translate(
    request: &Request<'_>,
    requester: &Requester<'_>,
    directory: &Directory,
) -> Result<Inbound, Ignored> {
    let translator = Translator { requester, directory };
    match *request {
        Request::Enter(m, tags) => translator.enter(m, tags),
        Request::Replace(m, tags) => translator.replace(m, tags),
        Request::Cancel(m, tags) => translator.cancel(m, tags),
        Request::Modify(m, tags) => translator.modify(m, tags),
        Request::MassCancel(m, tags) => translator.mass_cancel(m, tags),
        Request::Disable(m, tags) => {
            translator.set_order_entry(m.user_ref_num.get(), m.firm, tags, false)
        }
        Request::Enable(m, tags) => {
            translator.set_order_entry(m.user_ref_num.get(), m.firm, tags, true)
        }
        Request::Query(_, tags) => translator.query(tags),
    }
}

/// Returns the tick of a symbol in 1/10000; `None` if the symbol is not served over the network.
pub fn served(directory: &Directory, symbol: SymbolId) -> Option<u64> {
    let Symbol { name, tick, .. } = directory.names().symbol(symbol)?;
    let decimals = 4u32.checked_sub(tick.scale.into())?;
    let has_place = symbol.0 <= u16::MAX.into() && name.as_str().len() <= 8;
    tick.mantissa.checked_mul(10u64.pow(decimals)).filter(|_| has_place)
}

struct Translator<'a> {
    requester: &'a Requester<'a>,
    directory: &'a Directory,
}

impl Translator<'_> {
    fn enter(&self, m: &EnterOrder, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        let id = self.new_id(m.user_ref_num.get())?;
        let (symbol, terms) = match self.symbol(&m.symbol) {
            Some((symbol, tick)) => (symbol, self.terms(m, id, (symbol, tick), tags)),
            None => (SymbolId::NONE, Err(Reason::UnknownSymbol)),
        };
        let fields = ClientFields {
            text: m.cl_ord_id,
            tif: m.time_in_force,
            display: m.display,
            capacity: m.capacity,
            sweep: m.inter_market_sweep_eligibility,
            cross: m.cross_type,
            ..no_fields(tags)
        };
        let action = terms.map(|action| match action {
            Action::Enter(_) => (action, fields),
            _ => (action, with_tags(fields, &tags::without_terms(tags))),
        });
        Ok(match action {
            Ok((action, fields)) => self.command(symbol, Reason::None, action, Some(fields)),
            Err(reason) => {
                let order = self.refused(id, m.quantity.get());
                self.command(symbol, reason, Action::Enter(order), Some(fields))
            }
        })
    }

    /// Returns the action of a new order.
    fn terms(
        &self,
        m: &EnterOrder,
        id: OrderId,
        (symbol, tick): (SymbolId, Result<u64, Reason>),
        tags: Tags<'_>,
    ) -> Result<Action, Reason> {
        self.check_permission(symbol)?;
        let tick = tick?;
        let options = tags::of_enter(tags, |firm| self.own_firm(firm).map(drop))?;
        let side = side(m.side).ok_or(Reason::InvalidSide)?;
        let quantity = quantity(m.quantity.get())?;
        let (attributed, hidden) = display(m.display)?;
        let tif = match (m.time_in_force, m.cross_type) {
            (b'0', b'N') => TimeInForce::Day,
            (b'3', b'N') => TimeInForce::Ioc,
            (b'6', b'N') => TimeInForce::Gtc,
            (b'0', b'O') => TimeInForce::AtOpen,
            (b'0', b'C') => TimeInForce::AtClose,
            (b'0', b'H') => TimeInForce::Auction,
            (b'0' | b'3' | b'6', _) => return Err(Reason::InvalidCross),
            _ => return Err(Reason::UnsupportedField),
        };
        let capacity = capacity(m.capacity)?;
        check_sweep(m.inter_market_sweep_eligibility)?;
        let (order_type, price) = match m.price.get() {
            PRICE_MARKET | PRICE_MARKET_CROSS => (OrderType::Market, Price(0)),
            price => (OrderType::Limit, limit(price, tick)?),
        };
        let tags::Options { post_only, self_trade, displayed, minimum, expires, .. } = options;
        if expires.is_some() != (tif == TimeInForce::Gtc) {
            return Err(Reason::UnsupportedField);
        }
        let (firm, group) = (self.requester.firm, 0);
        let order = Enter {
            id,
            price: if options.peg == Peg::None { price } else { Price(0) },
            quantity,
            firm,
            group,
            side,
            order_type: if options.peg == Peg::None { order_type } else { OrderType::Limit },
            tif,
            post_only,
            self_trade,
            capacity,
            attributed,
        };
        let terms = SpecialTerms {
            expire: Nanos(expires.map_or(0, |second| self.on_this_day(second))),
            min_quantity: Quantity(minimum.into()),
            hidden: hidden || options.peg == Peg::Midpoint,
            ..pegged(&options, price, tick)?
        };
        match displayed.map(u64::from) {
            None if terms == SpecialTerms::NONE => Ok(Action::Enter(order)),
            None => Ok(Action::EnterSpecial(EnterSpecial { order, terms })),
            Some(_) if terms != SpecialTerms::NONE => Err(Reason::UnsupportedField),
            Some(shown) => {
                let display = Display { next: shown, least: shown, most: shown, seed: 0 };
                Ok(Action::EnterIceberg(EnterIceberg { order, display }))
            }
        }
    }

    /// Returns the time of a second of the current day, in ns since the epoch. The first second of
    /// the epoch becomes 1 ns, because 0 means no time; it has passed in any case.
    fn on_this_day(&self, second: u32) -> u64 {
        let Nanos(now) = self.requester.now;
        (now - now % DAY_NS + u64::from(second) * SECOND_NS).max(1)
    }

    /// Returns the order that the journal holds for a rejected request: no stage looks at its
    /// terms.
    fn refused(&self, id: OrderId, quantity: u32) -> Enter {
        Enter {
            firm: self.requester.firm,
            ..Enter::limit(id, Side::Buy, Quantity(quantity.into()), Price(0))
        }
    }

    /// Translates a replace; the order keeps everything that the request does not name.
    fn replace(&self, m: &ReplaceOrder, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        let new_id = self.new_id(m.user_ref_num.get())?;
        let (id, symbol) = self.order(m.orig_user_ref_num.get())?;
        let terms = self.new_terms(m, symbol, tags);
        let fields = ClientFields {
            text: m.cl_ord_id,
            tif: m.time_in_force,
            display: m.display,
            sweep: m.inter_market_sweep_eligibility,
            ..no_fields(tags)
        };
        let quantity = Quantity(m.quantity.get().into());
        let (price, named) = terms.unwrap_or_default();
        let replace = Replace { id, new_id, quantity, price };
        let action = match named {
            Some(terms) => Action::ReplaceTerms(ReplaceTerms { replace, terms }),
            None => Action::Replace(replace),
        };
        Ok(self.command(symbol, terms.err().unwrap_or(Reason::None), action, Some(fields)))
    }

    /// Returns the limit and the other terms that a replace names.
    fn new_terms(
        &self,
        m: &ReplaceOrder,
        symbol: SymbolId,
        tags: Tags<'_>,
    ) -> Result<(Price, Option<NamedTerms>), Reason> {
        self.check_permission(symbol)?;
        let tick = self.tick(symbol)?;
        let tags::Named { displayed, minimum, expires, is_peg, peg_offset } =
            tags::of_replace(tags)?;
        quantity(m.quantity.get())?;
        display(m.display)?;
        match m.time_in_force {
            b'0' if expires.is_none() => {}
            b'6' if expires.is_some() => {}
            _ => return Err(Reason::UnsupportedField),
        }
        check_sweep(m.inter_market_sweep_eligibility)?;
        let price = match m.price.get() {
            // Only the engine knows if the order is for an auction.
            PRICE_MARKET | PRICE_MARKET_CROSS => Price(0),
            price => limit(price, tick)?,
        };
        let special = NamedSpecialTerms {
            min_quantity: minimum.map(|quantity| Quantity(quantity.into())),
            peg_offset: peg_offset.map(|offset| offset_ticks(offset, tick)).transpose()?,
            peg_limit: is_peg.then_some(price),
            expire: Nanos(expires.map_or(0, |second| self.on_this_day(second))),
        };
        let limit = if is_peg { Price(0) } else { price };
        let has_special = special != NamedSpecialTerms::default();
        match displayed.map(u64::from) {
            None => Ok((limit, has_special.then_some(NamedTerms::Special(special)))),
            Some(_) if has_special => Err(Reason::UnsupportedField),
            Some(shown) => {
                let display = Display { next: shown, least: shown, most: shown, seed: 0 };
                Ok((limit, Some(NamedTerms::Display(display))))
            }
        }
    }

    /// Returns the tick of a symbol in 1/10000, or `Busy` while a change of the symbol is
    /// unanswered. A later change cannot overtake this request. The tick is read after the
    /// question: an answer may come in between.
    fn tick(&self, symbol: SymbolId) -> Result<u64, Reason> {
        let is_changing = self.directory.names().is_changing(symbol);
        let tick = served(self.directory, symbol).ok_or(Reason::UnknownSymbol)?;
        if is_changing { Err(Reason::Busy) } else { Ok(tick) }
    }

    fn cancel(&self, m: &CancelOrder, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        let (id, symbol) = self.order(m.user_ref_num.get())?;
        tags::of_cancel(tags).map_err(|_| Ignored::Unserved)?;
        let action = match m.quantity.get() {
            0 => Action::Cancel(Cancel { id }),
            total => Action::Reduce(Reduce { id, quantity: Quantity(total.into()) }),
        };
        Ok(self.command(symbol, Reason::TooLate, action, None))
    }

    fn modify(&self, m: &ModifyOrder, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        let (id, symbol) = self.order(m.user_ref_num.get())?;
        tags::of_modify(tags).map_err(|_| Ignored::Unserved)?;
        let side = side(m.side).ok_or(Ignored::Unserved)?;
        let quantity = Some(Quantity(m.quantity.get().into()));
        let action = Action::Modify(Modify { id, side: Some(side), quantity });
        Ok(self.command(symbol, Reason::TooLate, action, fields_of(tags)))
    }

    /// Translates a mass cancel. A firm or a tag that is not served must not cancel other orders
    /// than those that were meant. So such a request goes to a symbol that does not exist, and the
    /// engine rejects the request.
    fn mass_cancel(&self, m: &inbound::MassCancel, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        let id = self.new_id(m.user_ref_num.get())?;
        let named = match m.symbol == [b' '; 8] {
            true => Some(SymbolId::NONE),
            false => self.symbol(&m.symbol).map(|(symbol, _)| symbol),
        };
        let (firm, covered) = (self.own_firm(&m.firm), tags::of_mass_cancel(tags));
        let (symbol, firm, tags::Covered { group, buy }) = match (named, firm, covered) {
            (Some(symbol), Ok(firm), Ok(covered)) => (symbol, firm, covered),
            _ => (Directory::NOWHERE, None, tags::Covered::default()),
        };
        let session = Some(self.requester.session);
        let action = Action::MassCancel(MassCancel { id, session, firm, group, buy });
        Ok(self.command(symbol, Reason::None, action, fields_of(tags)))
    }

    fn set_order_entry(
        &self,
        id: u32,
        firm: [u8; 4],
        tags: Tags<'_>,
        enabled: bool,
    ) -> Result<Inbound, Ignored> {
        let id = self.new_id(id)?;
        let refused = self.own_firm(&firm).map(drop).and_then(|()| tags::of_cancel(tags)).err();
        let action = Action::SetOrderEntry(SetOrderEntry { id, enabled });
        Ok(self.command(SymbolId::NONE, refused.unwrap_or(Reason::None), action, None))
    }

    fn query(&self, tags: Tags<'_>) -> Result<Inbound, Ignored> {
        tags::of_cancel(tags).map_err(|_| Ignored::Unserved)?;
        let next = OrderId(self.requester.last_id.saturating_add(1).into());
        Ok(self.command(
            SymbolId::NONE,
            Reason::None,
            Action::AccountQuery(AccountQuery { next }),
            None,
        ))
    }

    fn command(
        &self,
        symbol: SymbolId,
        verdict: Reason,
        action: Action,
        fields: Option<ClientFields>,
    ) -> Inbound {
        let command = Command { session: self.requester.session, symbol, verdict, action };
        Inbound { command, fields }
    }

    fn new_id(&self, id: u32) -> Result<OrderId, Ignored> {
        match OrderId(id.into()) {
            _ if id <= self.requester.last_id => Err(Ignored::StaleId),
            given if given.is_imported() => Err(Ignored::Unserved),
            own => Ok(own),
        }
    }

    /// Returns an order that the session once had, and its symbol.
    fn order(&self, id: u32) -> Result<(OrderId, SymbolId), Ignored> {
        let id = OrderId(id.into());
        let symbol = self.directory.order_symbol(self.requester.session, id);
        let symbol = symbol.filter(|&symbol| symbol != SymbolId::NONE);
        symbol.map(|symbol| (id, symbol)).ok_or(Ignored::UnknownOrder)
    }

    /// Returns the symbol of this name with its [`tick`](Self::tick); `None` if it is not served.
    fn symbol(&self, field: &[u8; 8]) -> Option<(SymbolId, Result<u64, Reason>)> {
        let symbol = self.directory.numbers().symbol_id(Name::new(unpadded(field)?)?)?;
        let tick = self.tick(symbol);
        (tick != Err(Reason::UnknownSymbol)).then_some((symbol, tick))
    }

    fn check_permission(&self, symbol: SymbolId) -> Result<(), Reason> {
        let Some(permitted) = self.requester.symbols else { return Ok(()) };
        let name = self.directory.names().symbol(symbol).map(|symbol| symbol.name);
        if name.is_some_and(|name| permitted.contains(&name)) {
            Ok(())
        } else {
            Err(Reason::NotPermitted)
        }
    }

    /// Returns the session's firm if the field names it, `None` if the field is blank.
    fn own_firm(&self, field: &[u8]) -> Result<Option<FirmId>, Reason> {
        let named = unpadded(field).ok_or(Reason::NotPermitted)?;
        let own = self.directory.names().firm(self.requester.firm);
        match named {
            "" => Ok(None),
            _ if own.is_some_and(|own| own.as_str() == named) => Ok(Some(self.requester.firm)),
            _ => Err(Reason::NotPermitted),
        }
    }
}

/// Returns the terms of a peg; the limit bounds the price that follows the quote.
fn pegged(options: &tags::Options, limit: Price, tick: u64) -> Result<SpecialTerms, Reason> {
    let tags::Options { peg, peg_offset, .. } = *options;
    if peg == Peg::None {
        return if peg_offset == 0 { Ok(SpecialTerms::NONE) } else { Err(Reason::InvalidPeg) };
    }
    let peg_offset = offset_ticks(peg_offset, tick)?;
    Ok(SpecialTerms { peg, peg_offset, peg_limit: limit, ..SpecialTerms::NONE })
}

/// Converts the distance of a peg in 1/10000 to ticks.
fn offset_ticks(offset: u32, tick: u64) -> Result<u32, Reason> {
    let offset = u64::from(offset);
    if !offset.is_multiple_of(tick) {
        return Err(Reason::OffTick);
    }
    Ok((offset / tick) as u32)
}

/// Returns blank fields with these tags.
fn no_fields(tags: Tags<'_>) -> ClientFields {
    let fields = ClientFields {
        text: [b' '; ClientFields::TEXT_BYTES],
        tif: b' ',
        display: b' ',
        capacity: b' ',
        sweep: b' ',
        cross: b'N',
        tag_bytes: 0,
        tags: [0; ClientFields::TAG_BYTES_MAX],
    };
    with_tags(fields, tags.bytes())
}

/// Returns the fields with these tags, or without tags if there is no room for them.
fn with_tags(fields: ClientFields, bytes: &[u8]) -> ClientFields {
    let (mut tags, mut tag_bytes) = ([0; ClientFields::TAG_BYTES_MAX], 0);
    if let Some(room) = tags.get_mut(..bytes.len()) {
        room.copy_from_slice(bytes);
        tag_bytes = bytes.len() as u8;
    }
    ClientFields { tags, tag_bytes, ..fields }
}

/// Returns fields with nothing but the tags; `None` if there are no tags.
fn fields_of(tags: Tags<'_>) -> Option<ClientFields> {
    (!tags.bytes().is_empty()).then(|| no_fields(tags))
}
