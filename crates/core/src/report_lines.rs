//! Reports as lines of JSON, one for each report.

use crate::registry::directory::Directory;
use ringside_model::command::{self, Command};
use ringside_model::domain::{
    Auction, Capacity, DayEvent, FirmId, Name, PostOnly, Price, SelfTrade, SessionId, Side,
    SymbolId, SymbolState, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{ExportedTerms, Moved, Published, Report, ReportKind};

/// Writer of report lines, with the names and the decimals that the definitions gave.
#[derive(Clone, Debug, Default)]
pub struct ReportLines {
    names: Directory,
}

impl ReportLines {
    /// Returns a writer without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the names of a definition; ignores other commands. A definition must come before the
    /// first report that names its symbol, session or firm, and so before its own report.
    pub fn definition(&mut self, command: &Command) {
        if command::is_definition(command.action.kind()) {
            self.names.observe(command);
        }
    }

    /// Returns the names of the definitions so far.
    #[inline]
    pub(crate) fn names(&self) -> &Directory {
        &self.names
    }

    /// Appends the line of a report. State hashes are internal and have no line.
    pub fn write(&self, published: &Published, out: &mut Vec<u8>) {
        let report = &published.report;
        if report.kind == ReportKind::StateHash {
            return;
        }
        let mut line = Line { names: &self.names, out };
        line.raw("{\"seq\":");
        line.digits(published.seqno.0);
        line.number("ix", published.index.into());
        line.number("ts", published.time.0);
        line.word("report", report.kind.name());
        match report.kind {
            ReportKind::Accepted => {
                line.order(report);
                if report.flags & Report::STOP != 0 {
                    line.stop(report)
                } else {
                    line.terms(report)
                }
            }
            ReportKind::Triggered => {
                line.order(report);
                line.number("old_order", report.other);
                line.terms(report);
            }
            ReportKind::Displayed => {
                line.order(report);
                line.number("old_order", report.other);
                line.terms(report);
            }
            ReportKind::Executed => {
                line.order(report);
                line.key("contra");
                line.raw("\"");
                line.digits(report.other);
                line.raw("\"");
                line.number("match", published.match_number().0);
                line.number("qty", report.quantity.0);
                line.price(report.symbol, report.price);
                line.number("open", report.open.0);
                let removed = report.flags & Report::REMOVED != 0;
                match report.auction() {
                    Some(auction) => line.word("liquidity", auction.name()),
                    None => line.word("liquidity", if removed { "removed" } else { "added" }),
                }
            }
            ReportKind::Canceled => {
                line.order(report);
                line.number("qty", report.quantity.0);
                line.number("open", report.open.0);
                line.word("reason", report.reason.name());
            }
            ReportKind::Replaced => {
                line.session(report.session);
                line.number("id", report.id.0);
                line.number("old_id", report.other);
                line.number("order", published.seqno.0);
                line.terms(report);
            }
            ReportKind::Rejected => {
                line.session(report.session);
                line.number("id", report.id.0);
                line.symbol(report.symbol);
                line.word("reason", report.reason.name());
                line.number("code", report.reason as u64);
                if matches!(report.reason, Reason::WrongPartition | Reason::InvalidMove) {
                    line.moved(report);
                }
            }
            ReportKind::Restated => {
                line.order(report);
                line.symbol_and_side(report.symbol, report.side);
                line.price(report.symbol, report.price);
                line.number("open", report.open.0);
            }
            ReportKind::MassCanceled => {
                line.request(report);
                line.number("count", report.quantity.0);
            }
            ReportKind::Defined => line.defined(report),
            ReportKind::Modified => {
                line.order(report);
                line.symbol_and_side(report.symbol, report.side);
                line.number("qty", report.quantity.0);
                line.number("open", report.open.0);
            }
            ReportKind::OrderEntrySet => {
                line.request(report);
                line.truth("enabled", report.other == 1);
            }
            ReportKind::AccountQueried => {
                line.request(report);
                line.number("next_id", report.other);
            }
            ReportKind::TradingDay => {
                let event = DayEvent::from_code(report.other as u8);
                line.word("event", event.map_or("", DayEvent::name));
                line.number("count", report.quantity.0);
            }
            ReportKind::StateChanged => {
                line.symbol(report.symbol);
                let state = SymbolState::from_code(report.other as u8);
                line.word("state", state.map_or("", SymbolState::name));
                if report.reason != Reason::None {
                    line.word("reason", report.reason.name());
                }
                if report.reason == Reason::LimitState {
                    line.number("reopens_at", report.quantity.0);
                }
            }
            ReportKind::Crossed => line.auction(report),
            ReportKind::Indicative => {
                line.auction(report);
                line.word("imbalance_side", if report.side.is_buy() { "buy" } else { "sell" });
                line.number("imbalance", report.open.0);
            }
            ReportKind::Broken => {
                line.session(report.session);
                line.number("id", report.id.0);
                line.number("match", report.other);
                line.symbol(report.symbol);
            }
            ReportKind::Corrected => {
                line.session(report.session);
                line.number("id", report.id.0);
                line.number("match", report.other);
                line.symbol(report.symbol);
                line.number("qty", report.quantity.0);
                line.price(report.symbol, report.price);
            }
            ReportKind::Repriced => {
                line.order(report);
                line.number("old_order", report.other);
                line.terms(report);
            }
            ReportKind::Ticked => {
                line.symbol(report.symbol);
                line.number("count", report.quantity.0);
            }
            ReportKind::StatePlanned => {
                line.symbol(report.symbol);
                if let Some(state) = SymbolState::from_code(report.other as u8) {
                    line.word("state", state.name());
                    line.number("at", report.quantity.0);
                }
            }
            ReportKind::BandsSet => {
                line.symbol(report.symbol);
                line.price_of("low", report.symbol, report.price);
                line.price_of("high", report.symbol, Price(report.other as i64));
                line.price_of("reference", report.symbol, Price(report.quantity.0 as i64));
            }
            ReportKind::LimitState => {
                line.symbol(report.symbol);
                line.word("side", if report.side.is_buy() { "buy" } else { "sell" });
                line.price(report.symbol, report.price);
                line.truth("stands", report.other == 1);
                if report.other == 1 {
                    line.number("pause_at", report.quantity.0);
                }
            }
            ReportKind::Quoted => {
                line.symbol(report.symbol);
                line.price_of("bid", report.symbol, report.price);
                line.price_of("offer", report.symbol, Price(report.other as i64));
            }
            ReportKind::ShortSaleSet => {
                line.symbol(report.symbol);
                line.truth("restricted", report.other & 1 == 1);
                line.truth("automatic", report.other & 2 == 2);
            }
            ReportKind::RiskSet => {
                line.session(report.session);
                line.symbol(report.symbol);
                line.name("firm", line.names.firm(FirmId(report.other as u16)));
            }
            ReportKind::DurabilitySet => {}
            ReportKind::SymbolMoved => {
                line.symbol(report.symbol);
                line.moved(report);
                line.number("count", report.quantity.0);
            }
            ReportKind::Exported => line.exported(report),
            ReportKind::Held | ReportKind::Imported => {
                line.order(report);
                line.number("id_there", report.other);
                line.number("partition", report.trade.into());
                line.terms(report);
            }
            ReportKind::StateHash => unreachable!("it has no line"),
        }
        line.word("durability", published.durability.name());
        line.raw("}\n");
    }
}

struct Line<'a> {
    names: &'a Directory,
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    /// Writes the session of a request, and the id if there is one: most requests use up no id.
    fn request(&mut self, report: &Report) {
        self.session(report.session);
        if report.id.0 != 0 {
            self.number("id", report.id.0);
        }
    }

    fn order(&mut self, report: &Report) {
        self.session(report.session);
        self.number("id", report.id.0);
        self.number("order", report.order.0);
    }

    fn terms(&mut self, report: &Report) {
        self.symbol_and_side(report.symbol, report.side);
        self.number("qty", report.quantity.0);
        self.price(report.symbol, report.price);
        self.number("open", report.open.0);
        if report.flags & Report::HIDDEN != 0 {
            self.truth("hidden", true);
        }
    }

    fn stop(&mut self, report: &Report) {
        self.symbol_and_side(report.symbol, report.side);
        self.number("qty", report.quantity.0);
        self.price_of("stop_price", report.symbol, report.price);
        self.price(report.symbol, Price(report.other as i64));
        self.number("open", report.open.0);
    }

    /// Writes the actual or indicative result of an auction.
    fn auction(&mut self, report: &Report) {
        self.symbol(report.symbol);
        let auction = Auction::from_code(report.other as u8);
        self.word("auction", auction.map_or("", Auction::name));
        self.number("qty", report.quantity.0);
        self.price(report.symbol, report.price);
    }

    /// Writes the step of a symbol's move between partitions.
    fn moved(&mut self, report: &Report) {
        let Some(Moved { step, partition, version }) = Moved::from_word(report.other) else {
            return;
        };
        if report.reason != Reason::WrongPartition {
            self.word("step", step.name());
        }
        self.number("partition", partition.0.into());
        self.number("version", version.into());
    }

    /// Writes all fields that an `import` line needs to make the same order again.
    fn exported(&mut self, report: &Report) {
        let Some(terms) = ExportedTerms::from_word(report.other) else { return };
        let ExportedTerms { firm, group, tif, post_only, self_trade } = terms;
        self.order(report);
        self.symbol_and_side(report.symbol, report.side);
        self.word("tif", tif.name());
        self.number("qty", report.quantity.0);
        self.price(report.symbol, report.price);
        match post_only {
            PostOnly::Off => {}
            PostOnly::Reject => self.truth("post_only", true),
            PostOnly::Slide => self.word("post_only", post_only.name()),
        }
        if self_trade != SelfTrade::None {
            self.word("stp", self_trade.name());
        }
        if group != 0 {
            self.number("stp_group", group.into());
        }
        self.name("firm", self.names.firm(firm));
        if report.capacity() != Capacity::Other {
            self.word("capacity", report.capacity().name());
        }
        if report.flags & Report::ATTRIBUTED != 0 {
            self.truth("attributed", true);
        }
    }

    fn symbol_and_side(&mut self, symbol: SymbolId, side: Side) {
        self.symbol(symbol);
        self.word("side", side.name());
    }

    /// Writes the defined entry: a symbol if there is one, else a session, else a firm.
    fn defined(&mut self, report: &Report) {
        let names = self.names;
        let firm = u16::try_from(report.other).unwrap_or(0);
        if report.symbol != SymbolId::NONE {
            self.word("what", "symbol");
            self.name("name", names.symbol(report.symbol).map(|s| s.name));
        } else if report.session != SessionId(0) {
            self.word("what", "session");
            self.name("name", names.session(report.session).map(|s| s.name));
        } else {
            self.word("what", "firm");
            self.name("name", names.firm(FirmId(firm)));
        }
    }

    /// Writes the session, unless the command had none, as a definition has.
    fn session(&mut self, session: SessionId) {
        self.name("session", self.names.session(session).map(|s| s.name));
    }

    /// Writes the symbol, unless the command named none that exists.
    fn symbol(&mut self, symbol: SymbolId) {
        self.name("symbol", self.names.symbol(symbol).map(|s| s.name));
    }

    fn name(&mut self, key: &str, name: Option<Name>) {
        let Some(name) = name else { return };
        self.key(key);
        self.raw("\"");
        for byte in name.as_str().bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.out.push(b'\\');
            }
            self.out.push(byte);
        }
        self.raw("\"");
    }

    /// Writes a word of the program, which needs no escapes.
    fn word(&mut self, key: &str, word: &str) {
        self.key(key);
        self.raw("\"");
        self.raw(word);
        self.raw("\"");
    }

    fn truth(&mut self, key: &str, truth: bool) {
        self.key(key);
        self.raw(if truth { "true" } else { "false" });
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.digits(number);
    }

    /// Writes the price with all digits of its tick, unless there is none.
    fn price(&mut self, symbol: SymbolId, price: Price) {
        self.price_of("price", symbol, price);
    }

    fn price_of(&mut self, key: &str, symbol: SymbolId, price: Price) {
        let Some(symbol) = self.names.symbol(symbol).filter(|_| price.0 != 0) else { return };
        self.key(key);
        self.raw("\"");
        self.decimal(symbol.tick, price);
        self.raw("\"");
    }

    fn decimal(&mut self, tick: Tick, price: Price) {
        let value = u64::try_from(price.0).ok().and_then(|p| p.checked_mul(tick.mantissa));
        let Some(value) = value.filter(|_| tick.scale <= Tick::SCALE_MAX) else {
            return self.raw(&tick.decimal(price));
        };
        let scale = usize::from(tick.scale);
        let unit = 10u64.pow(tick.scale.into());
        self.digits(value / unit);
        if scale > 0 {
            // A leading 1 keeps the zeros of the fraction; the decimal point then replaces the 1.
            let at = self.out.len();
            self.digits(value % unit + unit);
            self.out[at] = b'.';
        }
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn key(&mut self, key: &str) {
        self.raw(",\"");
        self.raw(key);
        self.raw("\":");
    }

    #[inline]
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_the_tick() {
        let names = Directory::new();
        for tick in ["0.01", "0.25", "5", "0.000000000001", "18446744073709551615", "12.5"] {
            let tick = Tick::parse(tick).unwrap();
            for price in [1, 2, 9, 10, 99, 100, 101, 18705, 1_000_000_007, i64::MAX] {
                let mut out = Vec::new();
                Line { names: &names, out: &mut out }.decimal(tick, Price(price));
                assert_eq!(String::from_utf8(out).unwrap(), tick.decimal(Price(price)));
            }
        }
    }
}
