//! `ringside report DATE`: the trades of a day for reconciliation, with proved totals.
//!
//! The journal is replayed, and its hash probes prove that the replay makes the same reports as the
//! venue did. Both sides of each trade must have received the same report of it. The output file is
//! read back, and its lines must add up to the reports to the incoming sides.

use super::replay::{note_tail, open};
use super::{CliError, SCHEMA_VERSION, hex};
use crate::cli::output::{note, outln};
use crate::config::Config;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay;
use ringside_core::registry::directory::Directory;
use ringside_model::command::Command;
use ringside_model::domain::{Name, Nanos, Price, Quantity, SessionId, SymbolId, Tick};
use ringside_model::report::{Body, Published, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `report`.
#[derive(Args)]
pub(super) struct ReportArgs {
    /// Day in UTC, such as 2026-11-23.
    date: Date,
    /// File of trades (CSV) [default: trades-DATE.csv].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the totals as JSON.
    #[arg(long)]
    json: bool,
}

/// Totals of one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    trades: u64,
    quantity: u128,
    /// Quantity times price in the smallest unit that a tick can have: the tick may change.
    value: u128,
}

impl Total {
    /// Counts a trade at a price of `digits` with so many decimals.
    fn add(&mut self, quantity: u64, digits: u128, decimals: u8) {
        self.trades += 1;
        self.quantity += u128::from(quantity);
        let unit = 10u128.pow(Tick::SCALE_MAX.saturating_sub(decimals).into());
        let value = digits.saturating_mul(unit).saturating_mul(quantity.into());
        self.value = self.value.saturating_add(value);
    }
}

const HEADER: &str = "seq,ts,match,symbol,qty,price,resting_session,resting_id,resting_side,\
                      incoming_session,incoming_id,incoming_side,broken,corrected_qty,corrected_price";

pub(super) fn run(args: &ReportArgs, config: &Config) -> Result<(), CliError> {
    let out = args.out.clone().unwrap_or_else(|| format!("trades-{}.csv", args.date).into());
    let mut reader = open(config)?;
    let replayed = replay::replay(&mut reader, config.shape(), Trades::of(args.date)?, None)?;
    let probe = replayed.probe();
    let trades = replayed.subscriber;
    if let Some(what) = &trades.unequal {
        return Err(CliError::Check(what.clone()));
    }
    let failed = |error: std::io::Error| CliError::Failure(format!("{}: {error}", out.display()));
    std::fs::File::create(&out).and_then(|file| trades.write(file)).map_err(failed)?;
    let text = std::fs::read_to_string(&out).map_err(failed)?;
    let read_back = totals_of(&text, &trades.directory);
    if read_back.as_ref() != Some(&trades.told) {
        let what = "the totals of this file differ from those of the journal; do not use the file, \
                    write it again";
        return Err(CliError::Check(format!("{}: {what}", out.display())));
    }
    let symbols = trades.told.iter().map(|(symbol, total)| {
        let (name, notional) = (trades.symbol(*symbol), trades.notional(*symbol, total));
        (name, total.trades, total.quantity, notional)
    });
    if args.json {
        let row = |(symbol, trades, quantity, notional)| {
            serde_json::json!({
                "symbol": symbol, "trades": trades, "qty": u128::to_string(&quantity),
                "notional": notional,
            })
        };
        let summary = serde_json::json!({
            "schema_version": SCHEMA_VERSION,
            "date": args.date.to_string(),
            "file": out,
            "seqno": probe.seqno,
            "output_hash": hex(probe.output),
            "probes_checked": replayed.probes_checked,
            "broken": trades.amended()[0],
            "corrected": trades.amended()[1],
            "symbols": symbols.map(row).collect::<Vec<_>>(),
        });
        outln!("{summary:#}")?;
    } else {
        outln!("{:16} {:>12} {:>18} {:>24}", "symbol", "trades", "quantity", "notional")?;
        for (symbol, trades, quantity, notional) in symbols {
            outln!("{symbol:16} {trades:>12} {quantity:>18} {notional:>24}")?;
        }
        let [broken, corrected] = trades.amended();
        outln!(
            "{broken} trades taken back are in the totals, and {corrected} with the terms before a correction"
        )?;
        outln!(
            "proved: both sides of every trade agree, the file adds up, {}, output hash {}",
            match replayed.probes_checked {
                0 => "no hash probe is in the journal".into(),
                probes => format!("{probes} hash probes are equal"),
            },
            hex(probe.output)
        )?;
    }
    note!("{}: {} trades", out.display(), trades.trades.len());
    note_tail(&reader);
    Ok(())
}

/// Subscriber that collects the trades of a day.
struct Trades {
    from: Nanos,
    to: Nanos,
    directory: Directory,
    trades: Vec<Trade>,
    /// Report to the resting side of the trade that is being reported.
    resting: Option<Published>,
    /// Totals of the reports to the incoming sides, by symbol.
    told: BTreeMap<SymbolId, Total>,
    /// Match numbers that were broken, on any day.
    broken: BTreeSet<u64>,
    /// Quantities and prices of corrected matches, on any day.
    corrected: BTreeMap<u64, (Quantity, String)>,
    /// Description of the first trade whose sides received different reports.
    unequal: Option<String>,
}

struct Trade {
    resting: Published,
    incoming: Report,
    /// Price in the tick of its time.
    price: String,
}

