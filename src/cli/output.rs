//! Standard output and standard error of every command. Data goes to standard output: a failed
//! write ends the command with exit code 1, and a reader that went away ends it quietly. Messages
//! go to standard error, and nothing depends on them.

use super::CliError;
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints formatted text on standard output.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::output::print(format_args!($($text)*)) };
}

/// Prints a formatted line on standard output.
macro_rules! outln {
    () => { $crate::cli::output::print(format_args!("\n")) };
    ($($text:tt)*) => {
        $crate::cli::output::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints a message on standard error, behind `ringside: `.
macro_rules! note {
    ($($text:tt)*) => { $crate::log::tell(format_args!($($text)*)) };
}

pub(crate) use {note, out, outln};

pub(crate) fn print(text: Arguments<'_>) -> Result<(), CliError> {
    printed(std::io::stdout().write_fmt(text))
}

/// Writes what standard output still buffers.
pub(super) fn flush() -> Result<(), CliError> {
    printed(std::io::stdout().flush())
}

/// Prints text on standard error as it is, such as a prompt.
pub(super) fn prompt(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Returns the outcome of a write to standard output.
pub(super) fn printed(written: std::io::Result<()>) -> Result<(), CliError> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CliError::Closed,
        _ => CliError::Failure(format!("cannot write to standard output: {error}")),
    })
}
