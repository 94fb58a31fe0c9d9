//! `ringside journal diff`: compares two journals and finds their first difference.

use super::dump::frame_json;
use super::{UnitChanges, command_fields, decode, json_line, next_placed};
use crate::cli::output::{note, outln};
use crate::cli::replay::{note_tail, open};
use crate::cli::{CliError, FRAME_SCHEMA_VERSION};
use crate::config::Config;
use clap::Args;
use ringside_core::registry::directory::Directory;
use ringside_journal::{Position, Reader, Tail};
use ringside_model::command::{ClientFields, Sequenced};
use ringside_model::frame::{Frame, FrameKind};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Arguments of `journal diff`.
#[derive(Args)]
pub(crate) struct DiffArgs {
    /// Folder of one journal.
    a: PathBuf,
    /// Folder of the other journal.
    b: PathBuf,
    /// Compare all frames bit for bit, bookkeeping included, instead of the commands alone.
    #[arg(long)]
    bytes: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs, config: &Config) -> Result<(), CliError> {
    let side = |letter, dir| Side::open(letter, dir, config, args.bytes);
    let mut sides = [side('A', &args.a)?, side('B', &args.b)?];
    let mut names = Directory::new();
    let of_a = of_folder(config, &args.a);
    let mut units = UnitChanges::new(&of_a);
    let mut equal = 0;
    let outcome = loop {
        let [a, b] = &mut sides;
        match (a.next()?, b.next()?) {
            (None, None) => break Outcome::Equal,
            (Some(next), None) => break a.goes_on(next, b.letter)?,
            (None, Some(next)) => break b.goes_on(next, a.letter)?,
            (Some(a), Some(b)) => {
                if !is_same(&a.frame, &b.frame, args.bytes)? {
                    break Outcome::Differ(Box::new([a, b]));
                }
                // Up to the first difference a name means the same in both journals.
                units.observe_definition(&a.frame, &mut names)?;
                equal += 1;
            }
        }
    };
    let findings = Findings { sides: &sides, names, equal, bytes: args.bytes, outcome };
    let printed = match args.json {
        true => outln!("{:#}", findings.json()),
        false => findings.print(),
    };
    sides.iter().for_each(Side::note_tail);
    match findings.outcome {
        Outcome::Equal => printed,
        _ => Err(CliError::Check(findings.sentence())),
    }
}

/// One of the two journals.
struct Side<'a> {
    letter: char,
    dir: &'a Path,
    reader: Reader,
    /// True if bookkeeping frames are compared, too.
    bytes: bool,
}

/// A frame and its position.
struct Found {
    frame: Frame,
    at: Position,
}

/// Result of the comparison.
enum Outcome {
    /// Both journals hold the same.
    Equal,
    /// Journal `shorter` ends first; `longer` goes on with `next`, the first of `more` frames.
    Prefix { shorter: char, longer: char, next: Box<Found>, more: u64 },
    /// The journals are equal up to these two frames.
    Differ(Box<[Found; 2]>),
}

impl<'a> Side<'a> {
    fn open(letter: char, dir: &'a Path, config: &Config, bytes: bool) -> Result<Self, CliError> {
        Ok(Side { letter, dir, reader: open(&of_folder(config, dir))?, bytes })
    }

    /// Returns the next frame that is compared.
    fn next(&mut self) -> Result<Option<Found>, CliError> {
        while let Some((frame, at)) = next_placed(&mut self.reader)? {
            if self.bytes || frame.kind().is_some_and(FrameKind::is_command) {
                return Ok(Some(Found { frame, at }));
            }
        }
        Ok(None)
    }

    /// Counts the frames of this side behind the end of the other side; `next` is the first of
    /// them.
    fn goes_on(&mut self, next: Found, shorter: char) -> Result<Outcome, CliError> {
        let mut more = 1;
        while self.next()?.is_some() {
            more += 1;
        }
        Ok(Outcome::Prefix { shorter, longer: self.letter, next: Box::new(next), more })
    }

    fn note_tail(&self) {
        if let Some(Tail::Torn { .. }) = self.reader.tail() {
            note!("{}:", self.dir.display());
            note_tail(&self.reader);
        }
    }
}

/// Returns true if two frames are the same: bit for bit, or as commands with seqno, time and the
/// client fields that reports repeat.
fn is_same(a: &Frame, b: &Frame, bytes: bool) -> Result<bool, CliError> {
    if bytes {
        return Ok(a.bytes() == b.bytes());
    }
    Ok(decode(a)? == decode(b)? && ClientFields::of(a) == ClientFields::of(b))
}

/// Returns the config for the journal in a folder.
fn of_folder(config: &Config, dir: &Path) -> Config {
    let mut config = config.clone();
    config.journal.dir = dir.to_path_buf();
    config
}

/// Result of the comparison, ready to print.
struct Findings<'a> {
    sides: &'a [Side<'a>; 2],
    names: Directory,
    equal: u64,
    bytes: bool,
    outcome: Outcome,
}

