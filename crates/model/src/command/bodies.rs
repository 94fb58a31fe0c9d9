//! Bodies of the commands in their frames: encoding and decoding.
//!
//! ```text
//!            0                8                16               24     26      28   29   30   31
//! enter      │ id             │ price          │ quantity       │ firm │ group │side│type│tif │opts│
//! replace    │ id             │ price          │ quantity       │ new id                           │
//! reduce     │ id             │ quantity       │
//! cancel     │ id             │
//! enter_stop │ as enter, then the stop price
//! enter_iceberg │ as enter, then size of the first slice, least and greatest size of the later slices, seed,
//!                 client fields
//! enter_rich │ as enter, then rare terms, client fields
//! ```
//!
//! A command from the network has a second line, [`ClientFields`]. Icebergs and orders with rare
//! terms have no room for a second line: their bodies end with shortened client fields.

use super::{
    Action, BreakTrade, ClientFields, Command, CorrectTrade, DefineSymbol, Display, Enter,
    EnterIceberg, EnterRich, EnterStop, ImportOrder, MassCancel, MoveSymbol, PlanState, RichTerms,
    RiskLimits, Sequenced, SetBands, SetRisk, TradeSide,
};
use crate::domain::{
    Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, OrderId, OrderType, PartitionId,
    PostOnly, Price, Quantity, RiskScope, Role, SelfTrade, SessionId, Side, SymbolState, Tick,
    TimeInForce,
};
use crate::frame::{Frame, FrameKind, SetDurability};
use crate::reason::Reason;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

impl Command {
    /// Writes the command into a frame; [`Frame::seal`] completes the frame.
    #[inline]
    pub fn encode(&self, frame: &mut Frame) {
        match self.action {
            Action::Enter(ref e) => frame.write(FrameKind::Enter, &EnterBody::of(e)),
            Action::EnterStop(ref e) => frame.write(
                FrameKind::EnterStop,
                &EnterStopBody { order: EnterBody::of(&e.order), stop: e.stop.0 },
            ),
            Action::EnterIceberg(ref e) => frame.write(
                FrameKind::EnterIceberg,
                &EnterIcebergBody {
                    order: EnterBody::of(&e.order),
                    display: e.display,
                    client: TailFields::default(),
                },
            ),
            Action::EnterRich(ref e) => frame.write(
                FrameKind::EnterRich,
                &EnterRichBody {
                    order: EnterBody::of(&e.order),
                    terms: e.terms,
                    client: TailFields::default(),
                },
            ),
            Action::Reduce { id, quantity } => {
                frame.write(FrameKind::Reduce, &ReduceBody { id: id.0, quantity: quantity.0 })
            }
            Action::Replace { id, new_id, quantity, price } => frame.write(
                FrameKind::Replace,
                &ReplaceBody { id: id.0, price: price.0, quantity: quantity.0, new_id: new_id.0 },
            ),
            Action::Cancel { id } => frame.write(FrameKind::Cancel, &CancelBody { id: id.0 }),
            Action::MassCancel(m) => frame.write(FrameKind::MassCancel, &mass_cancel_body(m)),
            Action::Modify { id, side, quantity } => frame.write(
                FrameKind::Modify,
                &ModifyBody {
                    id: id.0,
                    quantity: quantity.unwrap_or_default().0,
                    given: u32::from(side.is_some()) | u32::from(quantity.is_some()) << 1,
                    side: side.map_or(0, |side| side as u32),
                },
            ),
            Action::SetOrderEntry { id, enabled } => frame.write(
                FrameKind::SetOrderEntry,
                &SetOrderEntryBody { id: id.0, enabled: enabled.into() },
            ),
            Action::AccountQuery { next } => {
                frame.write(FrameKind::AccountQuery, &AccountQueryBody { next: next.0 })
            }
            Action::TradingDay(event) => {
                frame.write(FrameKind::TradingDay, &TradingDayBody { event })
            }
            Action::SetState(state) => frame.write(FrameKind::SetState, &SetStateBody { state }),
            Action::PlanState(plan) => frame.write(FrameKind::PlanState, &plan),
            Action::Tick => frame.write(FrameKind::Tick, &TickBody { zero: 0 }),
            Action::SetBands(b) => frame.write(
                FrameKind::SetBands,
                &SetBandsBody {
                    low: b.low.0,
                    high: b.high.0,
                    reference: b.reference.0,
                    bps: b.bps,
                    zero: 0,
                },
            ),
            Action::SetQuote { bid, offer } => {
                frame.write(FrameKind::SetQuote, &SetQuoteBody { bid: bid.0, offer: offer.0 })
            }
            Action::SetShortSale { restricted, automatic } => {
                frame.write(FrameKind::SetShortSale, &SetShortSaleBody { restricted, automatic })
            }
            Action::SetRisk(ref r) => frame.write(FrameKind::SetRisk, &set_risk_body(r)),
            Action::CorrectTrade(c) => frame.write(
                FrameKind::CorrectTrade,
                &CorrectTradeBody {
                    match_number: c.trade.match_number.0,
                    sides: c.trade.sides,
                    price: c.price.0,
                    quantity: c.quantity.0,
                },
            ),
            Action::BreakTrade(b) => frame.write(
                FrameKind::BreakTrade,
                &BreakTradeBody { match_number: b.match_number.0, sides: b.sides },
            ),
            Action::DefineSymbol(d) => frame.write(
                FrameKind::DefineSymbol,
                &DefineSymbolBody {
                    name: d.name,
                    tick: d.tick.mantissa,
                    lot: d.lot.0,
                    reference: d.reference.0,
                    collar_bps: d.collar_bps,
                    tick_scale: u32::from(d.tick.scale),
                },
            ),
            Action::DefineSession { name, firm, role } => frame.write(
                FrameKind::DefineSession,
                &DefineNameBody { name, firm: firm.0, role: role as u16, zero: [0; 2] },
            ),
            Action::DefineFirm { firm, name } => frame.write(
                FrameKind::DefineFirm,
                &DefineNameBody { name, firm: firm.0, role: 0, zero: [0; 2] },
            ),
            Action::SetDurability(durability) => {
                frame.write(FrameKind::SetDurability, &SetDurability { durability })
            }
            Action::MoveSymbol(m) => frame.write(
                FrameKind::MoveSymbol,
                &MoveSymbolBody {
                    orders: m.orders,
                    quantity: m.quantity.0,
                    version: m.version,
                    partition: m.partition.0,
                    step: m.step,
                    zero: 0,
                },
            ),
            Action::ImportOrder(ref i) => frame.write(
                FrameKind::ImportOrder,
                &ImportOrderBody { order: EnterBody::of(&i.order), id_there: i.id_there.0 },
            ),
        }
        frame.header.verdict = self.verdict as u8;
        frame.header.session = self.session.0;
        frame.header.symbol = self.symbol.0;
    }

