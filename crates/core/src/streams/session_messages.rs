//! Reports as OUCH messages for the session of an order.

use super::wire_names::{Listed, WireNames, saturated};
use ringside_model::command::{
    Action, ClientFields, Enter, EnterSpecial, OperatorCommand, Sequenced, SpecialTerms,
};
use ringside_model::domain::{
    Auction, Capacity, DayEvent, MatchNumber, Nanos, OrderId, OrderNumber, Peg, Price, SelfTrade,
    Side, SymbolId, TimeInForce,
};
use ringside_model::frame::Frame;
use ringside_model::reason::{Ouch, Reason};
use ringside_model::report::{
    Body, Corrected, Executed, Imported, Moved, Published, Replaced, Report,
};
use ringside_wire::Message;
use ringside_wire::ouch::{self, Layout, PRICE_MARKET, Tags, outbound, push_tag, tag};
use ringside_wire::soupbintcp::{self, PREFIX_BYTES, packet};
use zerocopy::big_endian::{U32, U64};

/// Length of a day in nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// Length of the longest message in bytes, with all of a client's tags.
const MESSAGE_BYTES_MAX: usize = 160;

/// Returns the time of day in ns since midnight UTC.
#[inline]
fn time_of_day(Nanos(time): Nanos) -> u64 {
    time % DAY_NS
}

/// Encoded messages of one report: each has its u16 length, the packet type `S`, and the message.
/// Most reports have one or none. A rejected order that OUCH shows as accepted and canceled has
/// two, and so has a side of a corrected trade.
#[derive(Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    tags: Vec<u8>,
}

/// Command that causes reports, decoded once for all projections.
pub(super) struct Cause {
    /// Command as it was sequenced.
    pub at: Sequenced,
    /// Client fields that the messages repeat.
    pub fields: Option<ClientFields>,
    /// Time of day in ns since midnight UTC.
    pub time_ns: u64,
}

impl Cause {
    /// Decodes a command; `None` for other frames.
    #[inline]
    pub(super) fn decode(frame: &Frame) -> Option<Cause> {
        let at = Sequenced::decode(frame)?;
        Some(Cause { at, fields: ClientFields::of(frame), time_ns: time_of_day(at.time) })
    }
}

