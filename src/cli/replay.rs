//! `ringside replay` and `ringside book`: the venue as it was.

use super::exec::Printer;
use super::{CliError, SCHEMA_VERSION, hex, journal_dir};
use crate::command::Command;
use crate::config::Config;
use crate::domain::{Name, Price, SeqNo, SymbolId, Tick};
use crate::engine::LevelView;
use crate::gateway::directory::Directory;
use crate::journal::{Reader, Tail};
use crate::replay::{Replay, replay};
use crate::report::Published;
use crate::report_order::Subscriber;
use crate::venue;
use clap::Args;
use std::time::Instant;

/// Arguments of `replay`.
#[derive(Args)]
pub struct ReplayArgs {
    /// Stop after this command.
    #[arg(long, value_name = "SEQNO")]
    until: Option<u64>,
    /// Print every report again.
    #[arg(long)]
    reports: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `book`.
#[derive(Args)]
pub struct BookArgs {
    /// The name of the symbol.
    symbol: String,
    /// The command after which the book is shown; the end of the journal if it is left out.
    #[arg(long, value_name = "SEQNO")]
    at: Option<u64>,
    /// The most levels of each side.
    #[arg(long, default_value_t = 10)]
    levels: usize,
    /// Print the book as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ReplayArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let began = Instant::now();
    let printer = Printer::new(!args.reports);
    let mut replayed = replay(&mut reader, config.shape(), printer, args.until.map(SeqNo))?;
    let seconds = began.elapsed().as_secs_f64();
    let probe = replayed.probe();
    replayed.subscriber.pause();
    if let Some(until) = args.until.filter(|&until| until > probe.seqno) {
        let end = probe.seqno;
        return Err(CliError::Failure(format!("the journal ends at seqno {end}, before {until}")));
    }
    let live: usize = replayed.shards.iter().map(|shard| shard.engine().live_orders()).sum();
    let summary = serde_json::json!({
        "schema_version": SCHEMA_VERSION,
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
        println!("{summary:#}");
    } else if !args.reports {
        println!("seqno         {}", probe.seqno);
        println!("reports       {}", probe.reports);
        println!("live orders   {live}");
        println!("state hash    {}", hex(probe.state));
        println!("output hash   {}", hex(probe.output));
        println!("hash probes   {} compared, all equal", replayed.probes_checked);
    }
    let rate = probe.seqno as f64 / seconds / 1e6;
    eprintln!("ringside: replayed in {seconds:.3} s, {rate:.1} M commands/s");
    note_tail(&reader);
    Ok(())
}

pub fn book(args: &BookArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let replayed = replay(&mut reader, config.shape(), Names::default(), args.at.map(SeqNo))?;
    let seqno = replayed.probe().seqno;
    let unknown = || CliError::Failure(format!("{}: no such symbol at seqno {seqno}", args.symbol));
    let names = &replayed.subscriber.0;
    let symbol =
        Name::new(&args.symbol).and_then(|name| names.symbol_id(name)).ok_or_else(unknown)?;
    let tick = names.symbol(symbol).ok_or_else(unknown)?.tick;
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
        println!("{book:#}");
        return Ok(());
    }
    println!("{} after seqno {seqno}", args.symbol);
    println!(
        "{:>24} {:>14} | {:<14} {:<24}",
        "bid qty (orders)", "bid", "offer", "offer qty (orders)"
    );
    for row in 0..bids.len().max(offers.len()) {
        let (bid, bid_size) = cells(bids.get(row), tick);
        let (offer, offer_size) = cells(offers.get(row), tick);
        println!("{bid_size:>24} {bid:>14} | {offer:<14} {offer_size:<24}");
    }
    Ok(())
}

fn depth(replayed: &Replay<Names>, symbol: SymbolId, buy: bool, levels: usize) -> Vec<LevelView> {
    let owner = symbol.shard(replayed.shards.len() as u32);
    let mut depth = replayed.shards[owner as usize].engine().depth(symbol, buy);
    depth.truncate(levels);
    depth
}

fn cells(level: Option<&LevelView>, tick: Tick) -> (String, String) {
    let Some(&LevelView { price: Price(price), quantity, orders }) = level else {
        return (String::new(), String::new());
    };
    (tick.decimal(Price(price)), format!("{quantity} ({orders})"))
}

/// Opens the journal of a command that only reads.
pub(super) fn open(config: &Config) -> Result<Reader, CliError> {
    Ok(Reader::open(journal_dir(config)?, venue::identity(config.matching_hash()))?)
}

/// Says so if bytes follow the last frame.
pub(super) fn note_tail(reader: &Reader) {
    if let Some(Tail::Torn { to }) = reader.tail() {
        let end = reader.position();
        eprintln!(
            "ringside: {} bytes of a torn tail behind seqno {}; nobody was told of them, the next \
             start of a writer cuts them",
            to.offset - end.offset,
            reader.seqno()
        );
    }
}

/// Learns names and nothing else.
#[derive(Default)]
pub(super) struct Names(pub Directory);

impl Subscriber for Names {
    fn definition(&mut self, command: &Command) {
        self.0.observe(command);
    }

    fn report(&mut self, _published: &Published) {}
}
