//! Reports as ITCH messages: the changes of the displayed book by each command.
//!
//! The encoder keeps no state of orders between two commands. Within a command it keeps the
//! incoming order. This order is added to the book after all its reports, with the quantity that is
//! left.

use super::wire_names::{Listed, WireNames, saturated};
use super::{StreamId, StreamSink};
use ringside_model::domain::{
    Auction, DayEvent, FirmId, MatchNumber, MoveStep, Price, Quantity, SymbolId, SymbolState,
};
use ringside_model::reason::Reason;
use ringside_model::report::{BandsSet, Body, Executed, Published, Report, ReportKind};
use ringside_wire::Message;
use ringside_wire::itch::{
    AddOrder, AddOrderAttributed, BrokenTrade, CrossTrade, Header, LuldAuctionCollar,
    NetOrderImbalance, OrderCancel, OrderDelete, OrderExecuted, OrderExecutedWithPrice,
    OrderReplace, RegShoRestriction, StockDirectory, StockTradingAction, SystemEvent, Trade,
};

/// Length of the longest message in bytes, with its length field.
const MESSAGE_BYTES_MAX: usize = 64;

/// Encoder of market data.
#[derive(Default)]
pub(super) struct MarketData {
    /// Time of day of the current command, in ns since midnight UTC.
    time_ns: u64,
    incoming: Option<Incoming>,
    day: Option<DayEvent>,
    /// True if the break or correction of the command has been published.
    broken: bool,
    /// True if the command pauses a symbol.
    pauses: bool,
}

/// Incoming order of the current command.
struct Incoming {
    number: u64,
    /// Order that is replaced and still in the book of the listeners.
    replaces: Option<u64>,
    symbol: SymbolId,
    buy: bool,
    price: Price,
    open: u64,
    /// Firm that is shown with the order.
    attribution: Option<FirmId>,
}

impl Incoming {
    /// Returns the order of a report that has the order's number; the order replaces none.
    fn alone(report: &Report, Quantity(open): Quantity, attribution: Option<FirmId>) -> Self {
        Incoming {
            number: report.order.0,
            replaces: None,
            symbol: report.symbol,
            buy: report.side.is_buy(),
            price: report.price,
            open,
            attribution,
        }
    }
}

/// Sink of the messages, with the names that they need.
pub(super) struct Out<'a, S> {
    /// Sink of the streams.
    pub sink: &'a mut S,
    /// Names of symbols and firms on the wire.
    pub names: &'a WireNames,
}

impl<S: StreamSink> Out<'_, S> {
    #[inline]
    fn send<M: Message>(&mut self, message: &M) {
        let mut bytes = [0; MESSAGE_BYTES_MAX];
        let length = size_of::<M>();
        bytes[..2].copy_from_slice(&(length as u16).to_be_bytes());
        bytes[2..2 + length].copy_from_slice(message.as_bytes());
        self.sink.append(StreamId::MARKET_DATA, &bytes[..2 + length]);
    }
}

impl MarketData {
    /// Begins a command at a time of day, in ns since midnight UTC.
    #[inline]
    pub(super) fn begin(&mut self, time_ns: u64) {
        (self.time_ns, self.broken, self.pauses) = (time_ns, false, false);
    }

