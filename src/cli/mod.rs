//! The command line. Data goes to standard output, all messages to standard error.

pub mod bench;
mod client;
mod cluster;
mod exec;
mod explain;
mod journal;
mod load;
mod market_data;
mod output;
mod partition;
mod password;
mod replay;
mod report;
mod serve;
mod signals;
mod snapshot;

use crate::config::{Config, ConfigError};
use crate::log;
use clap::{Args, CommandFactory, Parser, Subcommand};
use output::{note, out, outln};
use ringside_core::recovery::replay::ReplayError;
use ringside_journal::{JournalError, access};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Version of the JSON documents that the commands write, except those about frames.
pub const SCHEMA_VERSION: u32 = 1;

/// Version of the JSON documents with kinds or bodies of frames: those of `journal dump`, `journal
/// diff`, `journal info` and `explain`.
const FRAME_SCHEMA_VERSION: u32 = 2;

/// A stock exchange core: sequenced, journaled, matched in shards, replayed byte for byte.
///
/// Exit codes: 0 done, 1 failure, 2 wrong usage, 3 a check failed, 4 the journal is corrupt,
/// 5 the configuration does not fit.
#[derive(Parser)]
#[command(name = "ringside", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command. A flag takes precedence over `RINGSIDE__SECTION__KEY` in the
/// environment, the environment over the config file.
#[derive(Args, Clone)]
struct Common {
    /// Config file (TOML).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the journal [journal.dir].
    #[arg(long, global = true, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Durability: volatile, pagecache or fsync [journal.durability].
    #[arg(long, global = true, value_name = "MODE")]
    durability: Option<String>,
    /// Number of matching shards [pipeline.shards].
    #[arg(long, global = true, value_name = "N")]
    shards: Option<u32>,
    /// Threads of the stages: auto, single, two, or threads as text [pipeline.plan].
    #[arg(long, global = true, value_name = "PLAN")]
    plan: Option<String>,
    /// Idle strategy: spin, spin-hint, yield or backoff [pipeline.idle].
    #[arg(long, global = true, value_name = "STRATEGY")]
    idle: Option<String>,
    /// Largest number of items that a stage takes in one step [pipeline.batch_max]. A matcher takes
    /// at most 64; under fsync journaler and replicator take all that wait.
    #[arg(long, global = true, value_name = "N")]
    batch: Option<usize>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a file (or `-`, standard input) as a session; print every report.
    Exec(exec::ExecArgs),
    /// Run a venue on the network. It recovers by itself; SIGTERM ends it cleanly.
    ///
    /// SIGTERM and SIGINT: accepted commands finish, their reports are sent, the journal is closed.
    /// A second signal within 5 seconds changes nothing; a second one later, or a third one, ends
    /// the process at once.
    ///
    /// SIGHUP: the password file and the settings of the log are read again, and the file of the
    /// log is opened again. What cannot be read stays as it was.
    Serve(serve::ServeArgs),
    /// Show or change the cluster that a venue is a node of.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Hand leadership to another node.
    Handover(cluster::HandoverArgs),
    /// Print the partition of each symbol.
    Symbols,
    /// Move a symbol with its orders to another partition of the venue.
    MoveSymbol(partition::MoveSymbolArgs),
    /// Set the password of a user of a venue.
    Password(password::PasswordArgs),
    /// Measure the whole pipeline with a load generator inside the process.
    Bench(Box<bench::BenchArgs>),
    /// Trade on a venue from a terminal or from a pipe.
    Client(client::ClientArgs),
    /// Send a load to a venue over the network, check every answer and measure the latency.
    Load(Box<load::LoadArgs>),
    /// Rebuild the venue from a journal, compare every hash probe, print state and output hash.
    Replay(replay::ReplayArgs),
    /// Read a journal: summary, checks, frames, differences, export.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Take a snapshot of a journal, also of one that a venue is writing.
    Snapshot(snapshot::SnapshotArgs),
    /// Print the book of a symbol as it was after a command.
    Book(replay::BookArgs),
    /// Write the trades of a day to a file and prove its totals.
    Report(report::ReportArgs),
    /// Print everything that ever happened to an order, with the causes.
    Explain(explain::ExplainArgs),
    /// Check or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print completions for a shell.
    Completions {
        /// Name of the shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check every value and print the thread plan.
    Check {
        /// The same as --config FILE.
        file: Option<PathBuf>,
    },
    /// Print the configuration in force.
    Print {
        /// The same as --config FILE.
        file: Option<PathBuf>,
    },
}

/// Failure of a command; each kind has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Any other failure: exit code 1.
    #[error("{0}")]
    Failure(String),
    /// A check found a difference: exit code 3.
    #[error("{0}")]
    Check(String),
    /// The journal is damaged: exit code 4.
    #[error("{0}")]
    Corrupt(String),
    /// The configuration is wrong or does not fit the journal: exit code 5.
    #[error("{0}")]
    Config(String),
    /// Nobody reads standard output any more, as in `| head`: exit code 0.
    #[error("standard output is closed")]
    Closed,
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            CliError::Failure(_) => 1,
            CliError::Check(_) => 3,
            CliError::Corrupt(_) => 4,
            CliError::Config(_) => 5,
            CliError::Closed => 0,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        CliError::Config(error.to_string())
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Corrupt { .. } | JournalError::NoSuchPlace { .. } => {
                CliError::Corrupt(text)
            }
            JournalError::Format { .. }
            | JournalError::Mismatch { .. }
            | JournalError::Filesystem { .. } => CliError::Config(text),
            JournalError::Io { .. }
            | JournalError::InUse { .. }
            | JournalError::LockIsLink { .. }
            | JournalError::Moved { .. }
            | JournalError::Missing { .. }
            | JournalError::Retired { .. }
            | JournalError::Stopped => CliError::Failure(text),
        }
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Journal(error) => error.into(),
            ReplayError::Told(what) => CliError::Failure(what),
            ReplayError::Unreadable(error) => CliError::Corrupt(error.to_string()),
            diverged @ ReplayError::Diverged { .. } => CliError::Check(diverged.to_string()),
        }
    }
}

