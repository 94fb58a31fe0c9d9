//! `ringside journal info`: prints a summary of a journal.

use super::OutputArgs;
use crate::cli::output::outln;
use crate::cli::replay::{note_tail, open};
use crate::cli::{CliError, FRAME_SCHEMA_VERSION, journal_dir};
use crate::config::Config;
use ringside_journal::{Reader, Tail};
use ringside_model::frame::{CommitMark, Frame, FrameKind};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn run(args: &OutputArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let mut content = Content::default();
    while let Some(frame) = reader.next_frame()? {
        content.add(&frame);
    }
    print(&content, &reader, config, args.json)?;
    note_tail(&reader);
    Ok(())
}

/// Summary of a journal.
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

fn print(
    content: &Content,
    reader: &Reader,
    config: &Config,
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
            "schema_version": FRAME_SCHEMA_VERSION, "dir": journal_dir(config)?, "verified": false,
            "segments": end.segment, "frames": content.frames, "frame_bytes": content.bytes,
            "first_seqno": first, "last_seqno": reader.seqno().0, "committed": content.committed,
            "first_time_ns": first_time, "last_time_ns": reader.time().0,
            "epoch": reader.epoch(), "kinds": content.kinds, "tail": tail,
            "end": { "segment": end.segment, "offset": end.offset },
        });
        outln!("{summary:#}")?;
        return Ok(());
    }
    outln!("journal       {}", journal_dir(config)?.display())?;
    outln!("segments      {}", end.segment)?;
    outln!("frames        {} in {} bytes", content.frames, content.bytes)?;
    outln!("seqno         {first} to {}", reader.seqno())?;
    outln!("committed     {} by the last mark", content.committed)?;
    outln!("time          {first_time} to {} ns", reader.time())?;
    outln!("epoch         {}", reader.epoch())?;
    outln!("end           segment {} offset {}, {tail}", end.segment, end.offset)?;
    for (kind, count) in &content.kinds {
        outln!("  {kind:<16}{count}")?;
    }
    Ok(())
}
