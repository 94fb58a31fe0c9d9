//! `ringside explain`: everything that ever happened to an order, and why.

use super::replay::open;
use super::{CliError, SCHEMA_VERSION};
use crate::command::Command;
use crate::config::Config;
use crate::frame::FrameKind;
use crate::gateway::report_lines::ReportLines;
use crate::replay::replay;
use crate::report::{Published, ReportKind};
use crate::report_order::Subscriber;
use clap::Args;
use std::collections::BTreeMap;

/// Arguments of `explain`.
#[derive(Args)]
pub struct ExplainArgs {
    /// The venue's number of the order (`order` in its reports).
    order: u64,
    /// Print the events as JSON lines only.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ExplainArgs, config: &Config) -> Result<(), CliError> {
    let events = Events { order: args.order, lines: ReportLines::new(), found: vec![] };
    let replayed = replay(&mut open(config)?, config.shape(), events, None)?;
    let found = replayed.subscriber.found;
    if found.is_empty() {
        let what = format!("no order has the number {}", args.order);
        return Err(CliError::Failure(what));
    }
    let kinds = causes(config, &found)?;
    for (published, line) in &found {
        let line = String::from_utf8_lossy(line);
        let kind = kinds.get(&published.seqno.0).map_or("?", |kind| kind.name());
        let cause = cause_of(published, args.order, kind);
        if args.json {
            let event: serde_json::Value = serde_json::from_str(&line)
                .map_err(|error| CliError::Failure(format!("cannot read a report: {error}")))?;
            let event = serde_json::json!({
                "schema_version": SCHEMA_VERSION, "command": kind, "cause": cause, "event": event,
            });
            println!("{event}");
        } else {
            println!("{cause}");
            println!("    {}", line.trim_end());
        }
    }
    Ok(())
}

/// Why the event happened, in a sentence.
fn cause_of(published: &Published, order: u64, command: &str) -> String {
    let report = &published.report;
    let seqno = published.seqno;
    match report.kind {
        ReportKind::Canceled => {
            format!("seqno {seqno} ({command}): canceled. {}", report.reason.text())
        }
        ReportKind::Executed if seqno.0 == order => {
            format!("seqno {seqno} ({command}): traded on entry with order {}", report.other)
        }
        ReportKind::Executed => {
            format!("seqno {seqno} ({command}): traded with the incoming order {}", report.other)
        }
        ReportKind::Replaced if report.order.0 == order => {
            format!(
                "seqno {seqno} ({command}): took the place of the session's id {}",
                report.other
            )
        }
        ReportKind::Replaced => {
            format!("seqno {seqno} ({command}): left the book for order {}", report.order)
        }
        kind => format!("seqno {seqno} ({command}): {}", kind.name()),
    }
}

/// The kinds of the commands that caused these events.
fn causes(
    config: &Config,
    found: &[(Published, Vec<u8>)],
) -> Result<BTreeMap<u64, FrameKind>, CliError> {
    let mut kinds = BTreeMap::new();
    let mut reader = open(config)?;
    let mut wanted = found.iter().map(|(published, _)| published.seqno.0).peekable();
    while let Some(&seqno) = wanted.peek()
        && let Some(frame) = reader.next_frame()?
    {
        let Some(kind) = frame.kind().filter(|kind| kind.is_command()) else { continue };
        if frame.header.seqno == seqno {
            kinds.insert(seqno, kind);
            while wanted.next_if_eq(&seqno).is_some() {}
        }
    }
    Ok(kinds)
}

/// Keeps the reports about one order.
struct Events {
    order: u64,
    lines: ReportLines,
    found: Vec<(Published, Vec<u8>)>,
}

impl Subscriber for Events {
    fn definition(&mut self, command: &Command) {
        self.lines.definition(command);
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        let own = self.found.first().map(|(first, _)| first.report);
        let replaced = report.kind == ReportKind::Replaced
            && own.is_some_and(|own| own.session == report.session && own.id.0 == report.other);
        if report.order.0 == self.order || replaced {
            let mut line = vec![];
            self.lines.write(published, &mut line);
            self.found.push((*published, line));
        }
    }
}
