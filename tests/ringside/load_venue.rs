//! `ringside load` and `ringside client` against `ringside serve`: through a kill, with market
//! data.

use crate::served::{GLIMPSE, ORDERS, REREQUEST};
use ringside_testing::hosts::own_host;
use ringside_testing::patience::wait_until;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const RINGSIDE: &str = env!("CARGO_BIN_EXE_ringside");

/// Ports of the lines at the venue's own host, the same at every start.
const LINES: [u16; 2] = [26410, 26411];

fn config_text(host: Ipv4Addr, dir: &Path) -> String {
    let users = (1..=4).map(|n| format!("[[sessions]]\nuser = \"LOAD0{n}\"\nfirm = \"LD0{n}\"\n"));
    let [a, b] = LINES;
    format!(
        "[journal]\ndir = {:?}\nsegment_bytes = 4194304\nany_filesystem = true\n\
         [gateway]\nlisten = \"{host}:{ORDERS}\"\nadmin = \"127.0.0.1:0\"\n\
         [feed]\na = [\"{host}:{a}\"]\nb = [\"{host}:{b}\"]\n\
         rerequest = \"{host}:{REREQUEST}\"\nglimpse = \"{host}:{GLIMPSE}\"\n\
         [[instruments]]\nsymbol = \"AAPL\"\ntick = \"0.01\"\n{}",
        dir.join("journal"),
        users.collect::<String>()
    )
}

fn feed_flags(host: Ipv4Addr) -> Vec<String> {
    let [a, b] = LINES;
    [("feed-a", a), ("feed-b", b), ("rerequest", REREQUEST), ("glimpse", GLIMPSE)]
        .iter()
        .flat_map(|(flag, port)| [format!("--{flag}"), format!("{host}:{port}")])
        .collect()
}

/// A venue that is killed at the end.
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

#[test]
fn a_load_goes_through_a_kill_of_the_venue() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host(&[ORDERS]);
    let orders = format!("{host}:{ORDERS}");
    let config = dir.path().join("venue.toml");
    std::fs::write(&config, config_text(host, dir.path())).unwrap();
    let venue = Venue::start(&config);
    wait_until("the venue listens", || TcpStream::connect((host, ORDERS)).is_ok());

    let mut load = Command::new(RINGSIDE)
        .args(["load", "--address", &orders, "--symbols", "AAPL"])
        .args(["--rate", "2000", "--seconds", "4", "--warmup-seconds", "0.2", "--json", "--out"])
        .arg(dir.path().join("out"))
        .args(feed_flags(host))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The venue is killed when most of the flow is sent: the load prints its progress once a
    // second.
    const OPENING: u64 = 10_000;
    let mut lines = BufReader::new(load.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut before = String::new();
    let sent = lines.find(|line| {
        before += &format!("{line}\n");
        let requests =
            line.strip_prefix("ringside: ").and_then(|line| line.split_once(" requests"));
        let sent = requests.and_then(|(sent, _)| sent.replace(',', "").parse::<u64>().ok());
        sent.is_some_and(|sent| sent > OPENING + 3_000)
    });
    assert!(sent.is_some(), "{before}");
    drop(venue);
    let _venue = Venue::start(&config);
    let said = before.clone() + &lines.collect::<Vec<_>>().join("\n");
    let output = load.wait_with_output().unwrap();
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
        .args(["client", "--address", &orders])
        .args(["--user", "LOAD01", "--from", "0"])
        .args(feed_flags(host))
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
