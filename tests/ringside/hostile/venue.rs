//! A venue as a process of its own, and a session that trades on it while others misbehave.

use crate::hostile::client::{Client, PATIENCE, cancel, enter, request};
use ringside_testing::cores::CoreWaits;
use ringside_testing::folders::memory_folder;
use ringside_testing::garbage::packet_of;
use ringside_wire::soupbintcp::packet;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest time that the trading session waits for an answer, apart from the time that the threads
/// of the venue wait for a core.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Smallest number of orders that the trading session enters and cancels.
const ORDERS_MIN: u32 = 30;
/// Number of slots of the rings, and number of places for orders.
const TABLES: u32 = 4 << 10;

pub struct Venue {
    process: Child,
    /// Output so far, with the lines before it was ready.
    said: Arc<Mutex<String>>,
    /// Socket of a market data listener.
    pub line: UdpSocket,
    next_id: AtomicU32,
    _dir: TempDir,
}

/// Differences of a venue from the usual config.
#[derive(Default)]
pub struct Setup {
    /// Lines of the section `[journal]`.
    pub journal: &'static str,
    /// Lines of the section `[gateway]`.
    pub gateway: &'static str,
    /// Tables of sessions, `[[sessions]]`.
    pub sessions: String,
    /// Largest number of files that it may have open.
    pub files_max: Option<u32>,
}

