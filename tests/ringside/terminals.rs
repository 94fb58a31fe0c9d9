//! Standard output and standard error that are closed, full, slow or without a reader: no command
//! panics, none is ended by a signal, and none that could not write its data says that it is done.

use crate::served::{ORDERS, PATIENCE, Place, Venue};
use ringside_testing::patience::wait_until;
use rustix::fs::inotify;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

const SESSION: &str = r#"{"op":"symbol","symbol":"AAPL","tick":"0.01","lot":1,"ts":1772461800000000000}
{"op":"enter","session":"A","id":1,"symbol":"AAPL","side":"buy","qty":100,"price":"1.00","ts":1772461800000000000}
{"op":"enter","session":"B","id":1,"symbol":"AAPL","side":"sell","qty":40,"price":"1.00","ts":1772461800000000000}
"#;

/// Every command but `serve`: its words, and whether it prints data.
const COMMANDS: &[(&str, bool)] = &[
    ("exec SESSION", true),
    ("exec --quiet SESSION", false),
    ("cluster status", false),
    ("handover b", false),
    ("symbols", false),
    ("move-symbol AAPL 1", false),
    ("password PASSWORDS USER00", false),
    ("bench --commands 2000 --warmup 200 --out OUT", true),
    ("client --address NOBODY --user A --password A", false),
    ("load --address NOBODY --seconds 0.1 --out OUT", false),
    ("replay --journal JOURNAL", true),
    ("replay --reports --json --journal JOURNAL", true),
    ("journal info --journal JOURNAL", true),
    ("journal verify --journal JOURNAL", true),
    ("journal dump --journal JOURNAL", true),
    ("journal diff JOURNAL JOURNAL", true),
    ("journal export --journal JOURNAL", true),
    ("snapshot --journal JOURNAL", true),
    ("snapshot --list --journal JOURNAL", true),
    ("book AAPL --journal JOURNAL", true),
    ("report 2026-03-02 --out TRADES --journal JOURNAL", true),
    ("explain 3 --journal JOURNAL", true),
    ("config check", true),
    ("config print", true),
    ("completions bash", true),
    ("--help", true),
    ("--version", true),
    ("no-such-command", false),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The descriptor is closed, as by `>&-`.
    Closed,
    /// Nobody reads the pipe.
    Deaf,
    /// The device has no space.
    Full,
}

const ENDS: [End; 3] = [End::Closed, End::Deaf, End::Full];

impl End {
    fn open(self) -> Stdio {
        match self {
            // The shell closes it.
            End::Closed => Stdio::null(),
            End::Deaf => pipe().unwrap().1.into(),
            End::Full => full().into(),
        }
    }
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// Returns a command of which the shell closes these descriptors.
fn closing(descriptors: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {descriptors}")]);
    command.arg(env!("CARGO_BIN_EXE_ringside"));
    command
}

struct Folder(tempfile::TempDir);

impl Folder {
    /// Returns a folder with a journal.
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("SESSION"), SESSION).unwrap();
        let made = folder.run("exec SESSION --journal JOURNAL", None, None);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, words: &str, out: Option<End>, error: Option<End>) -> Output {
        let mut closed = String::new();
        if out == Some(End::Closed) {
            closed += " >&-";
        }
        if error == Some(End::Closed) {
            closed += " 2>&-";
        }
        let mut command = closing(&closed);
        // Nobody listens there.
        command.args(words.replace("NOBODY", "127.0.0.1:1").split(' ')).current_dir(self.path());
        command.env("RINGSIDE__JOURNAL__ANY_FILESYSTEM", "true").stdin(Stdio::null());
        command.env("RINGSIDE__JOURNAL__SEGMENT_BYTES", "65536");
        command.stdout(out.map_or_else(Stdio::piped, End::open));
        command.stderr(error.map_or_else(Stdio::piped, End::open));
        command.output().unwrap()
    }
}

#[test]
fn a_limit_of_the_size_of_files_is_an_error_as_a_full_disk_is() {
    let folder = Folder::new();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\" >reports"]);
    command.args([env!("CARGO_BIN_EXE_ringside"), "journal", "dump", "--journal", "JOURNAL"]);
    let output = command.current_dir(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("File too large"), "{told}");
    assert!(folder.path().join("reports").metadata().unwrap().len() <= 1024);
}

#[test]
fn the_table_has_every_command() {
    let help = Folder::new().run("--help", None, None);
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed: BTreeSet<&str> = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !matches!(*name, "" | "help" | "serve"))
        .collect();
    let table: BTreeSet<&str> =
        COMMANDS.iter().filter_map(|(words, _)| words.split(' ').next()).collect();
    let missing: Vec<_> = listed.difference(&table).collect();
    assert!(listed.len() > 10 && missing.is_empty(), "{missing:?}");
}