    /// Encodes the next report of the command. `attribution` is the firm to show with a new order.
    #[inline]
    pub(super) fn report<S: StreamSink>(
        &mut self,
        published: &Published,
        attribution: Option<FirmId>,
        out: &mut Out<'_, S>,
    ) {
        let report = &published.report;
        if report.is_hidden() {
            if report.kind == ReportKind::Repriced {
                // The order that came before this report is complete, and may rest by now.
                self.end_earlier(out);
            }
            return self.unseen(published, out);
        }
        match report.body() {
            Body::Accepted(_) => {
                self.end_earlier(out);
                self.incoming = Some(Incoming::alone(report, report.open, attribution));
            }
            Body::Replaced(_) => {
                self.end_earlier(out);
                self.incoming = Some(Incoming {
                    number: published.new_order().0,
                    replaces: Some(report.order.0),
                    ..Incoming::alone(report, report.open, attribution)
                });
            }
            Body::Triggered(_) | Body::Entered(_) => {
                // The order that came before this report is complete. The elected stop trades and
                // rests as an order of its own.
                self.end_earlier(out);
                self.incoming = Some(Incoming::alone(report, report.open, None));
            }
            Body::Repriced(repriced) => {
                self.end_earlier(out);
                self.incoming = Some(Incoming {
                    replaces: (!repriced.parked).then_some(repriced.old_order.0),
                    ..Incoming::alone(report, report.quantity, None)
                });
            }
            Body::Parked(_) => self.parked(report, out),
            Body::Displayed(_) if self.is_incoming(report) => {
                // Only this part of the quantity that is left is displayed.
                if let Some(incoming) = &mut self.incoming {
                    incoming.open = report.quantity.0;
                }
            }
            Body::Displayed(_) => {
                self.enter_book(&Incoming::alone(report, report.quantity, None), out);
            }
            Body::Executed(executed) if executed.auction.is_some() => self.crossed(published, out),
            Body::Executed(executed) if executed.removed => self.left(report),
            Body::Executed(_) => self.executed(published, out),
            Body::Canceled(_) if self.is_incoming(report) => self.left(report),
            Body::Canceled(canceled) => self.reduced(report, canceled.displayed, out),
            Body::Modified(modified) if report.quantity.0 > 0 => {
                self.reduced(report, modified.displayed, out);
            }
            Body::Restated(_) => {
                if let Some(incoming) = &mut self.incoming {
                    incoming.price = report.price;
                }
            }
            Body::Defined(_) => self.listed(report.symbol, out),
            Body::TradingDay(day) => self.trading_day(day.event, out),
            Body::Broken(broken) => self.broken(report, broken.match_number, out),
            Body::Corrected(corrected) => self.corrected(report, corrected.match_number, out),
            Body::SymbolMoved(moved) => self.moved(report.symbol, moved.moved.step, out),
            Body::StateChanged(changed) => self.state_changed(report, changed.state, out),
            Body::SymbolChanged(_) => self.directory(report.symbol, out),
            Body::BandsSet(bands) if self.pauses => self.auction_collar(report.symbol, &bands, out),
            Body::ShortSaleSet(set) => self.short_sale_set(published, set.restricted, out),
            Body::Crossed(crossed) => self.cross_trade(published, crossed.auction, out),
            Body::Indicative(indicative) => self.imbalance(report, indicative.auction, out),
            Body::Imported(_) => {
                self.enter_book(&Incoming::alone(report, report.open, attribution), out);
            }
            Body::Modified(_)
            | Body::Rejected(_)
            | Body::MassCanceled(_)
            | Body::DurabilitySet(_)
            | Body::OrderEntrySet(_)
            | Body::AccountQueried(_)
            | Body::Exported(_)
            | Body::Held(_)
            | Body::Unfinished(_)
            | Body::ReferenceSet(_)
            | Body::CallExtended(_)
            | Body::StopWavesSet(_)
            | Body::Ticked(_)
            | Body::StatePlanned(_)
            | Body::BandsSet(_)
            | Body::LimitState(_)
            | Body::Quoted(_)
            | Body::RiskSet(_)
            | Body::StateHash(_) => {}
        }
    }

    /// Ends a command: all its reports have been encoded.
    #[inline]
    pub(super) fn end<S: StreamSink>(&mut self, out: &mut Out<'_, S>) {
        self.end_incoming(out);
        if self.day.take() == Some(DayEvent::End) {
            self.events(b"MEC", out);
        }
    }

    fn header<M: Message>(&self, listed: &Listed) -> Header {
        Header::new::<M>(listed.locate, self.time_ns)
    }

    /// Adds the incoming order to the book with the quantity that is left.
    #[inline(always)]
    fn end_incoming<S: StreamSink>(&mut self, out: &mut Out<'_, S>) {
        if let Some(incoming) = self.incoming.take() {
            self.enter_book(&incoming, out);
        }
    }

    /// Ends the order that came in before, which is rare within a command: an elected stop, a peg.
    #[inline]
    fn end_earlier<S: StreamSink>(&mut self, out: &mut Out<'_, S>) {
        #[cold]
        #[inline(never)]
        fn end<S: StreamSink>(market: &mut MarketData, out: &mut Out<'_, S>) {
            market.end_incoming(out);
        }
        if self.incoming.is_some() {
            end(self, out);
        }
    }

