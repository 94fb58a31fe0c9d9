//! A real etcd with one member, on this machine, with a folder of its own.

pub mod fake;

use crate::hosts::own_host;
use crate::patience::PATIENCE;
use crate::run::skipped;
use ringside_cluster::membership::{Coordinator, Etcd, Record};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs::File;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running etcd, killed on drop.
pub struct EtcdProcess {
    process: Child,
    folder: TempDir,
    client: String,
    peer: String,
}

/// Ports outside the range that the kernel hands out to clients.
const CLIENTS: u16 = 2379;
const PEERS: u16 = 2380;

impl EtcdProcess {
    /// Starts an etcd on this machine; `None` if etcd is not installed, which is printed.
    pub fn start() -> Option<EtcdProcess> {
        EtcdProcess::start_at(own_host(&[CLIENTS, PEERS]))
    }

    /// Starts an etcd on an address of this machine that nobody else uses.
    pub fn start_at(host: Ipv4Addr) -> Option<EtcdProcess> {
        let folder = tempfile::tempdir().unwrap();
        let [client, peer] = [CLIENTS, PEERS].map(|port| format!("{host}:{port}"));
        let process = match launch(&folder, &client, &peer) {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skipped("no etcd");
                return None;
            }
            Err(error) => panic!("etcd: {error}"),
        };
        let mut started = EtcdProcess { process, folder, client, peer };
        assert!(started.answers(), "etcd does not start: {}", started.log());
        Some(started)
    }

    /// Returns the endpoint for clients: `http://host:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.client)
    }

    /// Kills the process, as a crash does. Its folder stays.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the process again after [`kill`](Self::kill), with the same folder and the same
    /// endpoint.
    pub fn restart(&mut self) {
        self.process = launch(&self.folder, &self.client, &self.peer).unwrap();
        assert!(self.answers(), "etcd does not start again: {}", self.log());
    }

    /// Freezes the process: it keeps its connections and answers nothing.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let pid = Some(Pid::from_child(&self.process));
        waitpid(pid, WaitOptions::UNTRACED).unwrap();
    }

    /// Resumes the process after [`stop`](Self::stop).
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let second = Duration::from_secs(1);
        let mut client = Etcd::<Record>::new(vec![self.endpoint()], "/ready".into(), second);
        while client.read().is_err() {
            if self.process.try_wait().unwrap().is_some() || Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for EtcdProcess {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn launch(folder: &TempDir, client: &str, peer: &str) -> std::io::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.path().join("log"))?;
    let (client, peer) = (format!("http://{client}"), format!("http://{peer}"));
    Command::new("etcd")
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .args(["--logger", "zap", "--log-level", "error"])
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}