impl Findings<'_> {
    fn sentence(&self) -> String {
        let (equal, what) = (self.equal, self.what());
        match &self.outcome {
            Outcome::Equal => format!("equal: {equal} {what}"),
            Outcome::Prefix { shorter, longer, more, .. } => format!(
                "{shorter} is a prefix of {longer}: {equal} {what} are equal, {longer} has {more} \
                 more"
            ),
            Outcome::Differ(found) => {
                let [a, b] = found.each_ref().map(|found| found.frame.header.seqno);
                let at = if a == b { format!("{a}") } else { format!("{a} of A, {b} of B") };
                format!("the first difference is at seqno {at}: {equal} {what} before it are equal")
            }
        }
    }

    fn print(&self) -> Result<(), CliError> {
        outln!("{}", self.sentence())?;
        match &self.outcome {
            Outcome::Equal => {}
            Outcome::Prefix { longer, next, .. } => {
                let side = self.sides.iter().find(|side| side.letter == *longer);
                self.print_found(side.expect("it is one of the two"), next)?;
            }
            Outcome::Differ(found) => {
                for (side, found) in self.sides.iter().zip(found.iter()) {
                    self.print_found(side, found)?;
                }
                for (field, values) in self.fields(found) {
                    let missing = |value: Value| match value {
                        Value::Null => "-".to_string(),
                        value => value.to_string(),
                    };
                    let [a, b] = values.map(missing);
                    outln!("{field:<16}A {a}  B {b}")?;
                }
            }
        }
        Ok(())
    }

    fn print_found(&self, side: &Side, Found { frame, at }: &Found) -> Result<(), CliError> {
        let kind = frame.kind().map_or("?", FrameKind::name);
        let (letter, file) = (side.letter, file(side, *at));
        outln!("{letter}  seqno {} {kind}  {file} offset {}", frame.header.seqno, at.offset)?;
        match Sequenced::decode(frame) {
            Some(at) => outln!("   {}", json_line(&command_fields(&at, &self.names))),
            None => outln!("   {}", frame_json(frame, *at)),
        }
    }

    fn json(&self) -> Value {
        let mut summary = json!({
            "schema_version": FRAME_SCHEMA_VERSION, "compared": self.what(), "equal": self.equal,
            "a": { "dir": self.sides[0].dir }, "b": { "dir": self.sides[1].dir },
        });
        match &self.outcome {
            Outcome::Equal => summary["outcome"] = "equal".into(),
            Outcome::Prefix { shorter, longer, next, more } => {
                summary["outcome"] = "prefix".into();
                summary["prefix"] = shorter.to_lowercase().to_string().into();
                summary["more"] = (*more).into();
                let side = usize::from(*longer == 'B');
                summary[["a", "b"][side]]["next"] = self.found_json(side, next);
            }
            Outcome::Differ(found) => {
                summary["outcome"] = "differ".into();
                for (side, key) in ["a", "b"].into_iter().enumerate() {
                    summary[key]["next"] = self.found_json(side, &found[side]);
                }
                let fields = self.fields(found).into_iter();
                let fields: Map<String, Value> =
                    fields.map(|(field, [a, b])| (field, json!({ "a": a, "b": b }))).collect();
                summary["fields"] = fields.into();
            }
        }
        summary
    }

    fn found_json(&self, side: usize, Found { frame, at }: &Found) -> Value {
        let mut found = frame_json(frame, *at);
        found["file"] = file(&self.sides[side], *at).into();
        if let Some(at) = Sequenced::decode(frame) {
            let fields = command_fields(&at, &self.names).into_iter();
            let fields: Map<String, Value> = fields.map(|(key, v)| (key.into(), v)).collect();
            found["command"] = fields.into();
        }
        found
    }

    /// Returns the fields in which two frames differ, with both values, in the numbers of the
    /// journal: names and decimals are not always one to one.
    fn fields(&self, found: &[Found; 2]) -> Vec<(String, [Value; 2])> {
        let [a, b] = found.each_ref().map(|found| self.flat(found));
        let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
        keys.sort();
        keys.dedup();
        let value = |map: &Map<String, Value>, key| map.get(key).cloned().unwrap_or_default();
        let pairs = keys.into_iter().map(|key| (key.clone(), [value(&a, key), value(&b, key)]));
        pairs.filter(|(_, [a, b])| a != b).collect()
    }

    /// Returns the compared fields of a frame, with the fields of its body at the same level.
    fn flat(&self, Found { frame, at }: &Found) -> Map<String, Value> {
        let Value::Object(mut fields) = frame_json(frame, *at) else { return Map::new() };
        if let Some(Value::Object(client)) = fields.remove("client") {
            let client = client.into_iter().map(|(key, value)| (format!("client.{key}"), value));
            fields.extend(client);
        }
        if let Some(Value::Object(body)) = fields.remove("body") {
            for (key, value) in body {
                // A hash probe has a `seq` in its body, too: the seqno of the command that it
                // describes.
                let is_taken = fields.contains_key(&key);
                fields.insert(if is_taken { format!("body.{key}") } else { key }, value);
            }
        }
        fields.retain(|key, _| {
            !["schema_version", "segment", "offset"].contains(&key.as_str())
                && (self.bytes || key != "crc")
        });
        fields
    }

    fn what(&self) -> &'static str {
        if self.bytes { "frames" } else { "commands" }
    }
}

fn file(side: &Side, at: Position) -> String {
    side.dir.join(format!("{:08}.seg", at.segment)).display().to_string()
}
