//! Replays a journal and prints the books at its end.
//!
//! ```text
//! cargo run --example replay_journal -- FOLDER
//! ```
//!
//! The folder is that of a `ringside exec --journal FOLDER`, or of a `ringside serve` with the
//! default name of the venue. A replay changes nothing; it compares every hash probe in the journal
//! with its own hashes.

use ringside::config::Config;
use ringside::core::merge::Subscriber;
use ringside::core::recovery::replay::{Replay, replay};
use ringside::core::venue;
use ringside::engine::LevelView;
use ringside::journal::{JournalError, Reader};
use ringside::model::command::{Action, Command, DefineSymbol, Definition};
use ringside::model::domain::{SymbolId, Tick};
use ringside::model::report::{Published, ReportKind};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

/// Subscriber that receives every definition, and every report in the venue's one order.
#[derive(Default)]
struct Past {
    symbols: BTreeMap<SymbolId, DefineSymbol>,
    executions: u64,
}

impl Subscriber for Past {
    fn definition(&mut self, command: &Command) {
        if let Action::Definition(Definition::Symbol(definition)) = command.action {
            self.symbols.entry(command.symbol).or_insert(definition);
        }
    }

    fn report(&mut self, published: &Published) {
        self.executions += u64::from(published.report.kind == ReportKind::Executed);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir: PathBuf = std::env::args_os().nth(1).ok_or("usage: replay_journal FOLDER")?.into();
    if !ringside::journal::exists(&dir)? {
        return Err(JournalError::Missing { dir }.into());
    }
    // The journal names the matching rules and the venue that wrote it; others are refused.
    let config = Config::default();
    let identity = venue::identity(config.matching_hash());
    let mut reader = Reader::open(&dir, identity)?;
    let replayed = replay(&mut reader, config.shape(), Past::default(), None)?;

    for (&symbol, definition) in &replayed.subscriber.symbols {
        print_book(&replayed, symbol, definition);
    }
    let hex = |[low, high]: [u64; 2]| format!("{high:016x}{low:016x}");
    let probe = replayed.probe();
    println!("seqno        {}", probe.seqno);
    println!(
        "reports      {}, {} of them executions",
        probe.reports, replayed.subscriber.executions
    );
    println!("state hash   {}", hex(probe.state));
    println!("output hash  {}", hex(probe.output));
    println!("hash probes  {} compared, all equal", replayed.probes_checked);
    Ok(())
}

/// Prints the best five levels of each side, offers above bids, as `price quantity (orders)`.
fn print_book(replayed: &Replay<Past>, symbol: SymbolId, definition: &DefineSymbol) {
    let shard = symbol.shard(replayed.shards.len() as u32);
    let engine = replayed.shards[shard as usize].engine();
    let side = |buy| engine.levels(symbol, buy).take(5).collect::<Vec<_>>();
    println!("{}", definition.name);
    side(false).iter().rev().for_each(|level| print_level("offer", level, definition.tick));
    side(true).iter().for_each(|level| print_level("bid", level, definition.tick));
    println!();
}

fn print_level(side: &str, level: &LevelView, tick: Tick) {
    let LevelView { price, quantity, orders } = *level;
    println!("  {side:<5} {:>12} {quantity:>10} ({orders})", tick.decimal(price));
}
