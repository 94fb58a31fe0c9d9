//! Reports as ITCH messages: the changes of the displayed book by each command.
//!
//! The encoder keeps no state of orders between two commands. Within a command it keeps the
//! incoming order. This order is added to the book after all its reports, with the quantity that is
//! left.

use super::wire_names::{Listed, WireNames, saturated};
use super::{StreamId, StreamSink};
use ringside_model::domain::{
    Auction, DayEvent, FirmId, MatchNumber, MoveStep, Price, SymbolId, SymbolState,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Moved, Published, Report, ReportKind};
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
    fn alone(report: &Report, attribution: Option<FirmId>) -> Self {
        Incoming {
            number: report.order.0,
            replaces: None,
            symbol: report.symbol,
            buy: report.side.is_buy(),
            price: report.price,
            open: report.open.0,
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
        if report.flags & Report::HIDDEN != 0 {
            if report.kind == ReportKind::Repriced {
                // The order that came before this report is complete, and may rest by now.
                self.end_incoming(out);
            }
            return self.unseen(published, out);
        }
        match report.kind {
            ReportKind::Accepted | ReportKind::Replaced => {
                let replaced = report.kind == ReportKind::Replaced;
                self.incoming = Some(Incoming {
                    number: published.seqno.0,
                    replaces: replaced.then_some(report.order.0),
                    symbol: report.symbol,
                    buy: report.side.is_buy(),
                    price: report.price,
                    open: report.open.0,
                    attribution,
                });
            }
            ReportKind::Triggered => {
                // The order that came before this report is complete. The triggered order trades
                // and rests as an order of its own.
                self.end_incoming(out);
                self.incoming = Some(Incoming::alone(report, None));
            }
            ReportKind::Repriced => {
                self.end_incoming(out);
                let shown = Report { open: report.quantity, ..*report };
                let incoming = Incoming::alone(&shown, None);
                self.incoming = Some(Incoming { replaces: Some(report.other), ..incoming });
            }
            ReportKind::Displayed if self.is_incoming(report) => {
                // Only this part of the quantity that is left is displayed.
                if let Some(incoming) = &mut self.incoming {
                    incoming.open = report.quantity.0;
                }
            }
            ReportKind::Displayed => {
                let slice = Report { open: report.quantity, ..*report };
                self.enter_book(&Incoming::alone(&slice, None), out);
            }
            ReportKind::Executed if report.auction().is_some() => self.crossed(published, out),
            ReportKind::Executed if report.flags & Report::REMOVED != 0 => self.left(report),
            ReportKind::Executed => self.executed(published, out),
            ReportKind::Canceled if self.is_incoming(report) => self.left(report),
            ReportKind::Canceled => self.reduced(report, out),
            ReportKind::Modified if report.quantity.0 > 0 => self.reduced(report, out),
            ReportKind::Restated => {
                if let Some(incoming) = &mut self.incoming {
                    incoming.price = report.price;
                }
            }
            ReportKind::Defined => self.listed(report.symbol, out),
            ReportKind::TradingDay => self.trading_day(report, out),
            ReportKind::Broken => self.broken(report, out),
            ReportKind::Corrected => self.corrected(report, out),
            ReportKind::SymbolMoved => self.moved(report, out),
            ReportKind::StateChanged => self.state_changed(report, out),
            ReportKind::BandsSet if self.pauses => self.auction_collar(report, out),
            ReportKind::ShortSaleSet => self.short_sale_set(published, out),
            ReportKind::Crossed => self.cross_trade(published, out),
            ReportKind::Indicative => self.imbalance(report, out),
            ReportKind::Imported => {
                self.enter_book(&Incoming::alone(report, attribution), out);
            }
            _ => {}
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
    #[inline]
    fn end_incoming<S: StreamSink>(&mut self, out: &mut Out<'_, S>) {
        if let Some(incoming) = self.incoming.take() {
            self.enter_book(&incoming, out);
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
        let rested = report.flags & Report::REMOVED == 0 && report.auction().is_none();
        if report.kind != ReportKind::Executed || !rested {
            return;
        }
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
    fn reduced<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        self.take_out_replaced(&listed, out);
        if report.open.0 == 0 {
            return self.delete(&listed, report.order.0, out);
        }
        let has_reserve = report.flags & Report::RESERVE != 0;
        let cancelled = if has_reserve { report.other } else { report.quantity.0 };
        if cancelled == 0 {
            return;
        }
        out.send(&OrderCancel {
            header: self.header::<OrderCancel>(&listed),
            order_reference: report.order.0.into(),
            cancelled_shares: saturated(cancelled).into(),
        });
    }

    /// Publishes the definition of a symbol, its trading state and its short sale restriction.
    fn listed<S: StreamSink>(&self, symbol: SymbolId, out: &mut Out<'_, S>) {
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
        self.trading_action(&listed, b'T', out);
        self.short_sale_restriction(&listed, b'0', out);
    }

    /// Publishes a change of the short sale restriction. If the report is not the first of its
    /// command, trades have set the restriction.
    fn short_sale_set<S: StreamSink>(&self, published: &Published, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(published.report.symbol) else { return };
        let action = match (published.report.other & 1, published.index) {
            (0, _) => b'0',
            (_, 0) => b'2',
            _ => b'1',
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
    fn moved<S: StreamSink>(&self, report: &Report, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        let trading_state = match Moved::from_word(report.other).map(|moved| moved.step) {
            Some(MoveStep::Halt | MoveStep::Release) => b'H',
            Some(MoveStep::Resume) => b'T',
            Some(MoveStep::Export | MoveStep::Import) | None => return,
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
    fn state_changed<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        self.pauses = report.reason == Reason::LimitState;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        let Some(state) = SymbolState::from_code(report.other as u8) else { return };
        let trading_state = match state {
            SymbolState::Open => b'T',
            _ if self.pauses => b'P',
            _ if state.auction().is_some() => b'Q',
            _ => b'H',
        };
        self.trading_action(&listed, trading_state, out);
    }

    /// Publishes the bands of a paused symbol as the collar of its reopening auction.
    fn auction_collar<S: StreamSink>(&self, report: &Report, out: &mut Out<'_, S>) {
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        out.send(&LuldAuctionCollar {
            header: self.header::<LuldAuctionCollar>(&listed),
            stock: listed.stock,
            reference_price: listed.price4(Price(report.quantity.0 as i64)).into(),
            upper_price: listed.price4(Price(report.other as i64)).into(),
            lower_price: listed.price4(report.price).into(),
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
    fn cross_trade<S: StreamSink>(&self, published: &Published, out: &mut Out<'_, S>) {
        let report = &published.report;
        let Some(&listed) = out.names.symbol(report.symbol) else { return };
        out.send(&CrossTrade {
            header: self.header::<CrossTrade>(&listed),
            shares: report.quantity.0.into(),
            stock: listed.stock,
            cross_price: listed.price4(report.price).into(),
            match_number: MatchNumber::of(published.seqno, 0).0.into(),
            cross_type: cross_type(report),
        });
    }

    /// Publishes the indicative result of an auction. All orders that can take part can trade
    /// outside the auction, too, so near and far price are equal.
    fn imbalance<S: StreamSink>(&self, report: &Report, out: &mut Out<'_, S>) {
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
            cross_type: cross_type(report),
            price_variation: if report.quantity.0 == 0 { b' ' } else { b'L' },
        });
    }

    /// Publishes the start of the day at once; its end follows after the reports of the orders that
    /// expire.
    fn trading_day<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        self.day = DayEvent::from_code(report.other as u8);
        if self.day == Some(DayEvent::Start) {
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
    fn broken<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        let told = std::mem::replace(&mut self.broken, true);
        let Some(&listed) = out.names.symbol(report.symbol).filter(|_| !told) else { return };
        self.taken_back(report, &listed, out);
    }

    /// Publishes a corrected trade: breaks it, and publishes it again as a trade that changes no
    /// order of the book.
    fn corrected<S: StreamSink>(&mut self, report: &Report, out: &mut Out<'_, S>) {
        let told = std::mem::replace(&mut self.broken, true);
        let Some(&listed) = out.names.symbol(report.symbol).filter(|_| !told) else { return };
        self.taken_back(report, &listed, out);
        out.send(&Trade {
            header: self.header::<Trade>(&listed),
            order_reference: 0.into(),
            side: b'B',
            shares: saturated(report.quantity.0).into(),
            stock: listed.stock,
            price: listed.price4(report.price).into(),
            match_number: report.other.into(),
        });
    }

    fn taken_back<S: StreamSink>(&self, report: &Report, listed: &Listed, out: &mut Out<'_, S>) {
        let header = self.header::<BrokenTrade>(listed);
        out.send(&BrokenTrade { header, match_number: report.other.into() });
    }
}

/// Returns the ITCH letter of the auction of a report.
fn cross_type(report: &Report) -> u8 {
    match Auction::from_code(report.other as u8) {
        Some(Auction::Opening) => b'O',
        Some(Auction::Closing) => b'C',
        Some(Auction::Reopening) | None => b'H',
    }
}
