//! `ringside journal`: a look at the log itself.

use super::replay::{note_tail, open};
use super::{CliError, SCHEMA_VERSION, hex, journal_dir};
use crate::command;
use crate::config::Config;
use crate::frame::{CommitMark, EpochStart, Frame, FrameKind, HashProbe};
use crate::journal::{Position, Reader, Tail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

/// What to do with a journal.
#[derive(Subcommand)]
pub enum JournalCommand {
    /// Say what is in it.
    Info(OutputArgs),
    /// Read all of it and check every frame and the chain.
    Verify(OutputArgs),
    /// Print its frames.
    Dump(DumpArgs),
}

/// How to print.
#[derive(Args)]
pub struct OutputArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `journal dump`.
#[derive(Args)]
pub struct DumpArgs {
    /// The first command.
    #[arg(long, default_value_t = 0, value_name = "SEQNO")]
    from: u64,
    /// The last command.
    #[arg(long, default_value_t = u64::MAX, value_name = "SEQNO")]
    to: u64,
    /// Print a JSON line for each frame.
    #[arg(long)]
    json: bool,
}

pub fn run(command: &JournalCommand, config: &Config) -> Result<(), CliError> {
    match command {
        JournalCommand::Info(args) | JournalCommand::Verify(args) => {
            let verify = matches!(command, JournalCommand::Verify(_));
            let mut reader = open(config)?;
            let began = Instant::now();
            let mut content = Content::default();
            while let Some(frame) = reader.next_frame()? {
                content.add(&frame);
            }
            let seconds = began.elapsed().as_secs_f64();
            if verify {
                let rate = content.frames as f64 / seconds / 1e6;
                eprintln!("ringside: every frame checked in {seconds:.3} s, {rate:.1} M frames/s");
            }
            print_content(&content, &reader, config, verify, args.json)?;
            note_tail(&reader);
            Ok(())
        }
        JournalCommand::Dump(args) => dump(args, config),
    }
}

/// What a journal holds.
#[derive(Default)]
struct Content {
    frames: u64,
    bytes: u64,
    first: Option<(u64, u64)>,
    kinds: BTreeMap<&'static str, u64>,
    committed: u64,
}

impl Content {
    fn add(&mut self, frame: &Frame) {
        self.frames += 1;
        self.bytes += frame.bytes().len() as u64;
        let Some(kind) = frame.kind() else { return };
        *self.kinds.entry(kind.name()).or_default() += 1;
        if kind.is_command() {
            self.first.get_or_insert((frame.header.seqno, frame.header.time));
        }
        if let (FrameKind::CommitMark, Some(mark)) = (kind, frame.body::<CommitMark>()) {
            self.committed = mark.committed;
        }
    }
}

fn print_content(
    content: &Content,
    reader: &Reader,
    config: &Config,
    verified: bool,
    as_json: bool,
) -> Result<(), CliError> {
    let (first, first_time) = content.first.unwrap_or_default();
    let end = reader.position();
    let tail = match reader.tail() {
        Some(Tail::Torn { .. }) => "torn",
        _ => "clean",
    };
    if as_json {
        let summary = json!({
            "schema_version": SCHEMA_VERSION, "dir": journal_dir(config)?, "verified": verified,
            "segments": end.segment, "frames": content.frames, "frame_bytes": content.bytes,
            "first_seqno": first, "last_seqno": reader.seqno().0, "committed": content.committed,
            "first_time_ns": first_time, "last_time_ns": reader.time().0,
            "epoch": reader.epoch(), "kinds": content.kinds, "tail": tail,
            "end": { "segment": end.segment, "offset": end.offset },
        });
        println!("{summary:#}");
        return Ok(());
    }
    println!("journal       {}", journal_dir(config)?.display());
    println!("segments      {}", end.segment);
    println!("frames        {} in {} bytes", content.frames, content.bytes);
    println!("seqno         {first} to {}", reader.seqno());
    println!("committed     {} by the last mark", content.committed);
    println!("time          {first_time} to {} ns", reader.time());
    println!("epoch         {}", reader.epoch());
    println!("end           segment {} offset {}, {tail}", end.segment, end.offset);
    for (kind, count) in &content.kinds {
        println!("  {kind:<16}{count}");
    }
    if verified {
        println!("ok: every checksum and the whole chain");
    }
    Ok(())
}

fn dump(args: &DumpArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut at = reader.position();
    while let Some(frame) = reader.next_frame()? {
        // The reader stands behind the frame; a frame lies in one segment.
        let end = reader.position();
        let from = Position { offset: end.offset - frame.bytes().len() as u64, ..end };
        debug_assert!(from >= at);
        at = end;
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
    match (command::Command::decode(frame), bookkeeping(frame)) {
        (Some(command), _) => format!(
            "{head} session {} symbol {} {:?}{}",
            header.session,
            header.symbol,
            command.action,
            match command.verdict {
                crate::reason::Reason::None => String::new(),
                verdict => format!(" verdict {}", verdict.name()),
            }
        ),
        (None, Some(body)) => format!("{head} {body}"),
        (None, None) => head,
    }
}

fn frame_json(frame: &Frame, at: Position) -> Value {
    let header = &frame.header;
    let mut line = json!({
        "schema_version": SCHEMA_VERSION, "segment": at.segment, "offset": at.offset,
        "kind": frame.kind().map(FrameKind::name), "seq": header.seqno, "ts": header.time,
        "crc": format!("{:08x}", header.crc),
    });
    if let Some(command) = command::Command::decode(frame) {
        line["session"] = header.session.into();
        line["symbol"] = header.symbol.into();
        line["verdict"] = command.verdict.name().into();
        line["body"] = action_json(&command.action);
    } else if let Some(body) = bookkeeping(frame) {
        line["body"] = body;
    }
    line
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

fn action_json(action: &command::Action) -> Value {
    use command::Action;
    match action {
        Action::Enter(e) => json!({
            "id": e.id.0, "side": e.side.name(), "type": e.order_type.name(), "tif": e.tif.name(),
            "price_ticks": e.price.0, "qty": e.quantity.0, "firm": e.firm.0, "stp_group": e.group,
            "post_only": e.post_only.name(), "stp": e.self_trade.name(),
        }),
        Action::Reduce { id, quantity } => json!({ "id": id.0, "qty": quantity.0 }),
        Action::Replace { id, new_id, quantity, price } => json!({
            "id": id.0, "new_id": new_id.0, "qty": quantity.0, "price_ticks": price.0,
        }),
        Action::Cancel { id } => json!({ "id": id.0 }),
        Action::MassCancel(m) => json!({
            "of_session": m.session.map(|s| s.0), "of_firm": m.firm.map(|f| f.0),
            "stp_group": m.group, "buy": m.buy,
        }),
        Action::DefineSymbol(d) => json!({
            "name": d.name.as_str(), "tick": d.tick.decimal(crate::domain::Price(1)),
            "lot": d.lot.0, "collar_bps": d.collar_bps, "reference_ticks": d.reference.0,
        }),
        Action::DefineSession { name, firm } => json!({ "name": name.as_str(), "firm": firm.0 }),
        Action::DefineFirm { firm, name } => json!({ "name": name.as_str(), "firm": firm.0 }),
        Action::SetDurability(mode) => json!({ "mode": mode.name() }),
    }
}
