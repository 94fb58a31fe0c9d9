//! Reports as lines of JSON, one for each report.

use crate::registry::names::Names;
use ringside_model::command::Command;
use ringside_model::domain::{
    Auction, Capacity, FirmId, Name, Nanos, PostOnly, Price, SelfTrade, SessionId, Side, SymbolId,
    Tick,
};
use ringside_model::field::Value;
use ringside_model::reason::Reason;
use ringside_model::report::{
    Accepted, Body, Executed, Exported, ExportedTerms, Indicative, Moved, Published, Report,
    ReportKind, StateChanged, StatePlanned, SymbolChanged, SymbolMoved,
};

/// Fields that the writer adds to those of the table of reports, except `durability`, the last
/// field.
const FIELDS: &[&str] = &[
    "seq",
    "ix",
    "ts",
    "report",
    "session",
    "id",
    "old_id",
    "order",
    "contra",
    "match",
    "symbol",
    "side",
    "qty",
    "price",
    "open",
    "liquidity",
    "reason",
    "code",
    "event",
    "enabled",
    "next_id",
    "count",
    "what",
    "name",
    "tif",
    "post_only",
    "stp",
    "stp_group",
    "firm",
    "capacity",
    "attributed",
    "hidden",
    "stop_price",
    "auction",
    "imbalance_side",
    "imbalance",
    "state",
    "at",
    "reopens_at",
    "step",
    "partition",
    "version",
    "tick",
    "auction_collar_bps",
    "extension_ms",
    "extensions",
];

/// Writer of report lines, with the names and the decimals that the definitions gave.
#[derive(Clone, Debug, Default)]
pub struct JsonReports {
    names: Names,
}

impl JsonReports {
    /// Returns a writer without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a writer with these names, which may grow through another handle.
    pub fn with_names(names: Names) -> Self {
        JsonReports { names }
    }

    /// Adds the names of a definition; ignores other commands. A definition must come before the
    /// first report that names its symbol, session or firm, and so before its own report.
    pub fn definition(&mut self, command: &Command) {
        self.names.observe(command);
    }

    /// Returns the names of all fields that a line may have, each once.
    pub fn fields() -> Vec<&'static str> {
        let mut fields = FIELDS.to_vec();
        for &field in Body::LINE_FIELDS {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields.push("durability");
        fields
    }

    /// Returns the names of the definitions so far.
    #[inline]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Appends the line of a report. State hashes are internal and have no line.
    pub fn write(&self, published: &Published, out: &mut Vec<u8>) {
        let report = &published.report;
        if report.kind == ReportKind::StateHash {
            return;
        }
        let mut line = JsonLine { names: &self.names, out };
        line.raw("{\"seq\":");
        line.digits(published.seqno.0);
        line.number("ix", published.index.into());
        line.number("ts", published.time.0);
        line.word("report", report.kind.name());
        let body = report.body();
        line.head(report, body);
        body.line_fields(&mut |name, value| line.field(name, value, report.symbol));
        line.tail(published, body);
        line.word("durability", published.durability.name());
        line.raw("}\n");
    }
}

struct JsonLine<'a> {
    names: &'a Names,
    out: &'a mut Vec<u8>,
}