    /// Reads the command of a frame; `None` if the frame is bookkeeping or holds a value that no
    /// writer of this version writes.
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Command> {
        let action = match frame.kind()? {
            FrameKind::Enter => Action::Enter(frame.body::<EnterBody>()?.enter()?),
            FrameKind::EnterStop => {
                let b: &EnterStopBody = frame.body()?;
                Action::EnterStop(EnterStop { order: b.order.enter()?, stop: Price(b.stop) })
            }
            FrameKind::EnterIceberg => {
                let b: &EnterIcebergBody = frame.body()?;
                Action::EnterIceberg(EnterIceberg { order: b.order.enter()?, display: b.display })
            }
            FrameKind::EnterRich => {
                let b: &EnterRichBody = frame.body()?;
                Action::EnterRich(EnterRich { order: b.order.enter()?, terms: b.terms })
            }
            FrameKind::Reduce => {
                let b: &ReduceBody = frame.body()?;
                Action::Reduce { id: OrderId(b.id), quantity: Quantity(b.quantity) }
            }
            FrameKind::Replace => {
                let b: &ReplaceBody = frame.body()?;
                Action::Replace {
                    id: OrderId(b.id),
                    new_id: OrderId(b.new_id),
                    quantity: Quantity(b.quantity),
                    price: Price(b.price),
                }
            }
            FrameKind::Cancel => {
                let b: &CancelBody = frame.body()?;
                Action::Cancel { id: OrderId(b.id) }
            }
            FrameKind::MassCancel => Action::MassCancel(mass_cancel(frame.body()?)),
            FrameKind::Modify => {
                let b: &ModifyBody = frame.body()?;
                let side = Side::from_code(u8::try_from(b.side).ok()?)?;
                Action::Modify {
                    id: OrderId(b.id),
                    side: (b.given & 1 != 0).then_some(side),
                    quantity: (b.given & 2 != 0).then_some(Quantity(b.quantity)),
                }
            }
            FrameKind::SetOrderEntry => {
                let b: &SetOrderEntryBody = frame.body()?;
                Action::SetOrderEntry { id: OrderId(b.id), enabled: b.enabled != 0 }
            }
            FrameKind::AccountQuery => {
                Action::AccountQuery { next: OrderId(frame.body::<AccountQueryBody>()?.next) }
            }
            FrameKind::TradingDay => Action::TradingDay(frame.body::<TradingDayBody>()?.event),
            FrameKind::SetState => Action::SetState(frame.body::<SetStateBody>()?.state),
            FrameKind::PlanState => Action::PlanState(*frame.body::<PlanState>()?),
            FrameKind::Tick => Action::Tick,
            FrameKind::SetBands => {
                let b: &SetBandsBody = frame.body()?;
                let (low, high, reference) = (Price(b.low), Price(b.high), Price(b.reference));
                Action::SetBands(SetBands { low, high, bps: b.bps, reference })
            }
            FrameKind::SetQuote => {
                let b: &SetQuoteBody = frame.body()?;
                Action::SetQuote { bid: Price(b.bid), offer: Price(b.offer) }
            }
            FrameKind::SetShortSale => {
                let b: &SetShortSaleBody = frame.body()?;
                let SetShortSaleBody { restricted, automatic } = *b;
                Action::SetShortSale { restricted, automatic }
            }
            FrameKind::SetRisk => Action::SetRisk(set_risk(frame.body()?)),
            FrameKind::CorrectTrade => {
                let b: &CorrectTradeBody = frame.body()?;
                let match_number = MatchNumber(b.match_number);
                let trade = BreakTrade { match_number, sides: b.sides };
                let (price, quantity) = (Price(b.price), Quantity(b.quantity));
                Action::CorrectTrade(CorrectTrade { trade, price, quantity })
            }
            FrameKind::BreakTrade => {
                let b: &BreakTradeBody = frame.body()?;
                let match_number = MatchNumber(b.match_number);
                Action::BreakTrade(BreakTrade { match_number, sides: b.sides })
            }
            FrameKind::DefineSymbol => {
                let b: &DefineSymbolBody = frame.body()?;
                let scale = u8::try_from(b.tick_scale).ok()?;
                Action::DefineSymbol(DefineSymbol {
                    name: b.name,
                    tick: Tick { mantissa: b.tick, scale },
                    lot: Quantity(b.lot),
                    collar_bps: b.collar_bps,
                    reference: Price(b.reference),
                })
            }
            FrameKind::DefineSession => {
                let b: &DefineNameBody = frame.body()?;
                let role = Role::from_code(u8::try_from(b.role).ok()?)?;
                Action::DefineSession { name: b.name, firm: FirmId(b.firm), role }
            }
            FrameKind::DefineFirm => {
                let b: &DefineNameBody = frame.body()?;
                Action::DefineFirm { firm: FirmId(b.firm), name: b.name }
            }
            FrameKind::SetDurability => {
                Action::SetDurability(frame.body::<SetDurability>()?.durability)
            }
            FrameKind::MoveSymbol => {
                let b: &MoveSymbolBody = frame.body()?;
                Action::MoveSymbol(MoveSymbol {
                    step: b.step,
                    partition: PartitionId(b.partition),
                    version: b.version,
                    orders: b.orders,
                    quantity: Quantity(b.quantity),
                })
            }
            FrameKind::ImportOrder => {
                let b: &ImportOrderBody = frame.body()?;
                let id_there = OrderId(b.id_there);
                Action::ImportOrder(ImportOrder { order: b.order.enter()?, id_there })
            }
            FrameKind::EpochStart
            | FrameKind::CommitMark
            | FrameKind::HashProbe
            | FrameKind::SegmentEnd => return None,
        };
        Some(Command {
            session: frame.session(),
            symbol: frame.symbol(),
            verdict: Reason::from_code(frame.header.verdict)?,
            action,
        })
    }
}

