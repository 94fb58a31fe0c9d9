//! Commands to send and their intended times, made before the clock starts.

use crate::cli::CliError;
use ringside_core::registry::directory::Directory;
use ringside_edge::gateway::file_session::{FileSession, Format};
use ringside_load::arrivals::{ArrivalKind, Arrivals};
use ringside_load::flow::{Event, Flow, FlowSpec, Trades, Workload};
use ringside_model::command::Command;
use ringside_model::frame::Frame;
use std::io::BufRead;
use std::path::Path;

/// Commands in the order in which they are sent.
pub struct Load {
    /// Name for tables and titles.
    pub name: String,
    /// Definitions and the opening book; sent as fast as the pipeline takes them, never measured.
    pub opening: Vec<Command>,
    /// Warm-up, then the measured commands.
    pub flow: Commands,
    /// Trades that all commands must lead to, if they are known.
    pub trades: Option<Trades>,
}

/// The commands of a flow.
pub enum Commands {
    /// Generated events, 32 bytes each.
    Events(Vec<Event>),
    /// Commands of a session file.
    Listed(Vec<Command>),
}

/// Send rate of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the pipeline takes them.
    Saturate,
    /// At intended times, independent of the speed of the pipeline.
    OpenLoop {
        /// Rate in commands per second.
        rate: u64,
        /// Distribution of the times.
        arrivals: ArrivalKind,
    },
}

impl Load {
    /// Generates a load with this number of events.
    pub fn generate(workload: Workload, seed: u64, events: usize) -> Self {
        let flow = Flow::generate(&FlowSpec { workload, seed, events });
        let setup = flow.setup.iter().map(Event::command);
        Load {
            name: format!("{workload}, seed {seed}"),
            opening: flow.definitions.into_iter().chain(setup).collect(),
            flow: Commands::Events(flow.events),
            trades: Some(flow.trades),
        }
    }

    /// Reads the commands of a session file. Its timestamps are ignored.
    pub fn read(file: &Path) -> Result<Self, CliError> {
        let failure = |error: &dyn std::fmt::Display| {
            CliError::Failure(format!("{}: {error}", file.display()))
        };
        let csv = file.extension().is_some_and(|ending| ending == "csv");
        let format = if csv { Format::Csv } else { Format::Json };
        let mut session = FileSession::new(Directory::new(), format);
        let mut input =
            std::io::BufReader::new(std::fs::File::open(file).map_err(|error| failure(&error))?);
        let (mut commands, mut line) = (vec![], vec![]);
        while input.read_until(b'\n', &mut line).map_err(|error| failure(&error))? > 0 {
            session
                .line_bytes(&line, &mut |command, _| commands.push(command))
                .map_err(|error| CliError::Failure(format!("{}:{error}", file.display())))?;
            line.clear();
        }
        let name = file.display().to_string();
        Ok(Load { name, opening: vec![], flow: Commands::Listed(commands), trades: None })
    }

    /// Returns the number of all commands, opening and flow.
    pub fn len(&self) -> usize {
        self.opening.len() + self.flow.len()
    }

    /// Returns true if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that the commands take in a journal, with room for commit marks between
    /// them.
    pub fn journal_bytes(&self) -> u64 {
        let mut frame = Frame::default();
        let mut bytes_of = |command: &Command| {
            command.encode(&mut frame);
            frame.bytes().len() as u64
        };
        let opening: u64 = self.opening.iter().map(&mut bytes_of).sum();
        let flow: u64 = match &self.flow {
            Commands::Events(events) => events.iter().map(|e| bytes_of(&e.command())).sum(),
            Commands::Listed(commands) => commands.iter().map(bytes_of).sum(),
        };
        let bytes = opening + flow;
        bytes + bytes / 32 + (1 << 20)
    }
}

impl Commands {
    /// Returns the number of commands.
    pub fn len(&self) -> usize {
        match self {
            Commands::Events(events) => events.len(),
            Commands::Listed(commands) => commands.len(),
        }
    }

    /// Returns true if there are no commands.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all commands behind the first `length`.
    pub fn truncate(&mut self, length: usize) {
        match self {
            Commands::Events(events) => events.truncate(length),
            Commands::Listed(commands) => commands.truncate(length),
        }
    }

    /// Returns the command at an index.
    #[inline]
    pub fn get(&self, at: usize) -> Command {
        match self {
            Commands::Events(events) => events[at].command(),
            Commands::Listed(commands) => commands[at],
        }
    }
}

impl Pace {
    /// Returns the intended send times in ns from the start; empty when saturating.
    pub fn intended_ns(self, commands: usize, seed: u64) -> Vec<u64> {
        match self {
            Pace::Saturate => vec![],
            Pace::OpenLoop { rate, arrivals } => {
                let mut arrivals = Arrivals::new(arrivals, rate, seed);
                (0..commands).map(|_| arrivals.next_ns()).collect()
            }
        }
    }
}