impl Trades {
    fn of(date: Date) -> Result<Self, CliError> {
        let midnight = |date: Date| {
            let start = date.to_zoned(TimeZone::UTC).ok();
            start.and_then(|at| u64::try_from(at.timestamp().as_nanosecond()).ok()).map(Nanos)
        };
        let day = midnight(date).zip(date.tomorrow().ok().and_then(midnight));
        let (from, to) = day.ok_or_else(|| CliError::Failure(format!("{date}: out of range")))?;
        Ok(Trades {
            from,
            to,
            directory: Directory::new(),
            trades: vec![],
            resting: None,
            told: BTreeMap::new(),
            broken: BTreeSet::new(),
            corrected: BTreeMap::new(),
            unequal: None,
        })
    }

    fn executed(&mut self, published: &Published, removed: bool) {
        let report = &published.report;
        if !removed {
            self.resting = Some(*published);
            return;
        }
        let tick = self.directory.names().symbol(report.symbol).map(|symbol| symbol.tick);
        let Tick { mantissa, scale } = tick.unwrap_or(Tick { mantissa: 0, scale: 0 });
        let digits = u128::from(report.price.0.unsigned_abs()) * u128::from(mantissa);
        self.told.entry(report.symbol).or_default().add(report.quantity.0, digits, scale);
        let same = |resting: &Published| {
            let other = &resting.report;
            resting.match_number() == published.match_number()
                && (other.symbol, other.quantity, other.price)
                    == (report.symbol, report.quantity, report.price)
                && other.side.is_buy() != report.side.is_buy()
        };
        match self.resting.take().filter(same) {
            Some(resting) => {
                let price = self.price(report.symbol, report.price);
                self.trades.push(Trade { resting, incoming: *report, price });
            }
            None => {
                let (seqno, number) = (published.seqno, published.match_number());
                let what = format!("seqno {seqno}: the two sides of match {number} do not agree");
                self.unequal.get_or_insert(what);
            }
        }
    }

    fn write(&self, file: std::fs::File) -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(file);
        writeln!(out, "{HEADER}")?;
        for Trade { resting, incoming, price } in &self.trades {
            let report = &resting.report;
            let number = resting.match_number();
            let (corrected_quantity, corrected_price) = match self.corrected.get(&number.0) {
                Some((quantity, price)) => (quantity.to_string(), price.clone()),
                None => Default::default(),
            };
            writeln!(
                out,
                "{},{},{number},{},{},{},{},{},{},{},{},{},{},{corrected_quantity},{corrected_price}",
                resting.seqno,
                resting.time,
                self.symbol(report.symbol),
                report.quantity,
                price,
                self.session(report.session),
                report.id,
                report.side.name(),
                self.session(incoming.session),
                incoming.id,
                incoming.side.name(),
                self.broken.contains(&number.0),
            )?;
        }
        out.into_inner()?.sync_all()
    }

    /// Returns the number of broken trades and of corrected trades.
    fn amended(&self) -> [usize; 2] {
        let numbers = || self.trades.iter().map(|trade| trade.resting.match_number().0);
        [
            numbers().filter(|number| self.broken.contains(number)).count(),
            numbers().filter(|number| self.corrected.contains_key(number)).count(),
        ]
    }

    fn price(&self, symbol: SymbolId, price: Price) -> String {
        self.directory.names().symbol(symbol).map_or(String::new(), |s| s.tick.decimal(price))
    }

    fn symbol(&self, symbol: SymbolId) -> String {
        self.directory.names().symbol(symbol).map_or(String::new(), |s| s.name.as_str().to_string())
    }

    fn session(&self, session: SessionId) -> String {
        self.directory
            .names()
            .session(session)
            .map_or(String::new(), |s| s.name.as_str().to_string())
    }

    /// Formats quantity times price as a decimal, with as many digits as the tick, or as it needs.
    fn notional(&self, symbol: SymbolId, total: &Total) -> String {
        let Some(Tick { scale, .. }) = self.directory.names().symbol(symbol).map(|s| s.tick) else {
            return String::new();
        };
        let digits = usize::from(Tick::SCALE_MAX);
        let text = format!("{:0>width$}", total.value, width = digits + 1);
        let (whole, part) = text.split_at(text.len() - digits);
        let needed = part.trim_end_matches('0').len().max(scale.into());
        if needed == 0 { whole.into() } else { format!("{whole}.{}", &part[..needed]) }
    }
}

impl Subscriber for Trades {
    fn definition(&mut self, command: &Command) {
        self.directory.observe(command);
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        self.directory.names().learn(report);
        let is_of_the_day = (self.from..self.to).contains(&published.time);
        match report.body() {
            Body::Executed(executed) if is_of_the_day => self.executed(published, executed.removed),
            Body::Broken(broken) => _ = self.broken.insert(broken.match_number.0),
            Body::Corrected(corrected) => {
                let terms = (report.quantity, self.price(report.symbol, report.price));
                self.corrected.insert(corrected.match_number.0, terms);
            }
            _ => {}
        }
    }
}

/// Sums the lines of a file by symbol; `None` if a line cannot be parsed.
fn totals_of(text: &str, directory: &Directory) -> Option<BTreeMap<SymbolId, Total>> {
    let mut totals = BTreeMap::<SymbolId, Total>::new();
    let mut lines = text.lines();
    lines.next().filter(|&header| header == HEADER)?;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let &[_, _, _, symbol, quantity, price, ..] = &fields[..] else { return None };
        let symbol = directory.numbers().symbol_id(Name::new(symbol)?)?;
        let decimals = price.split_once('.').map_or(0, |(_, part)| part.len());
        let digits: u128 = price.replace('.', "").parse().ok()?;
        let total = totals.entry(symbol).or_default();
        total.add(quantity.parse().ok()?, digits, decimals.try_into().ok()?);
    }
    Some(totals)
}