impl Sequenced {
    /// Reads a command with its seqno and time. See [`Command::decode`].
    #[inline]
    pub fn decode(frame: &Frame) -> Option<Sequenced> {
        let command = Command::decode(frame)?;
        Some(Sequenced { seqno: frame.seqno(), time: frame.time(), command })
    }
}

impl ClientFields {
    /// Length of a client's text, in bytes.
    pub const TEXT_BYTES: usize = 14;
    /// Room for tagged values, in bytes.
    pub const TAG_BYTES_MAX: usize = 44;
    /// Room for the tagged values of an iceberg or an order with rare terms, in bytes.
    pub const TAIL_TAG_BYTES_MAX: usize = 12;

    /// Returns the client fields of a command; `None` if it has none. A long body fills the place
    /// of the second line, so only short commands that clients send have a second line.
    pub fn of(frame: &Frame) -> Option<ClientFields> {
        match frame.kind()? {
            FrameKind::EnterIceberg => frame.body::<EnterIcebergBody>()?.client.fields(),
            FrameKind::EnterRich => frame.body::<EnterRichBody>()?.client.fields(),
            kind if (kind as u8) < FrameKind::EnterStop as u8 => frame.line().copied(),
            _ => None,
        }
    }

    /// Puts the fields into the frame of a client's command; [`Frame::seal`] completes the frame.
    /// An iceberg or an order with rare terms has at most
    /// [`TAIL_TAG_BYTES_MAX`](Self::TAIL_TAG_BYTES_MAX) bytes of tagged values.
    pub fn append_to(&self, frame: &mut Frame) {
        match frame.kind() {
            Some(FrameKind::EnterIceberg | FrameKind::EnterRich) => {
                frame.set_tail(&TailFields::of(self))
            }
            _ => frame.append_line(self),
        }
    }

