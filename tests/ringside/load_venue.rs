//! `ringside load` and `ringside client` against `ringside serve`: through a kill, with market data.

use serde_json::Value;
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RINGSIDE: &str = env!("CARGO_BIN_EXE_ringside");

/// Ports that were free a moment ago.
struct Ports {
    orders: u16,
    glimpse: u16,
    lines: [u16; 2],
    rerequest: u16,
}

impl Ports {
    fn free() -> Ports {
        let tcp = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let udp = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [orders, glimpse] = tcp.each_ref().map(|port| port.local_addr().unwrap().port());
        let [a, b, rerequest] = udp.each_ref().map(|port| port.local_addr().unwrap().port());
        Ports { orders, glimpse, lines: [a, b], rerequest }
    }

    fn config(&self, dir: &Path) -> String {
        let Ports { orders, glimpse, lines: [a, b], rerequest } = self;
        let users =
            (1..=4).map(|n| format!("[[sessions]]\nuser = \"LOAD0{n}\"\nfirm = \"LD0{n}\"\n"));
        format!(
            "[journal]\ndir = {:?}\nsegment_bytes = 4194304\nany_filesystem = true\n\
             [gateway]\nlisten = \"127.0.0.1:{orders}\"\nadmin = \"127.0.0.1:0\"\n\
             [feed]\na = [\"127.0.0.1:{a}\"]\nb = [\"127.0.0.1:{b}\"]\n\
             rerequest = \"127.0.0.1:{rerequest}\"\nglimpse = \"127.0.0.1:{glimpse}\"\n\
             [[instruments]]\nsymbol = \"AAPL\"\ntick = \"0.01\"\n{}",
            dir.join("journal"),
            users.collect::<String>()
        )
    }

    fn feed(&self) -> Vec<String> {
        let Ports { glimpse, lines: [a, b], rerequest, .. } = self;
        let here = |flag: &str, port: &u16| [format!("--{flag}"), format!("127.0.0.1:{port}")];
        [("feed-a", a), ("feed-b", b), ("rerequest", rerequest), ("glimpse", glimpse)]
            .iter()
            .flat_map(|(flag, port)| here(flag, port))
            .collect()
    }
}

/// A venue that is killed in the end.
struct Venue(Child);

impl Venue {
    fn start(config: &Path) -> Venue {
        let log = std::fs::File::create(config.with_extension("log")).unwrap();
        let mut serve = Command::new(RINGSIDE);
        serve.args(["serve", "--config"]).arg(config).stdout(Stdio::null()).stderr(log);
        Venue(serve.spawn().unwrap())
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(port: u16) {
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "the venue does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_load_goes_through_a_kill_of_the_venue() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let config = dir.path().join("venue.toml");
    std::fs::write(&config, ports.config(dir.path())).unwrap();
    let venue = Venue::start(&config);
    wait_for(ports.orders);

    let load = Command::new(RINGSIDE)
        .args(["load", "--address", &format!("127.0.0.1:{}", ports.orders), "--symbols", "AAPL"])
        .args(["--rate", "2000", "--seconds", "3", "--warmup-seconds", "0.2", "--json", "--out"])
        .arg(dir.path().join("out"))
        .args(ports.feed())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    drop(venue);
    let _venue = Venue::start(&config);
    let output = load.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = &report["streams"];
    assert_eq!((streams["lost"].as_u64(), streams["doubled"].as_u64()), (Some(0), Some(0)));
    assert_eq!(streams["reconnects"], 4, "{said}");
    let counts = &report["counts"];
    assert_eq!(counts["accepted"], counts["entered"]);
    assert_eq!(report["feed"]["lost"], 0);
    let spans = report["latency_ns"].as_array().unwrap();
    let feed = spans.iter().find(|span| span["name"] == "order to its market data").unwrap();
    assert!(feed["samples"].as_u64().unwrap() > 2_000, "{feed}");
    assert!(dir.path().join("out/feed.hgrm").exists());

    let mut client = Command::new(RINGSIDE)
        .args(["client", "--address", &format!("127.0.0.1:{}", ports.orders)])
        .args(["--user", "LOAD01", "--from", "0"])
        .args(ports.feed())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = "buy 7 AAPL 99999.00\nbuy 7 AAPL 0.01 post\nbook AAPL\nquit\n";
    client.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("executed: "), "{said}");
    assert!(said.contains("| 10") && said.contains("in ") && said.contains("trades"), "{said}");
}
