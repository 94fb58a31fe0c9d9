//! `ringside journal export`: prints the content of a journal in names and decimals, for other
//! programs.

use super::command_fields::command_columns;
use super::{NamedField, UnitChanges, command_fields, decode, json_line};
use crate::cli::CliError;
use crate::cli::output::printed;
use crate::cli::replay::{note_tail, open};
use crate::config::Config;
use clap::Args;
use ringside_core::json_reports::JsonReports;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::Replay;
use ringside_core::registry::directory::Directory;
use ringside_journal::Reader;
use ringside_model::command::Command;
use ringside_model::frame::FrameKind;
use ringside_model::report::Published;
use serde_json::{Map, Value};
use std::io::Write;
use std::ops::RangeInclusive;

/// Arguments of `journal export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Print CSV with a header line.
    #[arg(long, conflicts_with = "ndjson")]
    csv: bool,
    /// Print a JSON object on each line (default).
    #[arg(long)]
    ndjson: bool,
    /// Print the commands (default).
    #[arg(long, conflicts_with = "reports")]
    commands: bool,
    /// Print the reports, reproduced by a replay.
    #[arg(long)]
    reports: bool,
    /// First seqno [default: the beginning].
    #[arg(long, value_name = "SEQNO")]
    from: Option<u64>,
    /// Last seqno [default: the end].
    #[arg(long, value_name = "SEQNO")]
    to: Option<u64>,
}

pub(super) fn run(args: &ExportArgs, config: &Config) -> Result<(), CliError> {
    let range = args.from.unwrap_or(0)..=args.to.unwrap_or(u64::MAX);
    if range.is_empty() {
        let (from, to) = range.into_inner();
        return Err(CliError::Failure(format!("--from {from} lies behind --to {to}")));
    }
    let mut reader = open(config)?;
    let columns = match args.reports && !args.commands {
        true => JsonReports::fields(),
        false => command_columns(),
    };
    let mut out = Out::new((args.csv && !args.ndjson).then_some(columns));
    let walked = if args.reports {
        reports(&mut reader, config, range, &mut out)
    } else {
        commands(&mut reader, config, range, &mut out)
    };
    let end = reader.seqno().0;
    if let Some(from) = args.from.filter(|&from| walked.is_ok() && from > end) {
        return Err(CliError::Failure(format!("the journal ends at seqno {end}, before {from}")));
    }
    // Everything read before the damage is valid.
    out.finish()?;
    note_tail(&reader);
    walked
}

fn commands(
    reader: &mut Reader,
    config: &Config,
    range: RangeInclusive<u64>,
    out: &mut Out,
) -> Result<(), CliError> {
    let (mut names, mut units) = (Directory::new(), UnitChanges::new(config));
    let mut brought = None;
    while out.is_read()
        && reader.seqno().0 < *range.end()
        && let Some(frame) = reader.next_frame()?
    {
        if !frame.kind().is_some_and(FrameKind::is_command) {
            continue;
        }
        let at = decode(&frame)?;
        // The mass cancel that a kill brings with it has no line of its own: the file session would
        // execute it twice.
        if range.contains(&at.seqno.0) && brought != Some(at.command) {
            out.command(&command_fields(&at, &names));
        }
        brought = at.command.kills();
        // Ids are learned, too: an id may come again over the network, and the verdict of a file
        // session depends on that.
        units.observe(&at, &mut names)?;
    }
    Ok(())
}

fn reports(
    reader: &mut Reader,
    config: &Config,
    range: RangeInclusive<u64>,
    out: &mut Out,
) -> Result<(), CliError> {
    let to = *range.end();
    let mut replay = Replay::new(config.shape(), Reports { lines: JsonReports::new(), range, out });
    while replay.subscriber.out.is_read()
        && reader.seqno().0 < to
        && let Some(frame) = reader.next_frame()?
    {
        replay.frame(&frame)?;
    }
    replay.flush();
    Ok(())
}

/// Subscriber that prints the reports of a range.
struct Reports<'a> {
    lines: JsonReports,
    range: RangeInclusive<u64>,
    out: &'a mut Out,
}

impl Subscriber for Reports<'_> {
    fn definition(&mut self, command: &Command) {
        self.lines.definition(command);
    }

    fn report(&mut self, published: &Published) {
        self.lines.names().learn(&published.report);
        if self.range.contains(&published.seqno.0) {
            self.out.report(published, &self.lines);
        }
    }
}

/// Returns true if a CSV reader would misread the cell without quotes. Leading spaces would be
/// dropped.
fn needs_quotes(text: &str) -> bool {
    text.starts_with(' ') || text.contains([',', '"', '\r', '\n'])
}

/// Writes a record of RFC 4180, without the end of the line.
pub(super) fn cells<'v>(
    bytes: &mut Vec<u8>,
    columns: &[&'static str],
    mut value: impl FnMut(&'static str) -> Option<&'v Value>,
) {
    for (i, &column) in columns.iter().enumerate() {
        if i > 0 {
            bytes.push(b',');
        }
        match value(column) {
            None => {}
            Some(Value::String(text)) if needs_quotes(text) => {
                let quoted = format!("\"{}\"", text.replace('"', "\"\""));
                bytes.extend_from_slice(quoted.as_bytes());
            }
            Some(Value::String(text)) => bytes.extend_from_slice(text.as_bytes()),
            Some(other) => bytes.extend_from_slice(other.to_string().as_bytes()),
        }
    }
}

/// Buffered standard output; ignores further output after an error.
struct Out {
    /// Columns of a CSV file; `None` for JSON lines.
    columns: Option<Vec<&'static str>>,
    bytes: Vec<u8>,
    failed: Option<std::io::Error>,
}

impl Out {
    const BYTES: usize = 1 << 16;

    fn new(columns: Option<Vec<&'static str>>) -> Self {
        let mut bytes = Vec::with_capacity(2 * Self::BYTES);
        if let Some(columns) = &columns {
            bytes.extend_from_slice(columns.join(",").as_bytes());
            bytes.push(b'\n');
        }
        Out { columns, bytes, failed: None }
    }

    fn is_read(&self) -> bool {
        self.failed.is_none()
    }

    fn command(&mut self, fields: &[NamedField]) {
        match &self.columns {
            None => self.bytes.extend_from_slice(json_line(fields).as_bytes()),
            Some(columns) => {
                let value = |column| fields.iter().find(|field| field.0 == column).map(|f| &f.1);
                cells(&mut self.bytes, columns, value);
            }
        }
        self.bytes.push(b'\n');
        self.flush_if_full();
    }

    fn report(&mut self, published: &Published, lines: &JsonReports) {
        match &self.columns {
            None => lines.write(published, &mut self.bytes),
            Some(columns) => {
                let mut line = vec![];
                lines.write(published, &mut line);
                let fields: Map<String, Value> =
                    serde_json::from_slice(&line).expect("a report line is JSON");
                let unknown = fields.keys().find(|key| !columns.contains(&key.as_str()));
                assert_eq!(unknown, None, "each field of a report has a column");
                cells(&mut self.bytes, columns, |column| fields.get(column));
                self.bytes.push(b'\n');
            }
        }
        self.flush_if_full();
    }

    fn flush_if_full(&mut self) {
        if self.bytes.len() >= Self::BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.is_read() {
            self.failed = std::io::stdout().lock().write_all(&self.bytes).err();
        }
        self.bytes.clear();
    }

    /// Writes the rest of the buffer.
    fn finish(mut self) -> Result<(), CliError> {
        self.flush();
        printed(self.failed.map_or(Ok(()), Err))
    }
}