impl Messages {
    /// Returns the messages one by one.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (length, _) = rest.split_first_chunk::<2>()?;
            let (message, behind) = rest.split_at(2 + usize::from(u16::from_be_bytes(*length)));
            rest = behind;
            Some(message)
        })
    }

    /// Encodes the messages of a report in place of the previous ones; none if its session gets no
    /// message.
    pub(super) fn encode(&mut self, published: &Published, cause: &Cause, names: &WireNames) {
        self.bytes.clear();
        let report = &published.report;
        match report.body() {
            Body::Accepted(_) => self.accepted(report, b'L', cause, names),
            Body::Replaced(replaced) => self.replaced(report, &replaced, cause, names),
            Body::Executed(executed) => {
                let flag = liquidity_flag(&executed, report.is_hidden());
                self.executed(report, (flag, published.match_number()), cause, names);
            }
            Body::Canceled(canceled) if report.reason == Reason::SelfTrade => {
                self.self_trade(published, canceled.prevented, cause, names);
            }
            Body::Canceled(_) => self.canceled(report, cause),
            Body::Rejected(rejected) => self.rejected(report, rejected.moved, cause, names),
            Body::MassCanceled(_) => self.mass_canceled(report, cause, names),
            Body::Modified(_) => self.push(
                &outbound::OrderModified {
                    message_type: outbound::OrderModified::TYPE,
                    timestamp: cause.time_ns.into(),
                    user_ref_num: id(report.id),
                    side: side(report.side),
                    quantity: quantity(report.open.0),
                },
                &[],
                &[],
            ),
            Body::OrderEntrySet(set) => self.order_entry_set(report, set.enabled, cause),
            Body::AccountQueried(queried) => self.push(
                &outbound::AccountQueryResponse {
                    message_type: outbound::AccountQueryResponse::TYPE,
                    timestamp: cause.time_ns.into(),
                    next_user_ref_num: id(queried.next_id),
                },
                &[],
                &[],
            ),
            Body::Broken(broken) => self.broken(report, broken.match_number, cause),
            Body::Repriced(_) => self.repriced(report, cause, names),
            Body::Corrected(Corrected { match_number }) => {
                // OUCH has no correction: the trade is broken and executed again. The report of the
                // resting side comes first.
                self.broken(report, match_number, cause);
                let liquidity_flag = if published.index == 0 { b'A' } else { b'R' };
                self.executed(report, (liquidity_flag, match_number), cause, names);
            }
            Body::Imported(imported) => self.imported(report, &imported, cause, names),
            Body::Restated(_)
            | Body::Defined(_)
            | Body::DurabilitySet(_)
            | Body::TradingDay(_)
            | Body::StateChanged(_)
            | Body::Triggered(_)
            | Body::Entered(_)
            | Body::Parked(_)
            | Body::Unfinished(_)
            | Body::ReferenceSet(_)
            | Body::CallExtended(_)
            | Body::SymbolChanged(_)
            | Body::StopWavesSet(_)
            | Body::Displayed(_)
            | Body::Crossed(_)
            | Body::Indicative(_)
            | Body::Ticked(_)
            | Body::StatePlanned(_)
            | Body::BandsSet(_)
            | Body::LimitState(_)
            | Body::Quoted(_)
            | Body::ShortSaleSet(_)
            | Body::RiskSet(_)
            | Body::SymbolMoved(_)
            | Body::Exported(_)
            | Body::Held(_)
            | Body::StateHash(_) => {}
        }
    }

    /// Encodes the message for the start or end of the trading day.
    pub(crate) fn encode_day(&mut self, event: DayEvent, time_ns: u64) {
        self.bytes.clear();
        let event_code = match event {
            DayEvent::Start => b'S',
            DayEvent::End => b'E',
        };
        let message_type = outbound::SystemEvent::TYPE;
        let timestamp = time_ns.into();
        self.push(&outbound::SystemEvent { message_type, timestamp, event_code }, &[], &[]);
    }

    fn accepted(&mut self, report: &Report, state: u8, cause: &Cause, names: &WireNames) {
        // A post-only order that would cross is accepted and ended, without a number of its own.
        let order = if report.order.0 == 0 { cause.at.seqno.0 } else { report.order.0 };
        let Some(enter) = cause.at.command.action.entered() else { return };
        let Some(listed) = names.symbol(report.symbol) else { return };
        let terms = match cause.at.command.action {
            Action::EnterSpecial(special) => special.terms,
            _ => SpecialTerms::NONE,
        };
        let shown = match enter.attributed {
            _ if terms.hidden => b'N',
            true => b'A',
            false => b'Y',
        };
        let fields = cause.fields.unwrap_or(ClientFields {
            tif: match enter.tif {
                TimeInForce::Ioc => b'3',
                _ if terms.expire != Nanos(0) => b'6',
                _ => b'0',
            },
            cross: match enter.tif {
                TimeInForce::AtOpen => b'O',
                TimeInForce::AtClose => b'C',
                TimeInForce::Auction => b'H',
                _ => b'N',
            },
            ..plain_fields(shown, enter.capacity)
        });
        let fields = match cause.at.command.action {
            Action::EnterIceberg(iceberg) => {
                with_term(fields, tag::MAX_FLOOR, &saturated(iceberg.display.next).to_be_bytes())
            }
            _ => with_terms(fields, &terms, listed),
        };
        self.push(
            &outbound::OrderAccepted {
                message_type: outbound::OrderAccepted::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                side: side(enter.side),
                quantity: quantity(enter.quantity.0),
                symbol: listed.stock,
                price: price(listed, report.price),
                time_in_force: fields.tif,
                display: fields.display,
                order_reference_number: order.into(),
                capacity: fields.capacity,
                inter_market_sweep_eligibility: fields.sweep,
                cross_type: fields.cross,
                order_state: state,
                cl_ord_id: fields.text,
            },
            fields.tags(),
            tag::OF_ACCEPTED,
        );
    }

    /// Encodes an imported order: its text has the partition it came from and its id there.
    fn imported(&mut self, report: &Report, imported: &Imported, cause: &Cause, names: &WireNames) {
        let Some(listed) = names.symbol(report.symbol) else { return };
        let shown = if imported.attributed { b'A' } else { b'Y' };
        let fields = plain_fields(shown, imported.capacity);
        let mut cl_ord_id = fields.text;
        let there = format!("{}-{}", imported.partition, imported.id_there);
        there.bytes().zip(&mut cl_ord_id).for_each(|(from, to)| *to = from);
        self.push(
            &outbound::OrderAccepted {
                message_type: outbound::OrderAccepted::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                side: side(report.side),
                quantity: quantity(report.open.0),
                symbol: listed.stock,
                price: price(listed, report.price),
                time_in_force: fields.tif,
                display: fields.display,
                order_reference_number: report.order.0.into(),
                capacity: fields.capacity,
                inter_market_sweep_eligibility: fields.sweep,
                cross_type: fields.cross,
                order_state: b'L',
                cl_ord_id,
            },
            &[],
            &[],
        );
    }

    fn replaced(&mut self, report: &Report, replaced: &Replaced, cause: &Cause, names: &WireNames) {
        let Some(listed) = names.symbol(report.symbol) else { return };
        let order = OrderNumber::within(cause.at.seqno, replaced.place);
        let shown = match replaced.attributed {
            true => b'A',
            false if report.is_hidden() => b'N',
            false => b'Y',
        };
        let plain = plain_fields(shown, replaced.capacity);
        let fields = cause.fields.unwrap_or(plain);
        self.push(
            &outbound::OrderReplaced {
                message_type: outbound::OrderReplaced::TYPE,
                timestamp: cause.time_ns.into(),
                orig_user_ref_num: id(replaced.old_id),
                user_ref_num: id(report.id),
                side: side(report.side),
                quantity: quantity(report.open.0),
                symbol: listed.stock,
                price: price(listed, report.price),
                time_in_force: fields.tif,
                display: plain.display,
                order_reference_number: order.0.into(),
                capacity: plain.capacity,
                inter_market_sweep_eligibility: fields.sweep,
                cross_type: b'N',
                order_state: b'L',
                cl_ord_id: fields.text,
            },
            fields.tags(),
            tag::OF_REPLACED,
        );
    }

    /// Encodes the new limit and the new priority of an order.
    fn repriced(&mut self, report: &Report, cause: &Cause, names: &WireNames) {
        let Some(listed) = names.symbol(report.symbol) else { return };
        self.push(
            &outbound::OrderPriorityUpdate {
                message_type: outbound::OrderPriorityUpdate::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                price: price(listed, report.price),
                display: if report.is_hidden() { b'N' } else { b'Y' },
                order_reference_number: report.order.0.into(),
            },
            &[],
            &[],
        );
    }

    /// Encodes a trade, also after a correction.
    fn executed(
        &mut self,
        report: &Report,
        (liquidity_flag, MatchNumber(match_number)): (u8, MatchNumber),
        cause: &Cause,
        names: &WireNames,
    ) {
        let Some(listed) = names.symbol(report.symbol) else { return };
        self.push(
            &outbound::OrderExecuted {
                message_type: outbound::OrderExecuted::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                quantity: quantity(report.quantity.0),
                price: listed.price(report.price).into(),
                liquidity_flag,
                match_number: match_number.into(),
            },
            &[],
            &[],
        );
    }

    fn canceled(&mut self, report: &Report, cause: &Cause) {
        let reason = match report.reason.ouch() {
            Some(Ouch::Cancel(letter)) => letter as u8,
            _ => b'Z',
        };
        self.push(
            &outbound::OrderCanceled {
                message_type: outbound::OrderCanceled::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                quantity: quantity(report.quantity.0),
                reason,
            },
            &[],
            &[],
        );
    }

    /// Encodes a cancel that kept an order from trading with its own firm.
    fn self_trade(
        &mut self,
        published: &Published,
        prevented: Price,
        cause: &Cause,
        names: &WireNames,
    ) {
        let report = &published.report;
        let Some(listed) = names.symbol(report.symbol) else { return };
        // Only the cancel of the incoming order names the price at which the other order rested.
        let incoming = prevented != Price(0);
        let price = if incoming { prevented } else { report.price };
        let strategy = match cause.at.command.action {
            Action::Enter(Enter { self_trade, .. })
            | Action::EnterSpecial(EnterSpecial { order: Enter { self_trade, .. }, .. }) => {
                aiq_strategy(self_trade)
            }
            _ => b' ',
        };
        self.push(
            &outbound::AiqCanceled {
                message_type: outbound::AiqCanceled::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                decrement_shares: quantity(report.quantity.0),
                reason: b'Q',
                quantity_prevented_from_trading: quantity(report.quantity.0),
                execution_price: listed.price(price).into(),
                liquidity_flag: if incoming { b'R' } else { b'A' },
                aiq_strategy: strategy,
            },
            &[],
            &[],
        );
    }

    fn rejected(
        &mut self,
        report: &Report,
        moved: Option<Moved>,
        cause: &Cause,
        names: &WireNames,
    ) {
        let told = match cause.at.command.action {
            Action::Enter(_)
            | Action::EnterStop(_)
            | Action::EnterIceberg(_)
            | Action::EnterSpecial(_)
            | Action::MassCancel(_)
            | Action::SetOrderEntry(_)
            | Action::AccountQuery(_) => true,
            // A replace of an order that cannot be replaced any more is silently ignored.
            Action::Replace(_) | Action::ReplaceTerms(_) => report.reason.refuses_service(),
            _ => false,
        };
        if !told && report.reason == Reason::Moving {
            // The order may still be live: its session must not treat it as ended.
            return self.push(
                &outbound::CancelReject {
                    message_type: outbound::CancelReject::TYPE,
                    timestamp: cause.time_ns.into(),
                    user_ref_num: id(report.id),
                },
                &[],
                &[],
            );
        }
        match report.reason.ouch().filter(|_| told) {
            Some(Ouch::Reject(reason)) => self.push(
                &outbound::Rejected {
                    message_type: outbound::Rejected::TYPE,
                    timestamp: cause.time_ns.into(),
                    user_ref_num: id(report.id),
                    reason: reason.into(),
                    cl_ord_id: cause.fields.as_ref().map_or([b' '; 14], |fields| fields.text),
                },
                &partition_tag(report.reason, moved),
                &[tag::PARTITION],
            ),
            // OUCH has this reason only for the cancel of an accepted order.
            Some(Ouch::Cancel(_)) => {
                let Some(enter) = cause.at.command.action.entered() else { return };
                let mut all = *report;
                (all.price, all.quantity) = (enter.price, enter.quantity);
                self.accepted(&all, b'D', cause, names);
                self.canceled(&all, cause);
            }
            None => {}
        }
    }

    fn mass_canceled(&mut self, report: &Report, cause: &Cause, names: &WireNames) {
        let Action::MassCancel(filter) = &cause.at.command.action else { return };
        if filter.id == OrderId(0) {
            return;
        }
        let symbol = match report.symbol {
            SymbolId::NONE => None,
            symbol => names.symbol(symbol),
        };
        self.push(
            &outbound::MassCancelResponse {
                message_type: outbound::MassCancelResponse::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(filter.id),
                firm: filter.firm.map_or([b' '; 4], |firm| names.firm(firm)),
                symbol: symbol.map_or([b' '; 8], |listed| listed.stock),
            },
            cause.fields.as_ref().map_or(&[], ClientFields::tags),
            &[tag::GROUP_ID, tag::SIDE, tag::USER_REF_IDX],
        );
    }

    fn order_entry_set(&mut self, report: &Report, enabled: bool, cause: &Cause) {
        let (timestamp, user_ref_num) = (U64::new(cause.time_ns), id(report.id));
        // Firm: the first four letters of the client's text, blank without client fields. The
        // gateway gives this request none.
        let mut firm = [b' '; 4];
        firm.copy_from_slice(&cause.fields.as_ref().map_or([b' '; 14], |fields| fields.text)[..4]);
        if enabled {
            let message_type = outbound::EnableOrderEntryResponse::TYPE;
            let response =
                outbound::EnableOrderEntryResponse { message_type, timestamp, user_ref_num, firm };
            self.push(&response, &[], &[]);
        } else {
            let message_type = outbound::DisableOrderEntryResponse::TYPE;
            let response =
                outbound::DisableOrderEntryResponse { message_type, timestamp, user_ref_num, firm };
            self.push(&response, &[], &[]);
        }
    }

    fn broken(&mut self, report: &Report, MatchNumber(number): MatchNumber, cause: &Cause) {
        let trade = match &cause.at.command.action {
            Action::Operator(OperatorCommand::BreakTrade(trade)) => trade,
            Action::Operator(OperatorCommand::CorrectTrade(correction)) => &correction.trade,
            _ => return,
        };
        let is_told = |side: &&ringside_model::command::TradeSide| {
            side.session == report.session && side.id == report.id
        };
        self.push(
            &outbound::BrokenTrade {
                message_type: outbound::BrokenTrade::TYPE,
                timestamp: cause.time_ns.into(),
                user_ref_num: id(report.id),
                match_number: number.into(),
                reason: b'S',
                cl_ord_id: trade.sides().iter().find(is_told).map_or([b' '; 14], |side| side.text),
            },
            &[],
            &[],
        );
    }

    /// Appends a message with those of the client's tags that are listed in `again`.
    fn push<M: Layout>(&mut self, message: &M, tags: &[u8], again: &[u8]) {
        self.tags.clear();
        for (tag, value) in Tags::new(tags).unwrap_or_default().iter() {
            if again.contains(&tag) {
                push_tag(tag, value, &mut self.tags);
            }
        }
        let start = self.bytes.len();
        self.bytes.resize(start + MESSAGE_BYTES_MAX, 0);
        let (prefix, room) = self.bytes[start..].split_at_mut(PREFIX_BYTES);
        let length = ouch::write(message, Tags::new(&self.tags).unwrap_or_default(), room);
        prefix.copy_from_slice(&soupbintcp::prefix(packet::SEQUENCED, length));
        self.bytes.truncate(start + PREFIX_BYTES + length);
    }
}