    fn is_incoming(&self, report: &Report) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.number == report.order.0)
    }

    /// Sets the quantity that is left of the incoming order.
    #[inline]
    fn left(&mut self, report: &Report) {
        if let Some(incoming) = &mut self.incoming {
            incoming.open = report.open.0;
        }
    }

    fn enter_book<S: StreamSink>(&mut self, incoming: &Incoming, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(incoming.symbol) else { return };
        let (shares, price) = (saturated(incoming.open), listed.price4(incoming.price));
        if let Some(old) = incoming.replaces {
            if incoming.open == 0 {
                return self.delete(&listed, old, out);
            }
            return out.send(&OrderReplace {
                header: self.header::<OrderReplace>(&listed),
                original_order_reference: old.into(),
                new_order_reference: incoming.number.into(),
                shares: shares.into(),
                price: price.into(),
            });
        }
        if incoming.open == 0 {
            return;
        }
        let add = AddOrder {
            header: self.header::<AddOrder>(&listed),
            order_reference: incoming.number.into(),
            side: if incoming.buy { b'B' } else { b'S' },
            shares: shares.into(),
            stock: listed.stock,
            price: price.into(),
        };
        let Some(firm) = incoming.attribution else { return out.send(&add) };
        out.send(&AddOrderAttributed {
            header: self.header::<AddOrderAttributed>(&listed),
            order_reference: add.order_reference,
            side: add.side,
            shares: add.shares,
            stock: add.stock,
            price: add.price,
            attribution: out.names.firm(firm),
        });
    }

    /// Deletes the replaced order before the incoming order trades, so that no listener sees a
    /// crossed book.
    fn take_out_replaced<S: StreamSink>(&mut self, listed: &Listed, out: &mut Out<'_, S>) {
        if let Some(old) = self.incoming.as_mut().and_then(|incoming| incoming.replaces.take()) {
            self.delete(listed, old, out);
        }
    }

    fn delete<S: StreamSink>(&self, listed: &Listed, order: u64, out: &mut Out<'_, S>) {
        let header = self.header::<OrderDelete>(listed);
        out.send(&OrderDelete { header, order_reference: order.into() });
    }

    /// Publishes the execution of a resting order.
    #[inline]
    fn executed<S: StreamSink>(&mut self, published: &Published, out: &mut Out<'_, S>) {
        let report = &published.report;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        self.take_out_replaced(&listed, out);
        out.send(&OrderExecuted {
            header: self.header::<OrderExecuted>(&listed),
            order_reference: report.order.0.into(),
            executed_shares: saturated(report.quantity.0).into(),
            match_number: published.match_number().0.into(),
        });
    }

    /// Handles a report about a hidden order. Only its execution is published, as a trade, if the
    /// order was resting. The volume of an auction is published once for all orders.
    #[cold]
    fn unseen<S: StreamSink>(&self, published: &Published, out: &mut Out<'_, S>) {
        let report = &published.report;
        let Body::Executed(Executed { removed: false, auction: None, .. }) = report.body() else {
            return;
        };
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        out.send(&Trade {
            header: self.header::<Trade>(&listed),
            order_reference: 0.into(),
            side: b'B',
            shares: saturated(report.quantity.0).into(),
            stock: listed.stock,
            price: listed.price4(report.price).into(),
            match_number: published.match_number().0.into(),
        });
    }

    /// Publishes that a resting order became smaller or ended.
    fn reduced<S: StreamSink>(
        &mut self,
        report: &Report,
        displayed: Option<Quantity>,
        out: &mut Out<'_, S>,
    ) {
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        self.take_out_replaced(&listed, out);
        if report.open.0 == 0 {
            return self.delete(&listed, report.order.0, out);
        }
        let Quantity(cancelled) = displayed.unwrap_or(report.quantity);
        if cancelled == 0 {
            return;
        }
        out.send(&OrderCancel {
            header: self.header::<OrderCancel>(&listed),
            order_reference: report.order.0.into(),
            cancelled_shares: saturated(cancelled).into(),
        });
    }

    /// Publishes that a displayed order has left the book and may come back.
    #[cold]
    fn parked<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        // The order that came before this report is complete.
        self.end_earlier(out);
        if let Some(&listed) = out.names.symbol(report.symbol) {
            self.delete(&listed, report.order.0, out);
        }
    }

    /// Publishes the definition of a symbol, its trading state and its short sale restriction.
    fn listed<S: StreamSink>(&self, symbol: SymbolId, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(symbol) else { return };
        self.directory(symbol, out);
        self.trading_action(&listed, b'T', out);
        self.short_sale_restriction(&listed, b'0', out);
    }

    /// Publishes name and round lot of a symbol.
    fn directory<S: StreamSink>(&self, symbol: SymbolId, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(symbol) else { return };
        out.send(&StockDirectory {
            header: self.header::<StockDirectory>(&listed),
            stock: listed.stock,
            market_category: b' ',
            financial_status: b' ',
            round_lot_size: listed.lot.into(),
            round_lots_only: if listed.lot > 1 { b'Y' } else { b'N' },
            issue_classification: b'C',
            issue_sub_type: *b"Z ",
            authenticity: b'P',
            short_sale_threshold: b' ',
            ipo_flag: b' ',
            luld_tier: b' ',
            etp_flag: b' ',
            etp_leverage_factor: 0.into(),
            inverse_indicator: b'N',
        });
    }

    /// Publishes a change of the short sale restriction. If the report is not the first of its
    /// command, trades have set the restriction.
    fn short_sale_set<S: StreamSink>(
        &self,
        published: &Published,
        restricted: bool,
        out: &mut Out<'_, S>,
    ) {
        let Some(&listed) = out.names.symbol(published.report.symbol) else { return };
        let action = match (restricted, published.index) {
            (false, _) => b'0',
            (true, 0) => b'2',
            (true, _) => b'1',
        };
        self.short_sale_restriction(&listed, action, out);
    }

    fn short_sale_restriction<S: StreamSink>(
        &self,
        listed: &Listed,
        reg_sho_action: u8,
        out: &mut Out<'_, S>,
    ) {
        let (header, stock) = (self.header::<RegShoRestriction>(listed), listed.stock);
        out.send(&RegShoRestriction { header, stock, reg_sho_action });
    }

    /// Publishes that a symbol begins or stops trading in this partition because of a move.
    fn moved<S: StreamSink>(&self, symbol: SymbolId, step: MoveStep, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(symbol) else { return };
        let trading_state = match step {
            MoveStep::Halt | MoveStep::Release => b'H',
            MoveStep::Resume => b'T',
            MoveStep::Export | MoveStep::Import => return,
        };
        self.trading_action(&listed, trading_state, out);
    }

    fn trading_action<S: StreamSink>(
        &self,
        listed: &Listed,
        trading_state: u8,
        out: &mut Out<'_, S>,
    ) {
        out.send(&StockTradingAction {
            header: self.header::<StockTradingAction>(listed),
            stock: listed.stock,
            trading_state,
            reserved: b' ',
            reason: *b"    ",
        });
    }

    /// Publishes a new state of a symbol. ITCH has a letter for trading, halted, paused and quoting
    /// only. An auction call is quoting only; a state that accepts no orders is a halt.
    fn state_changed<S: StreamSink>(
        &mut self,
        report: &Report,
        state: SymbolState,
        out: &mut Out<'_, S>,
    ) {
        self.pauses = report.reason == Reason::LimitState;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        let trading_state = match state {
            SymbolState::Open => b'T',
            _ if self.pauses => b'P',
            _ if state.auction().is_some() => b'Q',
            _ => b'H',
        };
        self.trading_action(&listed, trading_state, out);
    }

    /// Publishes the bands of a paused symbol as the collar of its reopening auction.
    fn auction_collar<S: StreamSink>(
        &self,
        symbol: SymbolId,
        bands: &BandsSet,
        out: &mut Out<'_, S>,
    ) {
        let Some(&listed) = out.names.symbol(symbol) else { return };
        out.send(&LuldAuctionCollar {
            header: self.header::<LuldAuctionCollar>(&listed),
            stock: listed.stock,
            reference_price: listed.price4(bands.reference).into(),
            upper_price: listed.price4(bands.high).into(),
            lower_price: listed.price4(bands.low).into(),
            extension: 0.into(),
        });
    }

    /// Publishes an execution in an auction. It is not printable: the volume is published once for
    /// all orders.
    fn crossed<S: StreamSink>(&mut self, published: &Published, out: &mut Out<'_, S>) {
        let report = &published.report;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        out.send(&OrderExecutedWithPrice {
            header: self.header::<OrderExecutedWithPrice>(&listed),
            order_reference: report.order.0.into(),
            executed_shares: saturated(report.quantity.0).into(),
            match_number: published.match_number().0.into(),
            printable: b'N',
            execution_price: listed.price4(report.price).into(),
        });
    }

    /// Publishes the result of an auction. Its match number is the first of the command, which no
    /// trade has.
    fn cross_trade<S: StreamSink>(
        &self,
        published: &Published,
        auction: Auction,
        out: &mut Out<'_, S>,
    ) {
        let report = &published.report;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        out.send(&CrossTrade {
            header: self.header::<CrossTrade>(&listed),
            shares: report.quantity.0.into(),
            stock: listed.stock,
            cross_price: listed.price4(report.price).into(),
            match_number: MatchNumber::of(published.seqno, 0).0.into(),
            cross_type: cross_type(auction),
        });
    }

    /// Publishes the indicative result of an auction. All orders that can take part can trade
    /// outside the auction, too, so near and far price are equal.
    fn imbalance<S: StreamSink>(
        &self,
        report: &Report,
        auction: Option<Auction>,
        out: &mut Out<'_, S>,
    ) {
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        let price = listed.price4(report.price);
        let imbalance_direction = match (report.quantity.0, report.open.0) {
            (0, _) => b'O',
            (_, 0) => b'N',
            _ if report.side.is_buy() => b'B',
            _ => b'S',
        };
        out.send(&NetOrderImbalance {
            header: self.header::<NetOrderImbalance>(&listed),
            paired_shares: report.quantity.0.into(),
            imbalance_shares: report.open.0.into(),
            imbalance_direction,
            stock: listed.stock,
            far_price: price.into(),
            near_price: price.into(),
            current_reference_price: price.into(),
            cross_type: cross_type(auction.unwrap_or(Auction::Reopening)),
            price_variation: if report.quantity.0 == 0 { b' ' } else { b'L' },
        });
    }

    /// Publishes the start of the day at once; its end follows after the reports of the orders that
    /// expire.
    fn trading_day<S: StreamSink>(&mut self, event: DayEvent, out: &mut Out<'_, S>) {
        self.day = Some(event);
        if event == DayEvent::Start {
            self.events(b"OSQ", out);
        }
    }

    fn events<S: StreamSink>(&self, codes: &[u8], out: &mut Out<'_, S>) {
        for &event_code in codes {
            let header = Header::new::<SystemEvent>(0, self.time_ns);
            out.send(&SystemEvent { header, event_code });
        }
    }

    /// Publishes a broken trade. Both sides have a report, market data has one message.
    fn broken<S: StreamSink>(
        &mut self,
        report: &Report,
        number: MatchNumber,
        out: &mut Out<'_, S>,
    ) {
        let told = std::mem::replace(&mut self.broken, true);
        let Some(&listed) = out.names.symbol(report.symbol).filter(|_| !told) else { return };
        self.taken_back(number, &listed, out);
    }

    /// Publishes a corrected trade: breaks it, and publishes it again as a trade that changes no
    /// order of the book.
    fn corrected<S: StreamSink>(
        &mut self,
        report: &Report,
        number: MatchNumber,
        out: &mut Out<'_, S>,
    ) {
        let told = std::mem::replace(&mut self.broken, true);
        let Some(&listed) = out.names.symbol(report.symbol).filter(|_| !told) else { return };
        self.taken_back(number, &listed, out);
        out.send(&Trade {
            header: self.header::<Trade>(&listed),
            order_reference: 0.into(),
            side: b'B',
            shares: saturated(report.quantity.0).into(),
            stock: listed.stock,
            price: listed.price4(report.price).into(),
            match_number: number.0.into(),
        });
    }

    fn taken_back<S: StreamSink>(
        &self,
        MatchNumber(number): MatchNumber,
        listed: &Listed,
        out: &mut Out<'_, S>,
    ) {
        let header = self.header::<BrokenTrade>(listed);
        out.send(&BrokenTrade { header, match_number: number.into() });
    }
}

/// Returns the ITCH letter of an auction.
fn cross_type(auction: Auction) -> u8 {
    match auction {
        Auction::Opening => b'O',
        Auction::Closing => b'C',
        Auction::Reopening => b'H',
    }
}
