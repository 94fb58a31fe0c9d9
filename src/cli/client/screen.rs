//! Input and output of the client: a terminal that prints reports above the line being typed, or a
//! pipe.

use crate::cli::CliError;
use crate::cli::output::outln;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use std::io::{BufRead, IsTerminal, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// A terminal or a pipe.
pub(super) struct Screen {
    lines: Receiver<String>,
    printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// Terminal settings at the start. The line editor changes them and may still be reading at the
    /// end.
    before: Option<Termios>,
    /// First failure of standard output.
    failed: Option<CliError>,
}

/// State of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A complete line.
    Line(String),
    /// No complete line yet.
    Nothing,
    /// End of the input.
    End,
}

impl Screen {
    /// Opens the screen; a thread of its own reads standard input.
    pub(super) fn open() -> Result<Screen, ReadlineError> {
        let (typed, lines) = channel();
        if !(stdin().is_terminal() && std::io::stdout().is_terminal()) {
            std::thread::spawn(move || {
                let lines = stdin().lock().lines().map_while(Result::ok);
                lines.for_each(|line| drop(typed.send(line)));
            });
            return Ok(Screen { lines, printer: None, before: None, failed: None });
        }
        let before = tcgetattr(stdin()).ok();
        let mut editor = DefaultEditor::new()?;
        let printer = editor.create_external_printer()?;
        std::thread::spawn(move || {
            while let Ok(line) = editor.readline("> ") {
                let _ = editor.add_history_entry(&line);
                if typed.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Screen { lines, printer: Some(Box::new(printer)), before, failed: None })
    }

    /// Returns the next line, if one is complete.
    pub(super) fn typed(&self) -> Typed {
        match self.lines.try_recv() {
            Ok(line) => Typed::Line(line),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::End,
        }
    }

    /// Returns true if input and output are a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.printer.is_some()
    }

    /// Returns the failure of standard output, if there was one.
    pub(super) fn failure(&mut self) -> Result<(), CliError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Prints a text above the line being typed.
    pub(super) fn print(&mut self, text: &str) {
        if let Some(printer) = &mut self.printer
            && printer.print(format!("{text}\n")).is_ok()
        {
            return;
        }
        if let Err(error) = outln!("{text}") {
            self.failed.get_or_insert(error);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone cannot be restored.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}