/// Returns the OUCH letter of a side.
pub(super) fn side(side: Side) -> u8 {
    match side {
        Side::Buy => b'B',
        Side::Sell => b'S',
        Side::Short => b'T',
        Side::ShortExempt => b'E',
    }
}

/// Returns the OUCH letter of a capacity.
fn capacity(capacity: Capacity) -> u8 {
    match capacity {
        Capacity::Agency => b'A',
        Capacity::Principal => b'P',
        Capacity::Riskless => b'R',
        Capacity::Other => b'O',
    }
}

/// Returns the OUCH letter of a self-trade prevention mode; a space for modes that only session
/// files have.
fn aiq_strategy(mode: SelfTrade) -> u8 {
    match mode {
        SelfTrade::CancelNewest => b'W',
        SelfTrade::CancelOldest => b'O',
        SelfTrade::Decrement => b'D',
        SelfTrade::None | SelfTrade::CancelBoth | SelfTrade::CancelSmallest => b' ',
    }
}

/// Returns the tag of a reject for the wrong partition: the partition of the symbol and the version
/// of the table.
fn partition_tag(reason: Reason, moved: Option<Moved>) -> Vec<u8> {
    let mut tags = vec![];
    if let Some(moved) = moved.filter(|_| reason == Reason::WrongPartition) {
        let [a, b] = moved.partition.0.to_be_bytes();
        let [c, d, e, f] = moved.version.to_be_bytes();
        push_tag(tag::PARTITION, &[a, b, c, d, e, f], &mut tags);
    }
    tags
}

