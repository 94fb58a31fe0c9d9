//! The log: events of all threads, written as lines by a thread of its own.
//!
//! ```text
//!  any thread ─► event ─► queue, bounded ─► log thread: rate limit, format ─► standard error or file
//! ```
//!
//! A thread that has an event never waits for the log. If the queue is full, or if a line cannot be
//! written, the line is dropped and counted, and the count is told as soon as a line fits again.
//! Only the end of the process waits, for at most a second.
//!
//! Commands other than `serve` have no queue: their events are messages on standard error.

mod event;
mod format;
mod limit;
mod output;
mod writer;

pub use format::LogFormat;
pub use output::tell;

use crate::config::{ConfigError, LogSection};
use event::Line;
use output::Target;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use writer::{Message, NextSettings, Settings};

/// Number of lines that wait for the log thread, at most.
const QUEUE_LINES: usize = 4096;
/// Longest wait for the log thread at the end of the process.
const FINISH_MAX: Duration = Duration::from_secs(1);
/// Name of the event behind which the process ends.
const STOPPED: &str = "stopped";

static LOG: OnceLock<Log> = OnceLock::new();

/// True while the lines go to a file: the reason of an end goes to standard error, too.
static IN_FILE: AtomicBool = AtomicBool::new(false);

/// Number of lines that were dropped and not told yet.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Log of a venue that is running.
struct Log {
    queue: SyncSender<Message>,
    next: NextSettings,
    level: reload::Handle<LevelFilter, Registry>,
}

/// Makes events messages on standard error, `ringside: MESSAGE`. For commands that are no venue.
pub fn to_terminal() {
    let registry = Registry::default().with(LevelFilter::INFO).with(Events(None));
    // Fails only if this was called before: then events have a place already.
    let _ = tracing::subscriber::set_global_default(registry);
}

/// Starts the log of a venue.
pub fn start(section: &LogSection) -> Result<(), ConfigError> {
    let settings = settings(section)?;
    let (queue, lines) = sync_channel(QUEUE_LINES);
    let next = NextSettings::default();
    let to_take = next.clone();
    let thread = std::thread::Builder::new().name("log".into());
    thread
        .spawn(move || writer::run(&lines, settings, to_take))
        .map_err(|error| ConfigError(format!("cannot start the thread of the log: {error}")))?;
    let (level, handle) = reload::Layer::new(level(section)?);
    let events = Events(Some(queue.clone()));
    let registry = Registry::default().with(level).with(events);
    if tracing::subscriber::set_global_default(registry).is_ok() {
        let _ = LOG.set(Log { queue, next, level: handle });
    }
    IN_FILE.store(section.is_in_file(), Ordering::Relaxed);
    Ok(())
}

/// Takes other settings, and opens the file of the log again. After an error the old settings stay.
pub fn change(section: &LogSection) -> Result<(), ConfigError> {
    let Some(log) = LOG.get() else { return Ok(()) };
    let (settings, level) = (settings(section)?, level(section)?);
    log.next.replace(settings);
    IN_FILE.store(section.is_in_file(), Ordering::Relaxed);
    log.level.modify(|filter| *filter = level).map_err(|error| ConfigError(error.to_string()))
}

/// Waits until all lines are written, at most a second.
pub fn finish() {
    let Some(log) = LOG.get() else { return };
    let deadline = Instant::now() + FINISH_MAX;
    let (done, written) = sync_channel(1);
    let mut message = Message::Finish(done);
    while let Err(refused) = log.queue.try_send(message) {
        let TrySendError::Full(back) = refused else { return };
        if Instant::now() >= deadline {
            return;
        }
        message = back;
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
}

/// Reports why the process ends, in the log of a venue or on standard error.
pub fn stopped(why: &str) {
    if LOG.get().is_some() {
        tracing::error!(event = STOPPED, "{why}");
    } else {
        tell(format_args!("{why}"));
    }
}

fn settings(section: &LogSection) -> Result<Settings, ConfigError> {
    let target = match section.is_in_file() {
        false => Target::standard_error(),
        true => {
            let failed = |error| {
                ConfigError(format!("config: log.file: {}: {error}", section.file.display()))
            };
            Target::open(&section.file).map_err(failed)?
        }
    };
    Ok(Settings { format: section.format()?, target })
}

fn level(section: &LogSection) -> Result<LevelFilter, ConfigError> {
    Ok(section.level()?.into())
}

/// Layer that hands events over to the log thread, or prints them if there is no queue.
struct Events(Option<SyncSender<Message>>);

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with("ringside") {
            return;
        }
        let line = Line::new(event);
        let Some(queue) = &self.0 else {
            return tell(format_args!("{}", line.message));
        };
        let end = (line.event == STOPPED && line.level == Level::ERROR).then(|| line.clone());
        if queue.try_send(Message::Line(line)).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(line) = end {
            finish();
            if IN_FILE.load(Ordering::Relaxed) {
                tell(format_args!("{}", line.message));
            }
        }
    }
}
