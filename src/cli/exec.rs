//! `ringside exec`: runs a file as a session, through the same sequencer, journal, matchers and
//! publisher as every other session.

use super::{CliError, SCHEMA_VERSION, hex, stop_on_signals, temporary_folder};
use crate::cli::output::{note, printed};
use crate::config::Config;
use clap::Args;
use ringside_core::json_reports::JsonReports;
use ringside_core::merge::Subscriber;
use ringside_core::pipeline::plan::allowed_cores;
use ringside_core::pipeline::{CommandSource, Control, Polled};
use ringside_core::recovery::restart::Checkpoint;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::{ExposureCounter, ExposureView};
use ringside_core::registry::names::Names;
use ringside_core::venue::{Recover, Restart, Venue};
use ringside_edge::gateway::file_session::{FileSession, Format};
use ringside_edge::gateway::risk::RiskDesk;
use ringside_model::command::{Command, Sequenced};
use ringside_model::domain::{Nanos, SeqNo};
use ringside_model::frame::Frame;
use ringside_model::report::{Published, Report, ReportKind};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Arguments of `exec`.
#[derive(Args)]
pub(super) struct ExecArgs {
    /// Session file: newline-delimited JSON, or CSV if the name ends in .csv; `-` for standard
    /// input.
    file: PathBuf,
    /// Format of the session, json or csv, independent of the file name.
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Write counts and hashes to this file.
    #[arg(long, value_name = "FILE")]
    json_summary: Option<PathBuf>,
    /// Do not print the reports.
    #[arg(long)]
    quiet: bool,
}

type Input = BufReader<Box<dyn Read + Send>>;

/// Commands with their given times, one batch from the reading thread.
type Batch = Vec<(Command, Option<Nanos>)>;

pub(super) fn run(args: &ExecArgs, config: &Config) -> Result<(), CliError> {
    let input = open(&args.file)?;
    let format = format_of(args)?;
    let is_temporary = config.journal.dir.as_os_str().is_empty();
    let temporary = is_temporary.then(temporary_folder).transpose()?;
    let dir = temporary.as_ref().map_or(config.journal.dir.as_path(), |dir| dir.path());
    let layout = config.layout(&allowed_cores())?;

    let mut directory = Directory::new();
    let printer = Printer::new(args.quiet, directory.names().share());
    let mut count = Count::default();
    let mut past = Past { directory: &mut directory, count: &mut count };
    let mut venue = Venue::open(config.journal_options(dir)?, config.shape(), &mut past)?;
    let kept = if temporary.is_some() { " (temporary)" } else { "" };
    note!("threads: {}", layout.plan);
    let durability = config.durability()?;
    note!("journal: {}{kept}", dir.display());
    note!("{}", durability.banner());
    let restart = std::mem::take(&mut venue.restart);
    tell_restart(&restart);
    let snapshots = config.snapshots().filter(|_| temporary.is_none());
    let snapshots =
        snapshots.map(|policy| venue.take_snapshots(policy, config.sizes(), None)).transpose();
    let _snapshots =
        snapshots.map_err(|error| CliError::Failure(format!("cannot start a thread: {error}")))?;

    let control = Control::default();
    stop_on_signals(&control.stop)?;
    let (sender, receiver) = sync_channel(16);
    count.exposure.end_command(venue.last_seqno().0, venue.time());
    let exposures = count.exposure.exposures().clone();
    let handing = Handing { batch: vec![], sender, last: SeqNo(venue.first_seqno().0 - 1) };
    let reading =
        std::thread::spawn(move || read_session(input, directory, format, exposures, handing));
    let began = Instant::now();
    let source = Batches { receiver, batch: vec![].into_iter() };
    let told = Told { printer, count };
    let closed = venue.run(&layout, source, told, &control, None, vec![])?;
    let mut closed = closed.expect("nobody abandons it");
    let seconds = began.elapsed().as_secs_f64();

    let probe = closed.probe;
    let summary = serde_json::json!({
        "schema_version": SCHEMA_VERSION,
        "seqno": probe.seqno,
        "reports": probe.reports,
        "state_hash": hex(probe.state),
        "output_hash": hex(probe.output),
        "durability": config.journal.durability,
        "shards": config.pipeline.shards,
        "plan": layout.plan.to_string(),
        "restart": {
            "from_seqno": restart.snapshot.0,
            "seqno": restart.seqno.0,
            "seconds": restart.elapsed.as_secs_f64(),
        },
        "seconds": seconds,
        "counts": closed.subscriber.printer.counts,
        "reasons": closed.subscriber.printer.reasons,
    });
    if let Some(path) = &args.json_summary {
        std::fs::write(path, format!("{summary:#}\n"))
            .map_err(|error| CliError::Failure(format!("{}: {error}", path.display())))?;
    }
    note!(
        "seqno {}, {} reports, state {}, output {}, {seconds:.3} s",
        probe.seqno,
        probe.reports,
        hex(probe.state),
        hex(probe.output)
    );
    closed.subscriber.printer.finish()?;
    if control.stop.load(Ordering::Relaxed) {
        // The reading thread may wait forever for input, so it is not joined.
        return Ok(());
    }
    let read = reading.join().expect("the reading thread does not panic");
    read.map_err(|error| CliError::Failure(format!("{}:{error}", args.file.display())))
}

