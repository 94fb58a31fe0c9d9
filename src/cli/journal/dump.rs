//! `ringside journal dump`: prints the frames in the numbers of the journal.

use super::{NamedField, next_placed};
use crate::cli::output::printed;
use crate::cli::replay::{note_tail, open};
use crate::cli::{CliError, FRAME_SCHEMA_VERSION, hex};
use crate::config::Config;
use clap::Args;
use ringside_journal::Position;
use ringside_model::command::{Action, ClientFields, Command, Definition, OperatorCommand};
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
        printed(written)?;
    }
    printed(out.flush())?;
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
        "schema_version": FRAME_SCHEMA_VERSION, "segment": at.segment, "offset": at.offset,
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

/// Returns the fields of a command in the numbers of the journal: prices in ticks. Session, symbol
/// and verdict of the command are left out, because every frame shows them; the cause of a mass
/// cancel is its verdict.
fn numbered_fields(command: &Command) -> Vec<NamedField> {
    let mut fields = vec![];
    command.fields(&mut |field, value| {
        let value = match value {
            field::Value::Session(_) if field == Field::Session => return,
            field::Value::Symbol(_) if field == Field::Symbol => return,
            _ if matches!(field, Field::Op | Field::Cause) => return,
            _ if matches!(field, Field::RandomMs | Field::ExtensionMs) => return,
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
    let stored = stored_fields(&command.action);
    fields.retain(|(name, _)| !stored.iter().any(|field| field.0 == *name));
    fields.extend(stored);
    fields
}

/// Returns the stored values that a line of a session file leaves out, rounds or converts.
fn stored_fields(action: &Action) -> Vec<NamedField> {
    match action {
        Action::Definition(Definition::Firm(firm)) => vec![("number", firm.firm.0.into())],
        Action::Definition(Definition::Symbol(symbol)) if symbol.reference.0 != 0 => {
            vec![(Field::Reference.name(), symbol.reference.0.into())]
        }
        Action::Operator(OperatorCommand::TradingDay(day)) => {
            vec![("event", day.event.name().into())]
        }
        Action::Operator(OperatorCommand::SetRisk(risk)) => {
            vec![("scope", risk.scope.name().into())]
        }
        Action::Operator(OperatorCommand::ChangeSymbol(change)) => {
            change.extension.iter().map(|extension| ("extension_ns", extension.0.into())).collect()
        }
        Action::Operator(OperatorCommand::PlanState(plan)) => vec![
            (Field::State.name(), plan.state.name().into()),
            (Field::At.name(), plan.due.0.into()),
            ("random_ns", plan.random_ns.into()),
            (Field::Seed.name(), plan.seed.into()),
        ],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use ringside_model::command::{ChangeSymbol, DefineSymbol, MassCancel, PlanState};
    use ringside_model::domain::{Nanos, Price, SeqNo, SessionId, SymbolState, Tick};

    /// Returns the dump of a command without its position and its checksum.
    fn dumped(command: &Command) -> Value {
        let mut frame = Frame::default();
        command.encode(&mut frame);
        frame.seal(SeqNo(9), Nanos(7), 0);
        let mut line = frame_json(&frame, Position { segment: 1, offset: 0 });
        line.as_object_mut().unwrap().remove("crc");
        line
    }

    #[test]
    fn commands_that_differ_have_bodies_that_differ() {
        let plan = |due, random_ns, seed, state| {
            samples::of_a(PlanState { due: Nanos(due), random_ns, seed, state })
        };
        let mut commands = samples::usual();
        commands.extend(samples::kills());
        // Bytes that no gateway writes: a dump shows the frame as it is.
        commands.extend([
            plan(9, 1, 0, SymbolState::Open),
            plan(9, 2, 0, SymbolState::Open),
            plan(0, 0, 0, SymbolState::Halted),
            plan(0, 1, 0, SymbolState::Halted),
            plan(0, 0, 1, SymbolState::Halted),
        ]);
        let lines: Vec<Value> = commands.iter().map(dumped).collect();
        for (i, line) in lines.iter().enumerate() {
            if let Some(same) = lines[..i].iter().position(|other| other == line) {
                panic!("{:?} and {:?}: {line}", commands[same], commands[i]);
            }
        }
    }

    #[test]
    fn a_body_has_the_stored_numbers_and_each_value_once() {
        let plan = PlanState { due: Nanos(0), random_ns: 1, seed: 2, state: SymbolState::Open };
        let tick = Tick::parse("0.25").unwrap();
        let symbol = DefineSymbol::new(samples::name("X"), tick);
        let own = MassCancel { session: Some(SessionId(1)), ..MassCancel::default() };
        let canceled =
            Command { verdict: Reason::Operator, ..samples::of_a(Action::MassCancel(own)) };
        let [of_session, of_firm, of_symbol] = samples::kills();
        for (command, body) in [
            (samples::of_a(plan), json!({"state":"open","at":0,"random_ns":1,"seed":2})),
            (
                samples::of_a(DefineSymbol { reference: Price(9), ..symbol }),
                json!({"symbol":"X","tick":"0.25","lot":1,"collar_bps":0,"reference":9}),
            ),
            (
                samples::of_a(ChangeSymbol {
                    extension: Some(Nanos(1)),
                    ..ChangeSymbol::default()
                }),
                json!({"extension_ns":1}),
            ),
            (canceled, json!({"of_session":1})),
            (of_session, json!({"scope":"session","killed":true})),
            (of_firm, json!({"scope":"firm","firm":2,"killed":true})),
            (of_symbol, json!({"scope":"symbol","killed":true})),
        ] {
            assert_eq!(dumped(&command)["body"], body, "{command:?}");
        }
        assert_eq!(dumped(&canceled)["verdict"], "operator");
        assert_eq!(dumped(&canceled)["schema_version"], 2);
    }
}
