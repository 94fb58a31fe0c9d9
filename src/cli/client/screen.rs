//! Where lines come from and go to: a terminal, in which reports may come while one types, or a pipe.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};
use std::io::{BufRead, IsTerminal, stdin};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// A terminal or a pipe.
pub(super) struct Screen {
    lines: Receiver<String>,
    printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// How the terminal was: whoever reads a line changes it, and may be reading at the end.
    before: Option<Termios>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line.
    Line(String),
    /// Nothing yet.
    Nothing,
    /// There will be no more.
    End,
}

impl Screen {
    /// Reads standard input on a thread of its own.
    pub(super) fn open() -> Result<Screen, ReadlineError> {
        let (typed, lines) = channel();
        if !(stdin().is_terminal() && std::io::stdout().is_terminal()) {
            std::thread::spawn(move || {
                let lines = stdin().lock().lines().map_while(Result::ok);
                lines.for_each(|line| drop(typed.send(line)));
            });
            return Ok(Screen { lines, printer: None, before: None });
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
        Ok(Screen { lines, printer: Some(Box::new(printer)), before })
    }

    /// The next line.
    pub(super) fn typed(&self) -> Typed {
        match self.lines.try_recv() {
            Ok(line) => Typed::Line(line),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::End,
        }
    }

    /// Whether somebody sits in front of it.
    pub(super) fn is_terminal(&self) -> bool {
        self.printer.is_some()
    }

    /// Prints, above what is being typed.
    pub(super) fn print(&mut self, text: &str) {
        match &mut self.printer {
            Some(printer) => {
                if printer.print(format!("{text}\n")).is_err() {
                    println!("{text}");
                }
            }
            None => println!("{text}"),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // There is nothing to be done about a terminal that is gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}