/// Logs the outcome of a restart.
pub(super) fn tell_restart(restart: &Restart) {
    restart.notes.iter().for_each(|note| tracing::warn!(event = "restart", "{note}"));
    let Restart { snapshot, seqno, elapsed, .. } = restart;
    let from = match snapshot.0 {
        0 => "the whole journal".to_string(),
        snapshot => format!("a snapshot at seqno {snapshot} and what came after it"),
    };
    if seqno.0 > 0 {
        let seconds = elapsed.as_secs_f64();
        tracing::info!(
            event = "recovered",
            seqno = seqno.0,
            "recovered up to seqno {seqno} from {from} in {seconds:.3} s"
        );
    }
}

/// State that the session and the printer learn from the replay of the journal.
struct Past<'a> {
    directory: &'a mut Directory,
    count: &'a mut Count,
}

impl Subscriber for Past<'_> {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        if let Some(command) = Command::decode(frame) {
            self.directory.observe(&command);
        }
        self.count.command(frame);
    }

    fn report(&mut self, published: &Published) {
        let (names, report) = (self.directory.names(), &published.report);
        names.learn(report);
        if let Some(command) = self.count.rejected(report) {
            names.reject(command);
        }
        self.count.report(published);
    }

    fn end_command(&mut self) {
        self.count.end_command();
    }
}

impl Recover for Past<'_> {
    fn resume(&mut self, at: Option<&Checkpoint>) -> Result<(), String> {
        if let Some(at) = at {
            self.directory.resume(&at.definitions, at.used_ids.clone());
            at.rules.commands().iter().for_each(|command| self.directory.observe(command));
            self.count.exposure = at.exposure.clone();
        }
        Ok(())
    }
}

fn open(file: &Path) -> Result<Input, CliError> {
    const BUFFER_BYTES: usize = 1 << 16;
    if file == Path::new("-") {
        return Ok(Input::with_capacity(BUFFER_BYTES, Box::new(std::io::stdin())));
    }
    let opened = std::fs::File::open(file)
        .map_err(|error| CliError::Failure(format!("{}: {error}", file.display())))?;
    Ok(Input::with_capacity(BUFFER_BYTES, Box::new(opened)))
}

fn format_of(args: &ExecArgs) -> Result<Format, CliError> {
    match args.format.as_deref() {
        Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some(other) => Err(CliError::Config(format!("--format {other}: expected json or csv"))),
        None if args.file.extension().is_some_and(|ending| ending == "csv") => Ok(Format::Csv),
        None => Ok(Format::Json),
    }
}

/// Reads and parses the session on a thread of its own, so that a slow input never blocks a stage.
/// All lines before a malformed line are executed; the malformed line ends the session.
fn read_session(
    mut input: Input,
    directory: Directory,
    format: Format,
    exposures: ExposureView,
    handing: Handing,
) -> Result<(), String> {
    const BATCH_COMMANDS: usize = 1024;
    let handing = Rc::new(RefCell::new(handing));
    let desk = RiskDesk::new(exposures.clone());
    let waiting = handing.clone();
    let wait = move || waiting.borrow_mut().wait(&exposures);
    let mut session = FileSession::new(directory, format).with_limits(desk, wait);
    let mut line = vec![];
    let outcome = loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(format!(" {error}")),
        }
        let mut out = |command, time| handing.borrow_mut().batch.push((command, time));
        if let Err(error) = session.line_bytes(&line, &mut out) {
            break Err(error.to_string());
        }
        let mut handing = handing.borrow_mut();
        // A person who types must not wait for a full batch.
        let due = handing.batch.len() >= BATCH_COMMANDS || input.buffer().is_empty();
        if due && !handing.send() {
            return Ok(());
        }
    };
    handing.borrow_mut().send();
    outcome
}