/// Runs the program; returns its exit code.
pub fn main() -> ExitCode {
    signals::outlive_limits_of_files();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => return usage(&asked),
    };
    if !matches!(cli.command, Command::Serve(_)) {
        log::to_terminal();
    }
    let outcome = run(cli).and_then(|()| output::flush());
    if let Err(error) = &outcome
        && error.code() > 0
    {
        log::stopped(&error.to_string());
    }
    log::finish();
    ExitCode::from(outcome.map_or_else(|error| error.code(), |()| 0))
}

/// Prints the help or the version that was asked for, or the fault in the arguments.
fn usage(asked: &clap::Error) -> ExitCode {
    match output::printed(asked.print()) {
        Err(error) if !asked.use_stderr() && error.code() > 0 => {
            note!("{error}");
            ExitCode::from(error.code())
        }
        _ => ExitCode::from(asked.exit_code() as u8),
    }
}

fn run(mut cli: Cli) -> Result<(), CliError> {
    if let Command::Config(ConfigCommand::Check { file } | ConfigCommand::Print { file }) =
        &mut cli.command
    {
        cli.common.config = file.take().or(cli.common.config);
    }
    let config = |base| load(&cli.common, base);
    match cli.command {
        Command::Exec(args) => exec::run(&args, &config(Config::default())?),
        Command::Password(args) => password::run(&args),
        Command::Serve(args) => {
            let signals = signals::outlive_hangups()?;
            let common = cli.common.clone();
            let again = move || load(&common, Config::for_serve());
            serve::run(&args, config(Config::for_serve())?, again, signals)
        }
        Command::Cluster(command) => cluster::run(command, &config(Config::for_serve())?),
        Command::Handover(args) => cluster::hand_over(&args, &config(Config::for_serve())?),
        Command::Symbols => partition::print(&config(Config::for_serve())?),
        Command::MoveSymbol(args) => partition::move_symbol(&args, &config(Config::for_serve())?),
        Command::Bench(args) => bench::run(&args, &config(Config::for_bench())?),
        Command::Client(args) => client::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Replay(args) => replay::run(&args, &config(Config::default())?),
        Command::Journal(command) => journal::run(&command, &config(Config::default())?),
        Command::Snapshot(args) => snapshot::run(&args, &config(Config::default())?),
        Command::Book(args) => replay::book(&args, &config(Config::default())?),
        Command::Report(args) => report::run(&args, &config(Config::for_serve())?),
        Command::Explain(args) => explain::run(&args, &config(Config::default())?),
        Command::Config(ConfigCommand::Check { .. }) => check(&config(Config::default())?),
        Command::Config(ConfigCommand::Print { .. }) => {
            out!("{}", config(Config::default())?.to_toml())
        }
        Command::Completions { shell } => {
            // The generator ends the process if it cannot write.
            let mut text = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "ringside", &mut text);
            output::printed(std::io::stdout().write_all(&text))
        }
    }
}

/// Loads and checks the configuration: defaults, file, environment, flags.
fn load(common: &Common, base: Config) -> Result<Config, CliError> {
    let mut config = Config::load(base, common.config.as_deref())?;
    fn set<T: Clone>(flag: &Option<T>, value: &mut T) {
        if let Some(flag) = flag {
            value.clone_from(flag);
        }
    }
    set(&common.journal, &mut config.journal.dir);
    set(&common.durability, &mut config.journal.durability);
    set(&common.shards, &mut config.pipeline.shards);
    set(&common.plan, &mut config.pipeline.plan);
    set(&common.idle, &mut config.pipeline.idle);
    set(&common.batch, &mut config.pipeline.batch_max);
    config.check()?;
    if let Some(group) = config.group()? {
        access::let_group_read(group);
    }
    Ok(config)
}

fn check(config: &Config) -> Result<(), CliError> {
    let cores = ringside_core::pipeline::plan::allowed_cores();
    let layout = config.layout(&cores)?;
    outln!("ok")?;
    outln!("cores that may be used: {cores:?}")?;
    outln!("thread plan: {}", layout.plan)?;
    Ok(())
}

/// Returns the folder of the journal that a command reads.
fn journal_dir(config: &Config) -> Result<&std::path::Path, CliError> {
    let dir = config.journal.dir.as_path();
    if dir.as_os_str().is_empty() {
        let what = "which journal? Give --journal DIR or set journal.dir in the config";
        return Err(CliError::Config(what.into()));
    }
    if !ringside_journal::exists(dir)? {
        return Err(JournalError::Missing { dir: dir.to_path_buf() }.into());
    }
    Ok(dir)
}

/// Makes a folder for a journal that nobody named; it is removed on drop.
fn temporary_folder() -> Result<tempfile::TempDir, CliError> {
    let owner = Permissions::from_mode(0o700);
    let made = tempfile::Builder::new().prefix("ringside-").permissions(owner).tempdir();
    made.map_err(|error| CliError::Failure(format!("cannot make a temporary folder: {error}")))
}

/// Makes SIGTERM and SIGINT set `stop`, for a clean end: accepted commands finish, no further ones
/// are taken.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), CliError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .map_err(|error| CliError::Failure(format!("cannot handle signals: {error}")))?;
    }
    Ok(())
}

/// Formats a hash from its halves (low, high), as printed everywhere.
fn hex(halves: [u64; 2]) -> String {
    format!("{:016x}{:016x}", halves[1], halves[0])
}