#[test]
fn every_command_bears_a_standard_error_that_takes_nothing() {
    let folder = Folder::new();
    for (words, _) in COMMANDS {
        let usual = folder.run(words, None, None);
        for end in ENDS {
            let output = folder.run(words, None, Some(end));
            assert_eq!(output.status.code(), usual.status.code(), "{words}, {end:?}: {output:?}");
            assert_eq!(output.stdout.is_empty(), usual.stdout.is_empty(), "{words}, {end:?}");
        }
    }
}

#[test]
fn every_command_bears_a_standard_output_that_takes_nothing() {
    let folder = Folder::new();
    for &(words, prints) in COMMANDS {
        let usual = folder.run(words, None, None);
        assert_eq!(!usual.stdout.is_empty(), prints, "{words}: {usual:?}");
        assert!(!prints || usual.status.success(), "{words}: {usual:?}");
        for end in ENDS {
            let output = folder.run(words, Some(end), None);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("panicked"), "{words}, {end:?}: {said}");
            let fails = end == End::Full && prints;
            let wanted = if fails { Some(1) } else { usual.status.code() };
            assert_eq!(output.status.code(), wanted, "{words}, {end:?}: {output:?}");
            assert_eq!(fails, said.contains("standard output"), "{words}, {end:?}: {said}");
        }
    }
}

/// Starts a venue with another standard error, and waits until clients can connect.
fn serve(place: &Place, closed: &str, error: Stdio) -> Child {
    let usual = place.command(&["serve"]);
    let mut command = closing(closed);
    command.args(usual.get_args()).stdout(Stdio::null()).stderr(error);
    for (key, value) in usual.get_envs() {
        command.env(key, value.unwrap());
    }
    let venue = command.spawn().unwrap();
    wait_until("it listens", || TcpStream::connect(place.at(ORDERS)).is_ok());
    venue
}

fn trades_and_ends(place: &Place, mut venue: Child, what: &str) {
    Venue::trade_at(place);
    kill_process(Pid::from_child(&venue), Signal::TERM).unwrap();
    let began = Instant::now();
    let status = venue.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{what}");
    assert!(began.elapsed() < PATIENCE, "{what}");
}

#[test]
fn a_venue_bears_a_standard_error_that_takes_nothing() {
    for end in ENDS {
        let place = Place::new();
        let closed = if end == End::Closed { "2>&-" } else { "" };
        let venue = serve(&place, closed, end.open());
        trades_and_ends(&place, venue, &format!("{end:?}"));
    }
}

#[test]
fn a_venue_that_starts_bears_a_terminal_that_goes_away() {
    let place = Place::new();
    let config = place.file("config.toml");
    // Long, so that the signal comes while the venue reads the file.
    std::fs::write(&config, "# A comment.\n".repeat(1 << 20)).unwrap();
    let opened = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&opened, &config, inotify::WatchFlags::OPEN).unwrap();
    let mut command = place.command(&["serve", "--config", config.to_str().unwrap()]);
    let venue = command.stderr(Stdio::null()).spawn().unwrap();
    rustix::io::read(&opened, &mut [0; 64]).unwrap();
    kill_process(Pid::from_child(&venue), Signal::HUP).unwrap();
    wait_until("it listens", || TcpStream::connect(place.at(ORDERS)).is_ok());
    trades_and_ends(&place, venue, "a terminal that goes away");
}

/// Returns a pipe that takes no more bytes, and their number.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut count = 0;
    while let Ok(bytes) = writer.write(&[b'.'; 1024]) {
        count += bytes;
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer, count)
}

#[test]
fn a_venue_does_not_wait_for_who_reads_its_log() {
    let place = Place::new();
    let (_reader, writer, _) = full_pipe();
    let venue = serve(&place, "", writer.into());
    trades_and_ends(&place, venue, "a full pipe");
}

#[test]
fn a_slow_reader_of_the_log_gets_every_line_that_fits() {
    let place = Place::new();
    let (mut reader, writer, bytes) = full_pipe();
    let mut venue = serve(&place, "", writer.into());
    reader.read_exact(&mut vec![0; bytes]).unwrap();
    kill_process(Pid::from_child(&venue), Signal::TERM).unwrap();
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(venue.wait().unwrap().code(), Some(0));
    assert!(said.contains("[ready] ringside: ready\n"), "{said}");
    assert!(said.contains("[ended "), "{said}");
}