    /// Returns the tagged values as the client sent them.
    #[inline]
    pub fn tags(&self) -> &[u8] {
        &self.tags[..usize::from(self.tag_bytes).min(Self::TAG_BYTES_MAX)]
    }
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterBody {
    id: u64,
    price: i64,
    quantity: u64,
    firm: u16,
    group: u16,
    side: Side,
    order_type: OrderType,
    tif: TimeInForce,
    /// Post-only in the low two bits, then self-trade mode (3 bits), capacity (2) and attribution
    /// (1).
    options: u8,
}

impl EnterBody {
    #[inline]
    fn of(e: &Enter) -> Self {
        EnterBody {
            id: e.id.0,
            price: e.price.0,
            quantity: e.quantity.0,
            firm: e.firm.0,
            group: e.group,
            side: e.side,
            order_type: e.order_type,
            tif: e.tif,
            options: e.post_only as u8
                | (e.self_trade as u8) << 2
                | (e.capacity as u8) << 5
                | u8::from(e.attributed) << 7,
        }
    }

    #[inline]
    fn enter(&self) -> Option<Enter> {
        Some(Enter {
            id: OrderId(self.id),
            price: Price(self.price),
            quantity: Quantity(self.quantity),
            firm: FirmId(self.firm),
            group: self.group,
            side: self.side,
            order_type: self.order_type,
            tif: self.tif,
            post_only: PostOnly::from_code(self.options & 3)?,
            self_trade: SelfTrade::from_code(self.options >> 2 & 7)?,
            capacity: Capacity::from_code(self.options >> 5 & 3)?,
            attributed: self.options >> 7 != 0,
        })
    }
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterStopBody {
    order: EnterBody,
    stop: i64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterIcebergBody {
    order: EnterBody,
    display: Display,
    client: TailFields,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct EnterRichBody {
    order: EnterBody,
    terms: RichTerms,
    client: TailFields,
}

/// [`ClientFields`] with less room for tagged values. All bytes are 0 if there are none: no cross
/// type is 0.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TailFields {
    text: [u8; ClientFields::TEXT_BYTES],
    tif: u8,
    display: u8,
    capacity: u8,
    sweep: u8,
    cross: u8,
    tag_bytes: u8,
    tags: [u8; ClientFields::TAIL_TAG_BYTES_MAX],
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ImportOrderBody {
    order: EnterBody,
    id_there: u64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct MoveSymbolBody {
    orders: u64,
    quantity: u64,
    version: u32,
    partition: u16,
    step: MoveStep,
    zero: u8,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ReduceBody {
    id: u64,
    quantity: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ReplaceBody {
    id: u64,
    price: i64,
    quantity: u64,
    new_id: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CancelBody {
    id: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct MassCancelBody {
    id: u64,
    /// Bits 0 to 3: session, firm, group, side are given; bit 4: the side is buy.
    given: u32,
    session: u32,
    firm: u16,
    group: u16,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ModifyBody {
    id: u64,
    quantity: u64,
    /// Bits 0 and 1: side and quantity are given.
    given: u32,
    side: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetOrderEntryBody {
    id: u64,
    enabled: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct AccountQueryBody {
    next: u64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TradingDayBody {
    event: DayEvent,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetStateBody {
    state: SymbolState,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct TickBody {
    zero: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetBandsBody {
    low: i64,
    high: i64,
    reference: i64,
    bps: u32,
    zero: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetQuoteBody {
    bid: i64,
    offer: i64,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetShortSaleBody {
    restricted: bool,
    automatic: bool,
}

#[derive(TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SetRiskBody {
    quantity_max: u64,
    notional_max: u64,
    open_orders_max: u64,
    gross_notional_max: u64,
    orders_per_second_max: u32,
    firm: u16,
    scope: RiskScope,
    killed: bool,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CorrectTradeBody {
    match_number: u64,
    sides: [TradeSide; 2],
    price: i64,
    quantity: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct BreakTradeBody {
    match_number: u64,
    sides: [TradeSide; 2],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct DefineSymbolBody {
    name: Name,
    tick: u64,
    lot: u64,
    reference: i64,
    collar_bps: u32,
    tick_scale: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct DefineNameBody {
    name: Name,
    firm: u16,
    role: u16,
    zero: [u16; 2],
}

const _: () = assert!(size_of::<EnterBody>() == 32 && size_of::<ReplaceBody>() == 32);
const _: () = assert!(size_of::<ClientFields>() == 64 && size_of::<TradeSide>() == 32);

impl TailFields {
    fn of(fields: &ClientFields) -> Self {
        let mut tags = [0; ClientFields::TAIL_TAG_BYTES_MAX];
        tags[..fields.tags().len()].copy_from_slice(fields.tags());
        let ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, .. } = *fields;
        TailFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags }
    }

    fn fields(&self) -> Option<ClientFields> {
        let mut all_tags = [0; ClientFields::TAG_BYTES_MAX];
        all_tags[..self.tags.len()].copy_from_slice(&self.tags);
        let TailFields { text, tif, display, capacity, sweep, cross, tag_bytes, .. } = *self;
        let tags = all_tags;
        let fields = ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags };
        (cross != 0).then_some(fields)
    }
}

fn mass_cancel_body(m: MassCancel) -> MassCancelBody {
    let given = u32::from(m.session.is_some())
        | u32::from(m.firm.is_some()) << 1
        | u32::from(m.group.is_some()) << 2
        | u32::from(m.buy.is_some()) << 3
        | u32::from(m.buy == Some(true)) << 4;
    MassCancelBody {
        id: m.id.0,
        given,
        session: m.session.unwrap_or_default().0,
        firm: m.firm.unwrap_or_default().0,
        group: m.group.unwrap_or_default(),
        zero: 0,
    }
}

fn mass_cancel(b: &MassCancelBody) -> MassCancel {
    let given = |bit: u32| b.given & (1 << bit) != 0;
    MassCancel {
        id: OrderId(b.id),
        session: given(0).then_some(SessionId(b.session)),
        firm: given(1).then_some(FirmId(b.firm)),
        group: given(2).then_some(b.group),
        buy: given(3).then_some(given(4)),
    }
}

fn set_risk_body(r: &SetRisk) -> SetRiskBody {
    let RiskLimits { quantity_max, notional_max, open_orders_max, .. } = r.limits;
    let RiskLimits { gross_notional_max, orders_per_second_max, killed, .. } = r.limits;
    SetRiskBody {
        quantity_max,
        notional_max,
        open_orders_max,
        gross_notional_max,
        orders_per_second_max,
        firm: r.firm.0,
        scope: r.scope,
        killed,
    }
}

fn set_risk(b: &SetRiskBody) -> SetRisk {
    SetRisk {
        scope: b.scope,
        firm: FirmId(b.firm),
        limits: RiskLimits {
            quantity_max: b.quantity_max,
            notional_max: b.notional_max,
            open_orders_max: b.open_orders_max,
            gross_notional_max: b.gross_notional_max,
            orders_per_second_max: b.orders_per_second_max,
            killed: b.killed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AtBand, AtShortTest, Nanos, Peg, SeqNo, SymbolId};
    use zerocopy::IntoBytes;

    fn samples() -> Vec<Action> {
        let enter = Enter {
            id: OrderId(u64::MAX),
            price: Price(i64::MAX),
            quantity: Quantity(3),
            firm: FirmId(4),
            group: 5,
            side: Side::ShortExempt,
            order_type: OrderType::MarketToLimit,
            tif: TimeInForce::Fok,
            post_only: PostOnly::Slide,
            self_trade: SelfTrade::CancelSmallest,
            capacity: Capacity::Riskless,
            attributed: true,
        };
        let name = Name::new("ABCDEFGHIJKLMNOP").unwrap();
        let all = MassCancel {
            id: OrderId(77),
            session: Some(SessionId(1)),
            firm: Some(FirmId(2)),
            group: Some(3),
            buy: Some(true),
        };
        let side = TradeSide {
            id: OrderId(3),
            session: SessionId(4),
            text: *b"some text     ",
            zero: [0; 6],
        };
        vec![
            Action::Enter(enter),
            Action::Reduce { id: OrderId(1), quantity: Quantity(2) },
            Action::Replace {
                id: OrderId(1),
                new_id: OrderId(2),
                quantity: Quantity(3),
                price: Price(4),
            },
            Action::Cancel { id: OrderId(7) },
            Action::MassCancel(all),
            Action::MassCancel(MassCancel { buy: Some(false), ..MassCancel::default() }),
            Action::DefineSymbol(DefineSymbol {
                name,
                tick: Tick { mantissa: 25, scale: 2 },
                lot: Quantity(100),
                collar_bps: 500,
                reference: Price(9),
            }),
            Action::DefineSession { name, firm: FirmId(1), role: Role::VenueDropCopy },
            Action::DefineFirm { firm: FirmId(1), name },
            Action::Modify { id: OrderId(5), side: Some(Side::Short), quantity: None },
            Action::Modify { id: OrderId(5), side: None, quantity: Some(Quantity(6)) },
            Action::SetOrderEntry { id: OrderId(5), enabled: true },
            Action::AccountQuery { next: OrderId(9) },
            Action::TradingDay(DayEvent::End),
            Action::SetState(SymbolState::ClosingCall),
            Action::BreakTrade(BreakTrade { match_number: MatchNumber(8), sides: [side; 2] }),
            Action::MoveSymbol(MoveSymbol {
                step: MoveStep::Resume,
                partition: PartitionId(u16::MAX),
                version: u32::MAX,
                orders: 5,
                quantity: Quantity(6),
            }),
            Action::ImportOrder(ImportOrder { order: enter, id_there: OrderId(u64::MAX) }),
            Action::PlanState(PlanState {
                due: Nanos(1),
                random_ns: 2,
                seed: u64::MAX,
                state: SymbolState::Open,
                zero: [0; 7],
            }),
            Action::Tick,
            Action::SetBands(SetBands {
                low: Price(1),
                high: Price(i64::MAX),
                bps: 500,
                reference: Price(3),
            }),
            Action::SetQuote { bid: Price(4), offer: Price(i64::MAX) },
            Action::SetShortSale { restricted: true, automatic: false },
            Action::SetRisk(SetRisk {
                scope: RiskScope::Firm,
                firm: FirmId(7),
                limits: RiskLimits {
                    quantity_max: 1,
                    notional_max: 2,
                    open_orders_max: 3,
                    gross_notional_max: u64::MAX,
                    orders_per_second_max: 5,
                    killed: true,
                },
            }),
            Action::CorrectTrade(CorrectTrade {
                trade: BreakTrade { match_number: MatchNumber(8), sides: [side; 2] },
                price: Price(9),
                quantity: Quantity(10),
            }),
            Action::EnterStop(EnterStop { order: enter, stop: Price(i64::MAX) }),
            Action::EnterIceberg(EnterIceberg {
                order: enter,
                display: Display { next: 1, least: 2, most: 3, seed: u64::MAX },
            }),
            Action::EnterRich(EnterRich {
                order: enter,
                terms: RichTerms {
                    expire: Nanos(u64::MAX),
                    min_quantity: Quantity(5),
                    peg_limit: Price(i64::MAX),
                    peg_offset: u32::MAX,
                    peg: Peg::Midpoint,
                    hidden: true,
                    at_band: AtBand::Cancel,
                    at_short_test: AtShortTest::Slide,
                },
            }),
        ]
    }

    #[test]
    fn every_command_reads_back() {
        for action in samples() {
            let command = Command {
                session: SessionId(11),
                symbol: SymbolId(12),
                verdict: Reason::OffTick,
                action,
            };
            let mut frame = Frame::default();
            frame.as_mut_bytes().fill(0xAA);
            command.encode(&mut frame);
            frame.seal(SeqNo(13), Nanos(14), 15);
            let frame = Frame::read(frame.bytes()).unwrap();
            let expected = Sequenced { seqno: SeqNo(13), time: Nanos(14), command };
            assert_eq!(Sequenced::decode(&frame), Some(expected));
            assert_eq!(ClientFields::of(&frame), None, "{action:?}");
        }
    }

    #[test]
    fn a_plain_order_is_a_limit_order_that_may_rest_and_take_liquidity() {
        let Action::Enter(enter) = samples()[0] else { panic!("the first one enters") };
        for &order_type in OrderType::ALL {
            for &tif in TimeInForce::ALL {
                for &post_only in PostOnly::ALL {
                    let may_rest = matches!(tif, TimeInForce::Day | TimeInForce::Gtc);
                    let is_plain =
                        may_rest && order_type == OrderType::Limit && post_only == PostOnly::Off;
                    let order = Enter { order_type, tif, post_only, ..enter };
                    assert_eq!(order.is_plain(), is_plain, "{order:?}");
                }
            }
        }
    }

    #[test]
    fn everyday_commands_fit_one_line() {
        for action in &samples()[..6] {
            let mut frame = Frame::default();
            let (session, symbol) = (SessionId(1), SymbolId(1));
            Command { session, symbol, verdict: Reason::None, action: *action }.encode(&mut frame);
            assert_eq!(frame.bytes().len(), 64, "{action:?}");
        }
    }

    #[test]
    fn a_second_line_leaves_the_command_as_it_is() {
        let fields = ClientFields {
            text: *b"order 7       ",
            tif: b'0',
            display: b'A',
            capacity: b'P',
            sweep: b'N',
            cross: b'N',
            tag_bytes: 3,
            tags: [7; ClientFields::TAG_BYTES_MAX],
        };
        for action in &samples()[..6] {
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let command = Command { session, symbol, verdict: Reason::None, action: *action };
            let mut frame = Frame::default();
            command.encode(&mut frame);
            assert_eq!(frame.line::<ClientFields>(), None);
            fields.append_to(&mut frame);
            frame.seal(SeqNo(1), Nanos(2), 3);
            let frame = Frame::read(frame.bytes()).unwrap();
            assert_eq!(Command::decode(&frame), Some(command));
            assert_eq!(ClientFields::of(&frame), Some(fields));
            assert_eq!(fields.tags(), [7; 3]);
        }
    }

    #[test]
    fn what_a_client_said_with_a_long_order_leaves_it_as_it_is() {
        for &action in samples().iter().rev().take(2) {
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let command = Command { session, symbol, verdict: Reason::None, action };
            let mut tags = [0; ClientFields::TAG_BYTES_MAX];
            tags[..ClientFields::TAIL_TAG_BYTES_MAX].fill(9);
            let tag_bytes = ClientFields::TAIL_TAG_BYTES_MAX as u8;
            let (text, [tif, display, capacity, sweep, cross]) = (*b"order 7       ", *b"0YANN");
            let fields =
                ClientFields { text, tif, display, capacity, sweep, cross, tag_bytes, tags };
            let mut frame = Frame::default();
            command.encode(&mut frame);
            assert_eq!(ClientFields::of(&frame), None);
            fields.append_to(&mut frame);
            frame.seal(SeqNo(1), Nanos(2), 3);
            let frame = Frame::read(frame.bytes()).unwrap();
            assert_eq!(Command::decode(&frame), Some(command));
            assert_eq!(ClientFields::of(&frame), Some(fields));
        }
    }

    #[test]
    fn a_body_with_an_impossible_value_is_no_command() {
        let mut frame = Frame::default();
        let action = samples()[0];
        let (session, symbol) = (SessionId(1), SymbolId(1));
        Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
        for at in 32 + 28..64 {
            let mut bad = frame;
            bad.as_mut_bytes()[at] = 0xFF;
            assert_eq!(Command::decode(&bad), None, "byte {at}");
        }
    }
}
