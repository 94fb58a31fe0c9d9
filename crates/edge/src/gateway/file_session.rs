//! File or standard input as a session: lines in, commands out.
//!
//! A line is a JSON object or, after a header, a CSV record. Both become the same fields, so they
//! mean the same and fail the same, and the operations turn the fields into commands. A malformed
//! line is a [`LineError`] and yields no command. A well-formed but impossible line (an unknown
//! symbol, a price between two ticks) is a command with a verdict, because its sender must get a
//! report.

mod csv;
mod definitions;
mod fields;
mod json;
mod market;
mod moves;
mod operations;
mod operator_lines;
mod orders;
mod reference;
mod words;

use crate::gateway::admission::Admission;
use crate::gateway::risk::RiskDesk;
use fields::{Fault, Field, Fields};
use operations::Interpreter;
use ringside_core::registry::directory::Directory;
use ringside_model::command::Command;
use ringside_model::domain::Nanos;

/// Longest line without its end, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object on each line.
    Json,
    /// Header with the names of the fields, then one record on each line.
    Csv,
}

/// Reader of lines, in order: of one file, or of one line of an operator. A file may have the lines
/// of many sessions.
pub struct FileSession {
    directory: Directory,
    format: Format,
    /// Columns of a CSV file, after its header was read.
    columns: Option<Vec<Field>>,
    lines: u64,
    admission: Admission,
    /// Waits until all commands that were given out have been answered.
    wait: Box<dyn FnMut()>,
}

/// Error of a malformed line, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: u64,
    /// Character of the line, from 1.
    pub column: usize,
    /// Description of the fault.
    pub message: String,
}

impl std::fmt::Display for LineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for LineError {}

impl FileSession {
    /// Creates a reader without risk limits that knows no trades: it rejects each break and
    /// correction. `directory` has observed all commands of the venue so far.
    pub fn new(directory: Directory, format: Format) -> Self {
        FileSession {
            directory,
            format,
            columns: None,
            lines: 0,
            admission: Admission::default(),
            wait: Box::new(|| ()),
        }
    }

    /// Adds risk limits and the knowledge of trades. `wait` returns when all commands that were
    /// given out have been answered: a verdict that depends on answers must not depend on how fast
    /// the answers come.
    pub fn with_limits(self, desk: RiskDesk, wait: impl FnMut() + 'static) -> Self {
        FileSession { admission: Admission::with_limits(desk), wait: Box::new(wait), ..self }
    }

    /// Creates a reader of the line of an operator, for a gateway that lends its admission.
    pub(super) fn of_operator(directory: Directory, admission: Admission) -> Self {
        FileSession { admission, ..FileSession::new(directory, Format::Json) }
    }

    /// Returns the directory and the admission to the gateway.
    pub(super) fn into_parts(self) -> (Directory, Admission) {
        (self.directory, self.admission)
    }

    /// Returns the directory: the names and rules of the venue, as known to the session.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the directory, for the next file.
    pub fn into_directory(self) -> Directory {
        self.directory
    }

    /// Reads the next line, with or without its end. `out` receives its commands, none or more,
    /// each with the official time if the line gives one. A malformed line yields no command and
    /// leaves the session as it was, so that the caller may go on.
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

    /// Reads the next line like [`FileSession::line`], from bytes that may not be UTF-8.
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
        let (admission, wait) = (&mut self.admission, &mut *self.wait);
        let directory = &mut self.directory;
        operations::run(&fields, Interpreter { directory, admission, wait, time: None, out })
    }

    fn error(&self, characters_before: usize, message: impl Into<String>) -> LineError {
        LineError { line: self.lines, column: characters_before + 1, message: message.into() }
    }
}
