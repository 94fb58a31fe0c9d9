//! The log thread: the only one that waits for the place where the lines go.

use super::DROPPED;
use super::event::Line;
use super::format::LogFormat;
use super::limit::Limit;
use super::output::{Target, write_all};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};
use tracing::Level;

/// Item of the queue of the log thread.
pub(super) enum Message {
    Line(Line),
    Settings(Settings),
    /// Answered when everything before it is written.
    Finish(SyncSender<()>),
}

/// Format and destination of the lines.
pub(super) struct Settings {
    pub format: LogFormat,
    pub target: Target,
}

/// Interval at which lines that were left out are told.
const TICK: Duration = Duration::from_millis(250);

/// Writes lines until nobody can send any.
pub(super) fn run(queue: &Receiver<Message>, settings: Settings) {
    let (mut writer, mut limit) = (Writer { settings, is_torn: false }, Limit::default());
    let mut next_tick = Instant::now() + TICK;
    loop {
        let message = queue.recv_timeout(next_tick.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        if now >= next_tick {
            limit.expire(now).iter().for_each(|line| writer.write(line));
            writer.tell_dropped();
            next_tick = Instant::now() + TICK;
        }
        match message {
            Ok(Message::Line(line)) if limit.admits(&line, now) => writer.write(&line),
            Ok(Message::Line(_)) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::Settings(settings)) => writer.settings = settings,
            Ok(Message::Finish(done)) => {
                writer.tell_dropped();
                let _ = done.try_send(());
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

struct Writer {
    settings: Settings,
    /// True if the last line was cut: the next one begins behind the end of a line.
    is_torn: bool,
}

impl Writer {
    /// Writes a line. A line that does not fit is counted.
    fn write(&mut self, line: &Line) {
        if !(self.tell_dropped() && self.put(line)) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes how many lines were dropped, if any were. Returns false if that does not fit, either.
    fn tell_dropped(&mut self) -> bool {
        let count = DROPPED.swap(0, Ordering::Relaxed);
        if count == 0 {
            return true;
        }
        let told = Line {
            message: format!("{count} lines dropped"),
            fields: vec![("lines", count.into())],
            ..Line::bare(SystemTime::now(), Level::WARN, "lines_dropped")
        };
        let fits = self.put(&told);
        if !fits {
            DROPPED.fetch_add(count, Ordering::Relaxed);
        }
        fits
    }

    /// Writes the text of a line. Returns false if it does not fit.
    fn put(&mut self, line: &Line) -> bool {
        let mut text = self.settings.format.line(line);
        if self.is_torn {
            text.insert(0, '\n');
        }
        let written = write_all(&mut self.settings.target, text.as_bytes());
        let fits = written == text.len();
        self.is_torn = !fits && (self.is_torn || written > 0);
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::File;
    use super::*;
    use std::path::Path;

    fn line(message: &str) -> Line {
        let message = message.into();
        Line { message, ..Line::bare(SystemTime::UNIX_EPOCH, Level::INFO, "test") }
    }

    fn settings(path: &Path) -> Settings {
        let target = Target::File(File::open(path).unwrap());
        Settings { format: LogFormat::Text, target }
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_the_count_is_told() {
        let mut writer = Writer { settings: settings(Path::new("/dev/full")), is_torn: false };
        (0..3).for_each(|_| writer.write(&line("lost")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        writer.settings = settings(&path);
        ["one", "two"].into_iter().for_each(|text| writer.write(&line(text)));
        let text = std::fs::read_to_string(path).unwrap();
        let messages: Vec<&str> =
            text.lines().map(|line| line.split_once("ringside: ").unwrap().1).collect();
        assert_eq!(messages, ["3 lines dropped", "one", "two"]);
        assert!(text.contains(" WARN [lines_dropped lines=3] "), "{text}");
    }

    #[test]
    fn a_line_begins_behind_one_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "a line that was c").unwrap();
        let mut writer = Writer { settings: settings(&path), is_torn: true };
        writer.write(&line("whole"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().nth(1).unwrap().ends_with("ringside: whole"), "{text}");
    }
}