impl Venue {
    pub fn start(setup: Setup) -> Venue {
        let dir = memory_folder();
        let line = UdpSocket::bind("127.0.0.1:0").unwrap();
        let config = dir.path().join("serve.toml");
        std::fs::write(&config, config_text(&setup, &line)).unwrap();
        let limit = setup.files_max.map_or(String::new(), |files| format!("ulimit -n {files}; "));
        let mut process = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$@\""), "sh"])
            .arg(env!("CARGO_BIN_EXE_ringside"))
            .args(["serve", "--idle", "backoff", "--config"])
            .arg(&config)
            .arg("--journal")
            .arg(dir.path().join("journal"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut begin = String::new();
        while !begin.ends_with("ready\n") {
            assert!(stderr.read_line(&mut begin).unwrap() > 0, "it ended: {begin}");
        }
        let said = Arc::new(Mutex::new(begin));
        let hears = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                hears.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let next_id = AtomicU32::new(1);
        let venue = Venue { process, said, line, next_id, _dir: dir };
        // Enough orders to touch every ring and every table, so that only new memory counts later.
        let last = venue.flood("WARM01", |sent| sent >= 2 * TABLES);
        // The last requests may still be in queues, and with them the beginning of the day.
        Client::login(venue.orders(), "WARM01", 0).expect_answer(b'C', last);
        venue
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Returns the number of lines that are not about a connection.
    pub fn remarks(&self) -> usize {
        const OF_CONNECTIONS: [&str; 6] = [
            "login",
            "login_refused",
            "disconnected",
            "connection_refused",
            "glimpse_refused",
            "accept_failed",
        ];
        let event = |line: &str| line.split(['[', ' ', ']']).nth(3).unwrap_or_default().to_string();
        let said = self.said();
        said.lines().filter(|line| !OF_CONNECTIONS.contains(&event(line).as_str())).count()
    }

    pub fn orders(&self) -> SocketAddr {
        self.address("orders (SoupBinTCP")
    }

    pub fn operator(&self) -> SocketAddr {
        self.address("operator (lines")
    }

    pub fn glimpse(&self) -> SocketAddr {
        self.address("market data, the book")
    }

    pub fn rerequest(&self) -> SocketAddr {
        self.address("market data, lost messages")
    }

    /// Runs `hostile` while a session trades. Each request of the session must be answered in time,
    /// and the process may hold at most `mib_max` MiB more memory at the end.
    pub fn endures<T>(&self, mib_max: u64, hostile: impl FnOnce() -> T) -> T {
        let before = self.memory_mib();
        let stop = AtomicBool::new(false);
        let (done, traded) = std::thread::scope(|scope| {
            let (begins, has_begun) = channel();
            let trader = scope.spawn(|| self.trade(begins, &stop));
            has_begun.recv().expect("the session trades");
            let guard = Stop(&stop);
            let done = hostile();
            drop(guard);
            (done, trader.join().expect("the session trades"))
        });
        let grown = self.memory_mib().saturating_sub(before);
        println!("{traded:?}, {before} MiB and {grown} MiB more");
        assert!(grown <= mib_max, "{grown} MiB more than {before} MiB");
        done
    }

    /// Sends orders and cancels as fast as the venue takes them, until `is_enough` accepts the
    /// number of each, and reads all answers meanwhile. Returns the last order id.
    pub fn flood(&self, user: &str, is_enough: impl Fn(u32) -> bool) -> u32 {
        let mut client = Client::login(self.orders(), user, 1);
        let mut answers = client.socket.try_clone().unwrap();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while answers.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        });
        let mut id = 0;
        while !is_enough(id) {
            let mut requests = vec![];
            for _ in 0..200 {
                id += 1;
                requests.extend(request(&enter(id)));
                requests.extend(request(&cancel(id)));
            }
            client.send(&requests).expect("the venue listens");
        }
        // The venue handles this logout after all requests.
        client.send(&packet_of(packet::LOGOUT, &[])).unwrap();
        reader.join().unwrap();
        id
    }

    /// Sends bytes as an operator; returns all answers.
    pub fn operate(&self, said: &[u8]) -> String {
        let mut operator = TcpStream::connect(self.operator()).unwrap();
        operator.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answers = operator.try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                operator.write_all(said).unwrap();
                operator.shutdown(Shutdown::Write).unwrap();
            });
            let mut answer = String::new();
            answers.read_to_string(&mut answer).unwrap();
            answer
        })
    }

    /// Returns the CPU time of the threads with this name.
    pub fn cpu_time(&self, thread: &str) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let ticks = |path: std::path::PathBuf| {
            let stat = std::fs::read_to_string(path.join("stat")).unwrap();
            let (name, fields) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let used = |at: usize| fields[at].parse::<u64>().unwrap();
            (name == thread).then(|| used(11) + used(12))
        };
        let used: Vec<u64> = tasks.filter_map(|task| ticks(task.unwrap().path())).collect();
        assert!(!used.is_empty(), "a thread {thread}");
        Duration::from_millis(used.iter().sum::<u64>() * 10)
    }

    /// Begins to count the time that its threads wait for a core.
    pub fn core_waits(&self) -> CoreWaits {
        CoreWaits::begin(self.process.id())
    }

    /// Returns the number of mapped files whose names end in `suffix`.
    pub fn mapped(&self, suffix: &str) -> usize {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.process.id())).unwrap();
        let names = maps.lines().filter_map(|line| line.split_whitespace().last());
        names.filter(|name| name.ends_with(suffix)).collect::<BTreeSet<_>>().len()
    }

    /// Sets the limit of open files, if the venue was started with the limit of this process.
    pub fn limit_files(&self, current: Option<u64>) {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let pid = Some(Pid::from_child(&self.process));
        prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).unwrap();
    }

    /// Ends the venue with SIGTERM; it must still be running.
    pub fn stop(mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "it ended: {}", self.said());
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success(), "{}", self.said());
    }

    /// Returns the anonymous memory: the kernel may take back pages of the journal and the streams.
    fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a process");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Trades until `stop` is set. Sends on `begins` after the first answer.
    fn trade(&self, begins: Sender<()>, stop: &AtomicBool) -> Traded {
        let mut client = Client::login(self.orders(), "GOOD01", 0);
        let mut traded = Traded { orders: 0, slowest: Duration::ZERO };
        while !stop.load(Ordering::Relaxed) || traded.orders < ORDERS_MIN {
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            for (request, answer) in [(request(&enter(id)), b'A'), (request(&cancel(id)), b'C')] {
                let (waits, asked) = (self.core_waits(), Instant::now());
                client.send(&request).expect("the venue listens");
                client.expect_answer(answer, id);
                let took = asked.elapsed();
                traded.slowest = traded.slowest.max(took);
                assert!(took < ANSWER_MAX || took < waits.bound(ANSWER_MAX), "{took:?}");
            }
            let _ = begins.send(());
            traded.orders += 1;
            if traded.orders.is_multiple_of(8) {
                // The pause leaves most of the machine to the other clients.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        client.send(&packet_of(packet::LOGOUT, &[])).unwrap();
        assert!(client.is_ended());
        traded
    }

    fn address(&self, what: &str) -> SocketAddr {
        let said = self.said();
        let line = said.lines().find(|line| line.contains(what)).expect(what);
        let (_, text) = line.split_once("ringside: ").unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
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

/// Results of the trading session.
#[derive(Debug)]
struct Traded {
    orders: u32,
    slowest: Duration,
}

/// Guard that ends the other clients, also when the test fails.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn config_text(setup: &Setup, line: &UdpSocket) -> String {
    let Setup { journal, gateway, sessions, .. } = setup;
    let line = line.local_addr().unwrap();
    format!(
        r#"
        snapshots.max_restart_seconds = 0
        [pipeline]
        ring_slots = {TABLES}
        report_slots = {TABLES}
        [engine]
        orders = {TABLES}
        [journal]
        any_filesystem = true
        {journal}
        [gateway]
        listen = "127.0.0.1:0"
        admin = "127.0.0.1:0"
        logins_per_second = 1000000
        {gateway}
        [feed]
        a = ["{line}"]
        b = []
        rerequest = "127.0.0.1:0"
        glimpse = "127.0.0.1:0"
        [[instruments]]
        symbol = "AAPL"
        tick = "0.01"
        [[sessions]]
        user = "GOOD01"
        firm = "GOOD"
        [[sessions]]
        user = "WARM01"
        firm = "WARM"
        {sessions}"#
    )
}

/// Returns the tables of `count` users `U00000` ….
pub fn users(count: u32) -> String {
    let session = |number| format!("[[sessions]]\nuser = \"{}\"\nfirm = \"EVIL\"\n", user(number));
    (0..count).map(session).collect()
}

pub fn user(number: u32) -> String {
    format!("U{number:05}")
}
