//! `ringside replay` and `ringside book`: rebuild an earlier state of the venue.

use super::exec::Printer;
use super::{CliError, SCHEMA_VERSION, hex, journal_dir};
use crate::cli::output::{note, outln};
use crate::config::Config;
use clap::Args;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::Replay;
use ringside_core::recovery::restart::Start;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::names::Names;
use ringside_core::venue;
use ringside_engine::LevelView;
use ringside_journal::{Identity, Position, Reader, Tail};
use ringside_model::command::Command;
use ringside_model::domain::{Name, Price, SeqNo, SymbolId, Tick};
use ringside_model::report::Published;
use std::time::Instant;

/// Arguments of `replay`.
#[derive(Args)]
pub(super) struct ReplayArgs {
    /// Stop after the command with this seqno.
    #[arg(long, value_name = "SEQNO")]
    until: Option<u64>,
    /// Begin at the newest valid snapshot instead of the first frame.
    #[arg(long)]
    from_snapshot: bool,
    /// Print every report again.
    #[arg(long)]
    reports: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `book`.
#[derive(Args)]
pub(super) struct BookArgs {
    /// Name of the symbol.
    symbol: String,
    /// Seqno of the command after which the book is shown [default: the end of the journal].
    #[arg(long, value_name = "SEQNO")]
    at: Option<u64>,
    /// Largest number of levels of each side.
    #[arg(long, default_value_t = 10)]
    levels: usize,
    /// Print the book as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReplayArgs, config: &Config) -> Result<(), CliError> {
    let began = Instant::now();
    let until = args.until.map(SeqNo);
    let start = match args.from_snapshot {
        true => newest_snapshot(config, until)?,
        false => Start::at_first_frame(config.shape()),
    };
    let from = start.checkpoint().map_or(0, |at| at.place.seqno.0);
    let mut reader = start.reader(journal_dir(config)?, identity(config))?;
    let mut replayed = start.replay(Printer::new(!args.reports, Names::default()));
    replayed.read(&mut reader, until)?;
    let seconds = began.elapsed().as_secs_f64();
    let probe = replayed.probe();
    replayed.subscriber.finish()?;
    if let Some(until) = args.until.filter(|&until| until > probe.seqno) {
        let end = probe.seqno;
        return Err(CliError::Failure(format!("the journal ends at seqno {end}, before {until}")));
    }
    let live: usize =
        replayed.shards.iter().map(|shard| shard.engine().live_orders_at(replayed.time())).sum();
    let summary = serde_json::json!({
        "schema_version": SCHEMA_VERSION,
        "from_seqno": from,
        "seqno": probe.seqno,
        "reports": probe.reports,
        "state_hash": hex(probe.state),
        "output_hash": hex(probe.output),
        "live_orders": live,
        "probes_checked": replayed.probes_checked,
        "torn_tail": matches!(reader.tail(), Some(Tail::Torn { .. })),
        "counts": replayed.subscriber.counts,
        "seconds": seconds,
    });
    if args.json {
        outln!("{summary:#}")?;
    } else if !args.reports {
        outln!("seqno         {}", probe.seqno)?;
        outln!("reports       {}", probe.reports)?;
        outln!("live orders   {live}")?;
        outln!("state hash    {}", hex(probe.state))?;
        outln!("output hash   {}", hex(probe.output))?;
        match replayed.probes_checked {
            0 => outln!("hash probes   none in the journal: nothing compared")?,
            probes => outln!("hash probes   {probes} compared, all equal")?,
        }
    }
    let commands = probe.seqno - from;
    let rate = commands as f64 / seconds / 1e6;
    note!("replayed {commands} commands in {seconds:.3} s, {rate:.1} M/s");
    note_tail(&reader);
    Ok(())
}

pub(super) fn book(args: &BookArgs, config: &Config) -> Result<(), CliError> {
    let at = args.at.map(SeqNo);
    let start = newest_snapshot(config, at)?;
    let mut reader = start.reader(journal_dir(config)?, identity(config))?;
    let mut replayed = start.replay(Learner::default());
    replayed.read(&mut reader, at)?;
    let seqno = replayed.probe().seqno;
    let unknown = || CliError::Failure(format!("{}: no such symbol at seqno {seqno}", args.symbol));
    let directory = &replayed.subscriber.0;
    let symbol = Name::new(&args.symbol)
        .and_then(|name| directory.numbers().symbol_id(name))
        .ok_or_else(unknown)?;
    let tick = directory.names().symbol(symbol).ok_or_else(unknown)?.tick;
    let [bids, offers] = [true, false].map(|buy| depth(&replayed, symbol, buy, args.levels));
    if args.json {
        let side = |levels: &[LevelView]| -> Vec<_> {
            let level = |level: &LevelView| {
                serde_json::json!({
                    "price": tick.decimal(level.price),
                    "qty": level.quantity.to_string(),
                    "orders": level.orders,
                })
            };
            levels.iter().map(level).collect()
        };
        let book = serde_json::json!({
            "schema_version": SCHEMA_VERSION,
            "symbol": args.symbol,
            "seq": seqno,
            "bids": side(&bids),
            "offers": side(&offers),
        });
        outln!("{book:#}")?;
        return Ok(());
    }
    outln!("{} after seqno {seqno}", args.symbol)?;
    outln!(
        "{:>24} {:>14} | {:<14} {:<24}",
        "bid qty (orders)",
        "bid",
        "offer",
        "offer qty (orders)"
    )?;
    for row in 0..bids.len().max(offers.len()) {
        let (bid, bid_size) = cells(bids.get(row), tick);
        let (offer, offer_size) = cells(offers.get(row), tick);
        outln!("{bid_size:>24} {bid:>14} | {offer:<14} {offer_size:<24}")?;
    }
    Ok(())
}

/// Returns the best levels at the time of the last command: orders whose end has come by then are
/// over, though nothing has been reported of it yet.
fn depth(replayed: &Replay<Learner>, symbol: SymbolId, buy: bool, levels: usize) -> Vec<LevelView> {
    let owner = symbol.shard(replayed.shards.len() as u32);
    let engine = replayed.shards[owner as usize].engine();
    engine.levels_at(symbol, buy, replayed.time()).take(levels).collect()
}

fn cells(level: Option<&LevelView>, tick: Tick) -> (String, String) {
    let Some(&LevelView { price: Price(price), quantity, orders }) = level else {
        return (String::new(), String::new());
    };
    (tick.decimal(Price(price)), format!("{quantity} ({orders})"))
}

/// Opens the journal for reading only.
pub(super) fn open(config: &Config) -> Result<Reader, CliError> {
    Ok(Reader::open(journal_dir(config)?, identity(config))?)
}

/// Returns the identity that the journal and this program must agree on.
fn identity(config: &Config) -> Identity {
    venue::identity(config.matching_hash())
}

/// Returns the newest valid snapshot as the start of a replay that needs no earlier reports.
fn newest_snapshot(config: &Config, until: Option<SeqNo>) -> Result<Start, CliError> {
    let dir = journal_dir(config)?;
    let start = Start::at_newest_snapshot(dir, identity(config), config.shape(), until, |_| Ok(()));
    start.skipped.iter().for_each(|why| note!("{why}"));
    Ok(start)
}

/// Prints a note if bytes follow the last frame, or if frames are missing.
pub(super) fn note_tail(reader: &Reader) {
    let (from, seqno) = (reader.position(), reader.seqno());
    let end = |to: Position| format!("up to segment {} offset {}", to.segment, to.offset);
    match reader.tail() {
        Some(Tail::Torn { to }) => note!(
            "a torn tail behind seqno {seqno}, from segment {} offset {} {}; no commit \
             mark covers it, the next start of a writer cuts it",
            from.segment,
            from.offset,
            end(to)
        ),
        Some(Tail::Lost { lost, to }) => {
            note!("{lost}; the next start of a writer cuts the bytes behind, {}", end(to))
        }
        Some(Tail::Clean) | None => {}
    }
}

/// Subscriber that learns only names.
#[derive(Default)]
pub(super) struct Learner(pub(super) Directory);

impl Subscriber for Learner {
    fn definition(&mut self, command: &Command) {
        self.0.observe(command);
    }

    fn report(&mut self, published: &Published) {
        self.0.names().learn(&published.report);
    }
}
