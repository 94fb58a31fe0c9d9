//! The log thread: the only one that waits for the place where the lines go.

use super::DROPPED;
use super::event::Line;
use super::format::LogFormat;
use super::limit::Limit;
use super::output::Target;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tracing::Level;

/// Item of the queue of the log thread.
pub(super) enum Message {
    Line(Line),
    /// Answered when everything before it is written.
    Finish(SyncSender<()>),
}

/// Format and destination of the lines.
pub(super) struct Settings {
    pub format: LogFormat,
    pub target: Target,
}

/// Settings that the log thread takes as soon as it sees them. They do not wait in the queue, which
/// the reader of a pipe may hold up.
#[derive(Clone, Default)]
pub(super) struct NextSettings(Arc<Mutex<Option<Settings>>>);

impl NextSettings {
    /// Sets the next settings, in place of those that were not taken.
    pub(super) fn replace(&self, settings: Settings) {
        *self.slot() = Some(settings);
    }

    fn slot(&self) -> MutexGuard<'_, Option<Settings>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Interval at which lines that were left out are told.
const TICK: Duration = Duration::from_millis(250);

/// Writes lines until nobody can send any.
pub(super) fn run(queue: &Receiver<Message>, settings: Settings, next: NextSettings) {
    let (mut writer, mut limit) = (Writer { settings, next }, Limit::default());
    let mut next_tick = Instant::now() + TICK;
    loop {
        let message = queue.recv_timeout(next_tick.saturating_duration_since(Instant::now()));
        writer.take_next();
        let now = Instant::now();
        if now >= next_tick {
            limit.expire(now).iter().for_each(|line| writer.write(line));
            writer.tell_dropped();
            next_tick = Instant::now() + TICK;
        }
        match message {
            Ok(Message::Line(line)) if limit.admits(&line, now) => writer.write(&line),
            Ok(Message::Line(_)) | Err(RecvTimeoutError::Timeout) => {}
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
    next: NextSettings,
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

    /// Writes the text of a line. Returns false if it does not fit. A line that waits while other
    /// settings come goes to their target.
    fn put(&mut self, line: &Line) -> bool {
        loop {
            let Writer { settings, next } = self;
            let text = settings.format.line(line);
            let fits = settings.target.write_line(&text, || next.slot().is_some());
            if fits || !self.take_next() {
                return fits;
            }
        }
    }

    /// Takes the next settings. Returns false if there are none.
    fn take_next(&mut self) -> bool {
        let next = self.next.slot().take();
        next.map(|settings| self.settings = settings).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
    use std::fs::{read_to_string, write};
    use std::path::Path;
    use std::sync::mpsc::sync_channel;

    /// Held by each test: the count of dropped lines is that of the process.
    static COUNT: Mutex<()> = Mutex::new(());

    fn line(message: &str) -> Line {
        let message = message.into();
        Line { message, ..Line::bare(SystemTime::UNIX_EPOCH, Level::INFO, "test") }
    }

    fn settings(path: &Path) -> Settings {
        Settings { format: LogFormat::Text, target: Target::open(path).unwrap() }
    }

    fn writer(path: &Path) -> Writer {
        Writer { settings: settings(path), next: NextSettings::default() }
    }

    fn messages(path: &Path) -> Vec<String> {
        let text = read_to_string(path).unwrap();
        text.lines().map(|line| line.split_once("ringside: ").unwrap().1.into()).collect()
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_the_count_is_told() {
        let _count = COUNT.lock();
        let mut writer = writer(Path::new("/dev/full"));
        (0..3).for_each(|_| writer.write(&line("lost")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        writer.settings = settings(&path);
        ["one", "two"].into_iter().for_each(|text| writer.write(&line(text)));
        assert_eq!(messages(&path), ["3 lines dropped", "one", "two"]);
        let text = read_to_string(path).unwrap();
        assert!(text.contains(" WARN [lines_dropped lines=3] "), "{text}");
    }

    #[test]
    fn the_first_line_in_a_file_begins_behind_one_that_was_cut() {
        let _count = COUNT.lock();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut lines = vec![];
        for before in ["", "whole\n", "cut"] {
            write(&path, before).unwrap();
            writer(&path).write(&line("next"));
            lines.push(read_to_string(&path).unwrap().lines().count());
        }
        assert_eq!(lines, [1, 2, 2]);
    }

    /// Creates a pipe that takes no more bytes. Returns a descriptor that keeps the pipe.
    fn full_pipe(path: &Path) -> rustix::fd::OwnedFd {
        mkfifoat(CWD, path, Mode::RWXU).unwrap();
        let pipe = open(path, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty()).unwrap();
        while rustix::io::write(&pipe, &[b'.'; 4096]).is_ok() {}
        pipe
    }

    #[test]
    fn other_settings_do_not_wait_for_the_reader_of_a_pipe() {
        let _count = COUNT.lock();
        let folder = tempfile::tempdir().unwrap();
        let (pipe, path) = (folder.path().join("pipe"), folder.path().join("log"));
        let _pipe = full_pipe(&pipe);
        let (queue, lines) = sync_channel(3);
        let (next, old) = (NextSettings::default(), settings(&pipe));
        let to_take = next.clone();
        std::thread::spawn(move || run(&lines, old, to_take));
        for text in ["one", "two"] {
            queue.send(Message::Line(line(text))).unwrap();
        }
        // The first line most likely waits now.
        std::thread::sleep(Duration::from_millis(50));
        next.replace(settings(&path));
        let (done, written) = sync_channel(1);
        queue.send(Message::Finish(done)).unwrap();
        written.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(messages(&path), ["one", "two"]);
    }

    #[test]
    fn a_line_that_was_cut_is_no_matter_of_another_file() {
        let _count = COUNT.lock();
        let folder = tempfile::tempdir().unwrap();
        let (cut, path) = (folder.path().join("cut"), folder.path().join("log"));
        write(&cut, "cut").unwrap();
        let mut writer = writer(&cut);
        writer.next.replace(settings(&path));
        writer.take_next();
        writer.write(&line("first"));
        let text = read_to_string(&path).unwrap();
        assert!(!text.starts_with('\n'), "{text}");
    }
}
