//! A venue from the side of its users: the program `ringside serve` in a folder of its own, and its
//! clients.

#![allow(dead_code, reason = "each test file uses another part")]

pub mod checks;
pub mod client;
pub mod journal;
pub mod life;
pub mod listener;
pub mod operator;
pub mod orders;

use ringside_testing::cores::CoreWaits;
use ringside_testing::folders::memory_folder;
use ringside_testing::hosts::own_host;
pub use ringside_testing::patience::PATIENCE;
use ringside_testing::patience::{wait_for, wait_until};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// A folder and an address of this machine for one venue alone. The venue therefore has the same
/// ports at every start, and nobody takes one of them while it is down.
pub struct Place {
    dir: TempDir,
    host: Ipv4Addr,
    /// Network namespace of the address, if it is another one.
    namespace: Option<String>,
    /// Umask of the program, if it is another one than that of the tests.
    umask: Option<String>,
    settings: BTreeMap<String, String>,
}

impl Place {
    /// Returns an unused place in memory.
    pub fn new() -> Place {
        Place::at_host(memory_folder(), own_host(&[ORDERS]), None)
    }

    /// Returns a place on the disk of temporary files, where a sync takes time.
    pub fn on_disk() -> Place {
        Place::at_host(tempfile::tempdir().unwrap(), own_host(&[ORDERS]), None)
    }

    /// Returns a place in the network namespace with this address.
    pub fn in_namespace(namespace: &str, host: Ipv4Addr) -> Place {
        let mut place = Place::at_host(memory_folder(), host, Some(namespace.into()));
        // The operator port has no password.
        place.set("GATEWAY__ADMIN", &format!("127.0.0.1:{OPERATOR}"));
        place
    }

    fn at_host(dir: TempDir, host: Ipv4Addr, namespace: Option<String>) -> Place {
        let mut place = Place { dir, host, namespace, umask: None, settings: BTreeMap::new() };
        for (key, port) in [
            ("GATEWAY__LISTEN", ORDERS),
            ("GATEWAY__ADMIN", OPERATOR),
            ("FEED__REREQUEST", REREQUEST),
            ("FEED__GLIMPSE", GLIMPSE),
        ] {
            let address = place.at(port).to_string();
            place.set(key, &address);
        }
        // A killed process loses no synced bytes, whatever file system the temporary folder is on.
        place.set("JOURNAL__ANY_FILESYSTEM", "true");
        place.set("PIPELINE__IDLE", "backoff");
        place
    }

    /// Sets a value of the config by its name in the environment, without the prefix.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(format!("RINGSIDE__{key}"), value.into());
    }

    /// Sets a variable in the environment of the program.
    pub fn set_in_environment(&mut self, name: &str, value: &str) {
        self.settings.insert(name.into(), value.into());
    }

    /// Sets the umask of the program.
    pub fn set_umask(&mut self, umask: &str) {
        self.umask = Some(umask.into());
    }

    /// Returns the folder of the journal.
    pub fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// Returns the path of a file beside the journal.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns an address of the venue.
    pub fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::from((self.host, port))
    }

    /// Returns the program with its config.
    pub fn command(&self, words: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_ringside");
        let mut command = match (&self.namespace, &self.umask) {
            (None, None) => Command::new(program),
            (None, Some(umask)) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("umask {umask}; exec \"$0\" \"$@\"")).arg(program);
                command
            }
            (Some(namespace), _) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, program]);
                command
            }
        };
        command.args(words).arg("--journal").arg(self.journal()).envs(&self.settings);
        command
    }

    /// Runs the program; returns its output and exit status.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Starts a venue and waits until it is ready.
    pub fn start(&self) -> Venue {
        self.start_with("ringside: ready\n")
    }

    /// Starts a venue and waits until it has printed a text.
    pub fn start_with(&self, what: &str) -> Venue {
        let venue = Venue::spawn(self);
        assert!(venue.says(what), "it ended: {}", venue.said());
        venue
    }

    /// Returns the files of the streams with their bytes.
    pub fn streams(&self) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.journal()).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
        let streams = files.filter(|path| name(path).starts_with("streams-"));
        streams.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
    }

    /// Deletes the files of the streams, with or without the head file that describes them.
    pub fn delete_streams(&self, with_the_head: bool) {
        for name in self.streams().keys().filter(|name| with_the_head || name.ends_with(".dat")) {
            std::fs::remove_file(self.journal().join(name)).unwrap();
        }
    }
}

/// Port of order entry.
pub const ORDERS: u16 = 26400;
/// Port of the operator.
pub const OPERATOR: u16 = 26401;
/// Port for the other nodes.
pub const NODES: u16 = 26500;
/// Port of re-requests for lost messages.
pub const REREQUEST: u16 = 26412;
/// Port of the snapshot server for the book.
pub const GLIMPSE: u16 = 26413;

/// Reads a number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// A running venue, which ends with the test.
pub struct Venue {
    process: Child,
    said: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
}

impl Venue {
    /// Starts a venue.
    pub fn spawn(place: &Place) -> Venue {
        Venue::spawn_with(place, &["serve"])
    }

    /// Starts a venue with these words.
    pub fn spawn_with(place: &Place, words: &[&str]) -> Venue {
        let mut command = place.command(words);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let said = Arc::<Mutex<String>>::default();
        let writes = Arc::clone(&said);
        let listening = std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                writes.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Venue { process, said, listening: Some(listening) }
    }

    /// Waits until the venue is ready; returns false if it has ended.
    pub fn becomes_ready(&self) -> bool {
        self.says("ringside: ready\n")
    }

    /// Waits until the venue has printed a text; returns false if it has ended.
    pub fn says(&self, what: &str) -> bool {
        wait_for(&format!("it says {what:?}"), || {
            // The order matters: a venue that has ended may have printed the text before.
            let ended = self.listening.as_ref().is_none_or(JoinHandle::is_finished);
            let is_said = self.said().contains(what);
            (ended || is_said).then_some(is_said)
        })
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the output so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Begins to count the time that its threads wait for a core.
    pub fn core_waits(&self) -> CoreWaits {
        CoreWaits::begin(self.process.id())
    }

    /// Runs a short load with a check of every answer.
    pub fn trade(&self, place: &Place) {
        Venue::trade_at(place);
    }

    /// Runs a short load against the venue at a place.
    pub fn trade_at(place: &Place) {
        let out = tempfile::tempdir().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_ringside"));
        let address = place.at(ORDERS).to_string();
        load.args(["load", "--address", &address, "--rate", "2000", "--seconds", "0.3", "--out"]);
        let load = load.arg(out.path()).output().unwrap();
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
    }

    /// Freezes the process: it keeps its connections and does nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        waitpid(Some(Pid::from_child(&self.process)), WaitOptions::UNTRACED).unwrap();
    }

    /// Resumes the process after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends SIGHUP, as a terminal does that goes away.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Sends SIGTERM, and does not wait.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Ends the venue with SIGTERM.
    pub fn stop(self) {
        let (status, said) = self.stops();
        assert!(status.success(), "{said}");
    }

    /// Sends SIGTERM; returns the exit status and the whole output.
    pub fn stops(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the venue to end by itself; returns the exit status and the whole output.
    pub fn ends(mut self) -> (ExitStatus, String) {
        wait_until("the venue ends", || self.process.try_wait().unwrap().is_some());
        self.wait()
    }

    /// Ends the venue with SIGKILL; returns the exit status and the whole output.
    pub fn kill(mut self) -> (ExitStatus, String) {
        let _ = self.process.kill();
        self.wait()
    }

    fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
        (status, self.said())
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