fn plain_fields(display: u8, of: Capacity) -> ClientFields {
    ClientFields {
        text: [b' '; ClientFields::TEXT_BYTES],
        tif: b'0',
        display,
        capacity: capacity(of),
        sweep: b'N',
        cross: b'N',
        tag_bytes: 0,
        tags: [0; ClientFields::TAG_BYTES_MAX],
    }
}

fn id(OrderId(id): OrderId) -> U32 {
    saturated(id).into()
}

/// Adds a tag for one of the order's terms that its tags do not have. There is room: an order from
/// the network with such a term has few other tags.
fn with_term(mut fields: ClientFields, tag: u8, value: &[u8]) -> ClientFields {
    let mut tags = fields.tags().to_vec();
    push_tag(tag, value, &mut tags);
    fields.tags[..tags.len()].copy_from_slice(&tags);
    fields.tag_bytes = tags.len() as u8;
    fields
}

/// Adds tags for the special terms that OUCH has a tag for.
fn with_terms(mut fields: ClientFields, terms: &SpecialTerms, listed: &Listed) -> ClientFields {
    if terms.min_quantity.0 > 0 {
        let minimum = saturated(terms.min_quantity.0);
        fields = with_term(fields, tag::MIN_QTY, &minimum.to_be_bytes());
    }
    if terms.expire != Nanos(0) {
        let seconds = time_of_day(terms.expire) / 1_000_000_000;
        fields = with_term(fields, tag::EXPIRE_TIME, &saturated(seconds).to_be_bytes());
    }
    if terms.peg_offset > 0 {
        let offset = saturated(listed.price(Price(terms.peg_offset.into())));
        fields = with_term(fields, tag::PEG_OFFSET, &offset.to_be_bytes());
    }
    match terms.peg {
        Peg::None => fields,
        Peg::Primary => with_term(fields, tag::PRICE_TYPE, b"R"),
        Peg::Midpoint => with_term(fields, tag::PRICE_TYPE, b"M"),
    }
}

fn quantity(quantity: u64) -> U32 {
    saturated(quantity).into()
}

/// Returns a limit, or [`PRICE_MARKET`] for none.
fn price(listed: &Listed, price: Price) -> U64 {
    if price.0 == 0 { PRICE_MARKET.into() } else { listed.price(price).into() }
}

fn liquidity_flag(executed: &Executed, hidden: bool) -> u8 {
    match executed.auction {
        Some(Auction::Opening) => b'O',
        Some(Auction::Closing) => b'C',
        Some(Auction::Reopening) => b'H',
        None if executed.removed => b'R',
        None if hidden => b'J',
        None => b'A',
    }
}
