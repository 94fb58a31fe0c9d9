//! A file or standard input as a session: lines in, commands out.
//!
//! A line is a JSON object or, after a header, a CSV record. Both become the same fields, so
//! that they mean the same and fail the same, and the operations make commands of them. What is no
//! line of this format is a [`LineError`] and yields no command; what is well-formed but impossible
//! (an unknown symbol, a price between two ticks) is a command with a verdict, because its sender
//! must get a report.

mod csv;
mod definitions;
mod fields;
mod json;
mod market;
mod moves;
mod operations;
mod operator;
mod orders;
mod words;

use crate::gateway::risk::RiskDesk;
use fields::{Fault, Field, Fields};
use ringside_core::registry::directory::Directory;
use ringside_model::command::Command;
use ringside_model::domain::Nanos;
use ringside_model::reason::Reason;

/// The longest line, in bytes, without its end.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// How the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object on each line.
    Json,
    /// A header with the names of the fields, then one record on each line.
    Csv,
}

/// Reads the lines of one file in order.
pub struct FileSession {
    directory: Directory,
    format: Format,
    /// The columns of a CSV file, once its header was read.
    columns: Option<Vec<Field>>,
    lines: u64,
    limits: Option<Limits>,
}

/// Holds what lines let in against the risk limits.
struct Limits {
    desk: RiskDesk,
    wait: Box<dyn FnMut()>,
}

/// Why a line is malformed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The line, from 1.
    pub line: u64,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for LineError {}

impl Limits {
    /// Why a command may not be let in. Of rates only those count that the lines give a time for.
    fn verdict(&mut self, command: &Command, directory: &Directory, time: Option<Nanos>) -> Reason {
        if directory.standing().risk().is_empty() || !command.enters() {
            return Reason::None;
        }
        if self.desk.needs_answers(command, directory) {
            (self.wait)();
        }
        let Some(asked) = self.desk.asked(command, directory) else { return Reason::None };
        self.desk.verdict(&asked, directory, time.map(|Nanos(time)| time))
    }
}

impl FileSession {
    /// A session on a venue of which `directory` knows all commands so far.
    pub fn new(directory: Directory, format: Format) -> Self {
        FileSession { directory, format, columns: None, lines: 0, limits: None }
    }

    /// The same with risk limits. `wait` returns when all commands that were given out have been answered: where a verdict
    /// depends on that, it must not depend on how fast the answers come.
    pub fn with_limits(self, desk: RiskDesk, wait: impl FnMut() + 'static) -> Self {
        FileSession { limits: Some(Limits { desk, wait: Box::new(wait) }), ..self }
    }

    /// What the session knows of the venue now.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Gives the directory back, for the next file.
    pub fn into_directory(self) -> Directory {
        self.directory
    }

    /// Reads the next line, with or without its end. `out` takes its commands, none or more, each
    /// with the official time if the line gives one. A malformed line yields no command and leaves
    /// the session as it was, so that a caller may go on.
    pub fn line(
        &mut self,
        text: &str,
        out: &mut impl FnMut(Command, Option<Nanos>),
    ) -> Result<(), LineError> {
        self.lines += 1;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.len() > LINE_BYTES_MAX {
            return Err(self.error(LINE_BYTES_MAX, "the line is longer than 64 KiB"));
        }
        // Spreadsheets begin a file with a byte order mark, which is no part of the line.
        let text =
            if self.lines == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        self.read(text, out).map_err(|fault| {
            let before = text.get(..fault.at).unwrap_or(text);
            self.error(before.chars().count(), fault.message)
        })
    }

    /// [`FileSession::line`] for bytes that may not even be text.
    pub fn line_bytes(
        &mut self,
        bytes: &[u8],
        out: &mut impl FnMut(Command, Option<Nanos>),
    ) -> Result<(), LineError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.line(text, out),
            Err(e) => {
                self.lines += 1;
                let before = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
                Err(self.error(before.chars().count(), "the line is not UTF-8"))
            }
        }
    }

    fn read(
        &mut self,
        text: &str,
        out: &mut impl FnMut(Command, Option<Nanos>),
    ) -> Result<(), Fault> {
        let content = text.trim_ascii_start();
        if content.is_empty() || content.starts_with('#') {
            return Ok(());
        }
        let mut fields = Fields::default();
        match (self.format, &self.columns) {
            (Format::Json, _) => json::read(text, &mut fields)?,
            (Format::Csv, Some(columns)) => csv::read(text, columns, &mut fields)?,
            (Format::Csv, None) => {
                self.columns = Some(csv::header(text)?);
                return Ok(());
            }
        }
        operations::run(&fields, &mut self.directory, self.limits.as_mut(), out)
    }

    fn error(&self, characters_before: usize, message: impl Into<String>) -> LineError {
        LineError { line: self.lines, column: characters_before + 1, message: message.into() }
    }
}