impl JsonLine<'_> {
    /// Writes the fields before those that the table of reports names.
    fn head(&mut self, report: &Report, body: Body) {
        match body {
            Body::Accepted(_)
            | Body::Triggered(_)
            | Body::Entered(_)
            | Body::Displayed(_)
            | Body::Parked(_)
            | Body::Executed(_)
            | Body::Canceled(_)
            | Body::Restated(_)
            | Body::Modified(_)
            | Body::Repriced(_)
            | Body::Exported(_)
            | Body::Held(_)
            | Body::Imported(_) => self.order(report),
            Body::Replaced(_) | Body::Rejected(_) | Body::Broken(_) | Body::Corrected(_) => {
                self.session(report.session);
                self.number("id", report.id.0);
            }
            Body::MassCanceled(_) | Body::OrderEntrySet(_) | Body::AccountQueried(_) => {
                self.request(report)
            }
            Body::RiskSet(_) => {
                self.session(report.session);
                self.symbol(report.symbol);
            }
            Body::SymbolMoved(_)
            | Body::StateChanged(_)
            | Body::Unfinished(_)
            | Body::ReferenceSet(_)
            | Body::CallExtended(_)
            | Body::SymbolChanged(_)
            | Body::StopWavesSet(_)
            | Body::Indicative(_)
            | Body::Crossed(_)
            | Body::Ticked(_)
            | Body::StatePlanned(_)
            | Body::BandsSet(_)
            | Body::Quoted(_)
            | Body::ShortSaleSet(_) => self.symbol(report.symbol),
            Body::LimitState(_) => {
                self.symbol(report.symbol);
                self.word("side", if report.side.is_buy() { "buy" } else { "sell" });
                self.price(report.symbol, report.price);
            }
            Body::Defined(_)
            | Body::DurabilitySet(_)
            | Body::TradingDay(_)
            | Body::StateHash(_) => {}
        }
    }

    /// Writes the fields after those that the table of reports names.
    fn tail(&mut self, published: &Published, body: Body) {
        let report = &published.report;
        match body {
            Body::Accepted(Accepted { stop: Some(limit) }) => self.stop(report, limit),
            Body::Accepted(Accepted { stop: None })
            | Body::Triggered(_)
            | Body::Entered(_)
            | Body::Displayed(_)
            | Body::Parked(_)
            | Body::Repriced(_)
            | Body::Held(_)
            | Body::Imported(_) => self.terms(report),
            Body::Executed(executed) => self.executed(published, &executed),
            Body::Canceled(_) => {
                self.number("qty", report.quantity.0);
                self.number("open", report.open.0);
                self.word("reason", report.reason.name());
            }
            Body::Replaced(replaced) => {
                self.number("order", published.new_order().0);
                match replaced.stop {
                    Some(limit) => self.stop(report, limit),
                    None => self.terms(report),
                }
            }
            Body::Rejected(rejected) => self.rejected(report, rejected.moved),
            Body::Restated(_) => {
                self.symbol_and_side(report.symbol, report.side);
                self.price(report.symbol, report.price);
                self.number("open", report.open.0);
            }
            Body::Modified(_) => {
                self.symbol_and_side(report.symbol, report.side);
                self.number("qty", report.quantity.0);
                self.number("open", report.open.0);
            }
            Body::Broken(_) => self.symbol(report.symbol),
            Body::Corrected(_) => {
                self.symbol(report.symbol);
                self.number("qty", report.quantity.0);
                self.price(report.symbol, report.price);
            }
            Body::Crossed(_) => {
                self.number("qty", report.quantity.0);
                self.price(report.symbol, report.price);
            }
            Body::Indicative(Indicative { auction }) => {
                self.word("auction", auction.map_or("", Auction::name));
                self.number("qty", report.quantity.0);
                self.price(report.symbol, report.price);
                self.word("imbalance_side", if report.side.is_buy() { "buy" } else { "sell" });
                self.number("imbalance", report.open.0);
            }
            Body::StateChanged(StateChanged { reopens_at, .. }) => {
                if report.reason != Reason::None {
                    self.word("reason", report.reason.name());
                }
                if reopens_at != Nanos(0) {
                    self.number("reopens_at", reopens_at.0);
                }
            }
            Body::StatePlanned(StatePlanned { state: Some(state), at }) => {
                self.word("state", state.name());
                self.number("at", at.0);
            }
            Body::SymbolMoved(SymbolMoved { moved, count }) => {
                self.word("step", moved.step.name());
                self.version(moved);
                self.number("count", count);
            }
            Body::SymbolChanged(changed) => self.settings(&changed),
            Body::Defined(defined) => self.defined(report, defined.firm),
            Body::Exported(exported) => self.exported(report, &exported),
            Body::MassCanceled(_)
            | Body::DurabilitySet(_)
            | Body::OrderEntrySet(_)
            | Body::AccountQueried(_)
            | Body::TradingDay(_)
            | Body::Ticked(_)
            | Body::Unfinished(_)
            | Body::ReferenceSet(_)
            | Body::CallExtended(_)
            | Body::StopWavesSet(_)
            | Body::StatePlanned(StatePlanned { state: None, .. })
            | Body::BandsSet(_)
            | Body::LimitState(_)
            | Body::Quoted(_)
            | Body::ShortSaleSet(_)
            | Body::RiskSet(_)
            | Body::StateHash(_) => {}
        }
    }

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
        if report.is_hidden() {
            self.truth("hidden", true);
        }
    }

    /// Writes the terms of a waiting stop, which has no fills.
    fn stop(&mut self, report: &Report, limit: Price) {
        self.symbol_and_side(report.symbol, report.side);
        self.number("qty", report.open.0);
        self.price_of("stop_price", report.symbol, report.price);
        self.price(report.symbol, limit);
        self.number("open", report.open.0);
    }

    fn executed(&mut self, published: &Published, executed: &Executed) {
        let report = &published.report;
        self.key("contra");
        self.raw("\"");
        self.digits(executed.contra.0);
        self.raw("\"");
        self.number("match", published.match_number().0);
        self.symbol_and_side(report.symbol, report.side);
        self.number("qty", report.quantity.0);
        self.price(report.symbol, report.price);
        self.number("open", report.open.0);
        let continuous = if executed.removed { "removed" } else { "added" };
        self.word("liquidity", executed.auction.map_or(continuous, Auction::name));
    }

    fn rejected(&mut self, report: &Report, moved: Option<Moved>) {
        self.symbol(report.symbol);
        self.word("reason", report.reason.name());
        self.number("code", report.reason as u64);
        match (report.reason, moved) {
            (Reason::WrongPartition, Some(moved)) => self.version(moved),
            (Reason::InvalidMove, Some(moved)) => {
                self.word("step", moved.step.name());
                self.version(moved);
            }
            _ => {}
        }
    }

    fn settings(&mut self, changed: &SymbolChanged) {
        self.word("tick", &changed.tick().decimal(Price(1)));
        self.number("auction_collar_bps", changed.auction.collar_bps.into());
        self.number("extension_ms", changed.extension.0 / 1_000_000);
        self.number("extensions", changed.auction.extensions.into());
    }

    /// Writes the other partition of a move and the version of the table that requires the move.
    fn version(&mut self, Moved { partition, version, .. }: Moved) {
        self.number("partition", partition.0.into());
        self.number("version", version.into());
    }

    /// Writes all fields that an `import` line needs to make the same order again.
    fn exported(&mut self, report: &Report, exported: &Exported) {
        let Exported { terms, attributed, capacity } = *exported;
        let ExportedTerms { firm, group, tif, post_only, self_trade } = terms;
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
        if capacity != Capacity::Other {
            self.word("capacity", capacity.name());
        }
        if attributed {
            self.truth("attributed", true);
        }
    }

    fn symbol_and_side(&mut self, symbol: SymbolId, side: Side) {
        self.symbol(symbol);
        self.word("side", side.name());
    }

    /// Writes the defined entry: a symbol if there is one, else a session, else a firm.
    fn defined(&mut self, report: &Report, firm: FirmId) {
        let names = self.names;
        if report.symbol != SymbolId::NONE {
            self.word("what", "symbol");
            self.name("name", names.symbol(report.symbol).map(|s| s.name));
        } else if report.session != SessionId(0) {
            self.word("what", "session");
            self.name("name", names.session(report.session).map(|s| s.name));
        } else {
            self.word("what", "firm");
            self.name("name", names.firm(firm));
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

    /// Writes a field that the table of reports names.
    fn field(&mut self, key: &str, value: Value, symbol: SymbolId) {
        let names = self.names;
        match value {
            Value::Number(number) => self.number(key, number),
            Value::Truth(truth) => self.truth(key, truth),
            Value::Word(word) => self.word(key, word),
            Value::Price(price) => self.price_of(key, symbol, price),
            Value::Name(name) => self.name(key, Some(name)),
            Value::Session(session) => self.name(key, names.session(session).map(|s| s.name)),
            Value::Firm(firm) => self.name(key, names.firm(firm)),
            Value::Symbol(symbol) => self.name(key, names.symbol(symbol).map(|s| s.name)),
            Value::Text(_) => unreachable!("no report has free text"),
        }
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
        let names = Names::default();
        for tick in ["0.01", "0.25", "5", "0.000000000001", "18446744073709551615", "12.5"] {
            let tick = Tick::parse(tick).unwrap();
            for price in [1, 2, 9, 10, 99, 100, 101, 18705, 1_000_000_007, i64::MAX] {
                let mut out = Vec::new();
                JsonLine { names: &names, out: &mut out }.decimal(tick, Price(price));
                assert_eq!(String::from_utf8(out).unwrap(), tick.decimal(Price(price)));
            }
        }
    }
}
