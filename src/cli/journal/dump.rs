//! `ringside journal dump`: prints the frames in the numbers of the journal.

use super::{NamedField, next_placed};
use crate::cli::replay::{note_tail, open};
use crate::cli::{CliError, SCHEMA_VERSION, hex};
use crate::config::Config;
use clap::Args;
use ringside_journal::Position;
use ringside_model::command::{Action, ClientFields, Command, Definition};
use ringside_model::field::{self, Field};
use ringside_model::frame::{CommitMark, EpochStart, Frame, FrameKind, HashProbe};
use ringside_model::reason::Reason;
use serde_json::{Value, json};
use std::io::Write;

/// Arguments of `journal dump`.
#[derive(Args)]
pub(crate) struct DumpArgs {
    /// First seqno to print.
    #[arg(long, default_value_t = 0, value_name = "SEQNO")]
    from: u64,
    /// Last seqno to print.
    #[arg(long, default_value_t = u64::MAX, value_name = "SEQNO")]
    to: u64,
    /// Print a JSON line for each frame.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DumpArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some((frame, from)) = next_placed(&mut reader)? {
        if !(args.from..=args.to).contains(&frame.header.seqno) {
            continue;
        }
        let written = if args.json {
            writeln!(out, "{}", frame_json(&frame, from))
        } else {
            writeln!(out, "{}", frame_text(&frame, from))
        };
        if written.is_err() {
            return Ok(());
        }
    }
    let _ = out.flush();
    note_tail(&reader);
    Ok(())
}

fn frame_text(frame: &Frame, at: Position) -> String {
    let header = &frame.header;
    let kind = frame.kind().map_or("?", FrameKind::name);
    let place = format!("{:08}:{:<10}", at.segment, at.offset);
    let head = format!(
        "{place} {:>10} {:>19} {kind:<14} crc {:08x}",
        header.seqno, header.time, header.crc
    );
    match (Command::decode(frame), bookkeeping(frame)) {
        (Some(command), _) => {
            let mut text = format!("{head} session {} symbol {}", header.session, header.symbol);
            for (name, value) in numbered_fields(&command) {
                text.push_str(&format!(" {name} {value}"));
            }
            if command.verdict != Reason::None {
                text.push_str(&format!(" verdict {}", command.verdict.name()));
            }
            if let Some(fields) = ClientFields::of(frame) {
                text.push_str(&format!(" client {}", client_json(&fields)));
            }
            text
        }
        (None, Some(body)) => format!("{head} {body}"),
        (None, None) => head,
    }
}

/// Returns a frame as JSON with all of its fields.
pub(super) fn frame_json(frame: &Frame, at: Position) -> Value {
    let header = &frame.header;
    let mut line = json!({
        "schema_version": SCHEMA_VERSION, "segment": at.segment, "offset": at.offset,
        "kind": frame.kind().map(FrameKind::name), "seq": header.seqno, "ts": header.time,
        "crc": format!("{:08x}", header.crc),
    });
    if let Some(command) = Command::decode(frame) {
        line["session"] = header.session.into();
        line["symbol"] = header.symbol.into();
        line["verdict"] = command.verdict.name().into();
        line["body"] = numbered_fields(&command).into_iter().collect();
        if let Some(fields) = ClientFields::of(frame) {
            line["client"] = client_json(&fields);
        }
    } else if let Some(body) = bookkeeping(frame) {
        line["body"] = body;
    }
    line
}

/// Returns the client fields that reports repeat: letters as text, tagged values in hex.
fn client_json(fields: &ClientFields) -> Value {
    let letters = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let hex: String = fields.tags().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "text": letters(fields.text.trim_ascii_end()), "tif": letters(&[fields.tif]),
        "display": letters(&[fields.display]), "capacity": letters(&[fields.capacity]),
        "sweep": letters(&[fields.sweep]), "cross": letters(&[fields.cross]), "tags": hex,
    })
}

fn bookkeeping(frame: &Frame) -> Option<Value> {
    match frame.kind()? {
        FrameKind::EpochStart => {
            let start = frame.body::<EpochStart>()?;
            Some(json!({
                "epoch": start.epoch, "probe_interval": start.probe_interval,
                "durability": start.durability.name(),
            }))
        }
        FrameKind::CommitMark => {
            let mark = frame.body::<CommitMark>()?;
            Some(json!({ "committed": mark.committed, "synced": mark.synced }))
        }
        FrameKind::HashProbe => {
            let probe = frame.body::<HashProbe>()?;
            Some(json!({
                "seq": probe.seqno, "reports": probe.reports,
                "state_hash": hex(probe.state), "output_hash": hex(probe.output),
            }))
        }
        _ => None,
    }
}

/// Returns the fields of a command in the numbers of the journal: prices in ticks. Session and
/// symbol of the command are left out, because every frame shows them.
fn numbered_fields(command: &Command) -> Vec<NamedField> {
    let mut fields = vec![];
    command.fields(&mut |field, value| {
        let value = match value {
            field::Value::Session(_) if field == Field::Session => return,
            field::Value::Symbol(_) if field == Field::Symbol => return,
            field::Value::Word(_) if field == Field::Op => return,
            field::Value::Number(number) => number.into(),
            field::Value::Truth(truth) => truth.into(),
            field::Value::Word(word) => word.into(),
            field::Value::Text(text) => text.into(),
            field::Value::Name(name) => name.as_str().into(),
            field::Value::Price(price) => price.0.into(),
            field::Value::Session(session) => session.0.into(),
            field::Value::Firm(firm) => firm.0.into(),
            field::Value::Symbol(symbol) => symbol.0.into(),
        };
        fields.push((field.name(), value));
    });
    if let Action::Definition(Definition::Firm(definition)) = command.action {
        fields.push(("number", definition.firm.0.into()));
    }
    fields
}