/// Sending side of the channel from the reading thread to the sequencer.
struct Handing {
    batch: Batch,
    sender: SyncSender<Batch>,
    /// Seqno of the last command that was sent to the sequencer.
    last: SeqNo,
}

impl Handing {
    /// Sends the batch; returns true if the receiver still exists.
    fn send(&mut self) -> bool {
        self.last.0 += self.batch.len() as u64;
        self.sender.send(std::mem::take(&mut self.batch)).is_ok()
    }

    /// Sends the batch and waits until all of its commands are published.
    fn wait(&mut self, exposures: &ExposureView) {
        const PAUSE: Duration = Duration::from_micros(50);
        let taken = self.send();
        while taken && exposures.told() < self.last.0 {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Receiving side: the commands that the reading thread has parsed.
struct Batches {
    receiver: Receiver<Batch>,
    batch: std::vec::IntoIter<(Command, Option<Nanos>)>,
}

impl CommandSource for Batches {
    #[inline]
    fn poll(&mut self) -> Polled {
        loop {
            if let Some((command, time)) = self.batch.next() {
                return Polled::Command { command, time, intended_ns: 0 };
            }
            match self.receiver.try_recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(TryRecvError::Empty) => return Polled::Idle,
                Err(TryRecvError::Disconnected) => return Polled::Ended,
            }
        }
    }
}

/// Counts open orders and traded quantities.
#[derive(Default)]
struct Count {
    exposure: ExposureCounter,
    command: Option<Sequenced>,
}

impl Count {
    /// Returns the present command if the report says that the engine has rejected it.
    fn rejected(&self, report: &Report) -> Option<&Command> {
        let is_rejected = report.kind == ReportKind::Rejected;
        self.command.as_ref().filter(|_| is_rejected).map(|asked| &asked.command)
    }
}

impl Subscriber for Count {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        self.command = Sequenced::decode(frame);
    }

    fn report(&mut self, published: &Published) {
        if let Some(Sequenced { command, .. }) = &self.command {
            self.exposure.report(&published.report, command);
        }
    }

    fn end_command(&mut self) {
        if let Some(Sequenced { seqno, time, .. }) = self.command {
            self.exposure.end_command(seqno.0, time);
        }
    }
}

/// All subscribers of the session.
struct Told {
    printer: Printer,
    count: Count,
}

impl Subscriber for Told {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        self.count.command(frame);
    }

    fn definition(&mut self, command: &Command) {
        self.printer.definition(command);
    }

    fn report(&mut self, published: &Published) {
        self.count.report(published);
        if let Some(command) = self.count.rejected(&published.report) {
            self.printer.lines.names().reject(command);
        }
        self.printer.report(published);
    }

    fn end_command(&mut self) {
        self.count.end_command();
    }

    fn pause(&mut self) {
        self.printer.pause();
    }
}

/// Counts reports and prints a line for each.
pub(super) struct Printer {
    pub lines: JsonReports,
    quiet: bool,
    /// Failure of standard output.
    failed: Option<CliError>,
    out: Vec<u8>,
    pub counts: BTreeMap<&'static str, u64>,
    pub reasons: BTreeMap<&'static str, u64>,
}

impl Printer {
    const OUT_BYTES: usize = 1 << 16;

    pub(super) fn new(quiet: bool, names: Names) -> Self {
        let (counts, reasons) = (BTreeMap::new(), BTreeMap::new());
        Printer {
            lines: JsonReports::with_names(names),
            quiet,
            failed: None,
            out: vec![],
            counts,
            reasons,
        }
    }

    /// Prints the rest, and returns the failure of standard output, if there was one.
    pub(super) fn finish(&mut self) -> Result<(), CliError> {
        self.flush();
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(super) fn flush(&mut self) {
        // The session still runs to its end if standard output is closed, as in `| head`, or full.
        if let Err(error) = printed(std::io::stdout().lock().write_all(&self.out)) {
            (self.quiet, self.failed) = (true, Some(error));
        }
        self.out.clear();
    }
}

impl Subscriber for Printer {
    fn definition(&mut self, command: &Command) {
        self.lines.definition(command);
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        self.lines.names().learn(report);
        *self.counts.entry(report.kind.name()).or_default() += 1;
        if matches!(report.kind, ReportKind::Canceled | ReportKind::Rejected) {
            *self.reasons.entry(report.reason.name()).or_default() += 1;
        }
        if !self.quiet {
            self.lines.write(published, &mut self.out);
            if self.out.len() >= Self::OUT_BYTES {
                self.flush();
            }
        }
    }

    fn pause(&mut self) {
        if !self.out.is_empty() {
            self.flush();
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.pause();
    }
}
