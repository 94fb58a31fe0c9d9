//! A network for each node: namespaces of the kernel, joined by a bridge, with cuts by nftables.

use ringside_testing::run::skipped;
use ringside_testing::turn::Turn;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Networks of a test, removed on drop.
pub struct Net {
    /// Prefix of all names of this test's networks.
    tag: String,
    subnet: [u8; 3],
    nodes: usize,
    _turn: Turn,
}

/// Prefix of the names of all tests' networks; the number of the process follows.
const PREFIX: &str = "rs";

impl Net {
    /// Makes networks for this number of nodes; `None` if this process may not make any or cannot
    /// cut them, which is printed.
    pub fn new(nodes: usize) -> Option<Net> {
        if !rustix::process::geteuid().is_root() {
            skipped("no networks, because this is not root");
            return None;
        }
        for (program, words) in [("ip", ["netns", "list"]), ("nft", ["list", "ruleset"])] {
            let tried = Command::new(program).args(words).output();
            if !tried.is_ok_and(|output| output.status.success()) {
                skipped(format!("no networks, because `{program}` does not work here"));
                return None;
            }
        }
        // One at a time: two processes may get the same subnet, and each removes the networks that
        // others left behind.
        let turn = Turn::take("networks");
        sweep();
        let pid = std::process::id();
        let [_, _, high, low] = pid.to_be_bytes();
        let subnet = [10, 200 + high % 50, low];
        let net = Net { tag: format!("{PREFIX}{pid}"), subnet, nodes, _turn: turn };
        net.make();
        Some(net)
    }

    /// Returns the namespace of a node.
    pub fn namespace(&self, node: usize) -> String {
        format!("{}-{node}", self.tag)
    }

    /// Returns the address of a node.
    pub fn host(&self, node: usize) -> Ipv4Addr {
        self.address(node as u8 + 2)
    }

    /// Returns the address of this process, as all nodes see it.
    pub fn here(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// Returns an address for an etcd, which nodes can be cut off from separately.
    pub fn etcd(&self) -> Ipv4Addr {
        self.address(254)
    }

    /// Cuts a node off: packets from the addresses `from` and to the addresses `to` are dropped
    /// until [`heal`](Self::heal).
    pub fn cut(&self, node: usize, from: &[Ipv4Addr], to: &[Ipv4Addr]) {
        let list = |which: &str, hosts: &[Ipv4Addr]| -> String {
            hosts.iter().map(|host| format!("ip {which} {host} drop\n")).collect()
        };
        let table = format!(
            "table ip cut {{\n\
             chain in {{ type filter hook input priority 0;\n{}}}\n\
             chain out {{ type filter hook output priority 0;\n{}}}\n}}\n",
            list("saddr", from),
            list("daddr", to)
        );
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.namespace(node), "nft", "-f", "-"]);
        let mut nft = nft.stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "{table}");
    }

    /// Ends the cuts of a node.
    pub fn heal(&self, node: usize) {
        ip(&format!("netns exec {} nft delete table ip cut", self.namespace(node)));
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last)
    }

    fn make(&self) {
        let bridge = &self.tag;
        ip(&format!("link add {bridge} type bridge"));
        ip(&format!("addr add {}/24 dev {bridge}", self.here()));
        ip(&format!("addr add {}/24 dev {bridge}", self.etcd()));
        ip(&format!("link set {bridge} up"));
        for node in 0..self.nodes {
            let (space, host) = (self.namespace(node), self.host(node));
            ip(&format!("netns add {space}"));
            ip(&format!("link add {space} type veth peer name eth0 netns {space}"));
            ip(&format!("link set {space} master {bridge} up"));
            ip(&format!("-n {space} link set lo up"));
            ip(&format!("-n {space} addr add {host}/24 dev eth0"));
            ip(&format!("-n {space} link set eth0 up"));
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        remove(&self.tag);
    }
}

/// Runs `ip` with these words.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Removes the networks of killed tests.
fn sweep() {
    let links = std::fs::read_dir("/sys/class/net").unwrap();
    for link in links.filter_map(|link| link.unwrap().file_name().into_string().ok()) {
        let pid = link.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok());
        // The number of this process may have been used by an earlier process, too.
        let is_here =
            |pid| pid != std::process::id() && Path::new(&format!("/proc/{pid}")).exists();
        if pid.is_some_and(|pid| !is_here(pid)) {
            remove(&link);
        }
    }
}

/// Removes all networks of a tag, with the processes in them, which nobody else can end.
fn remove(tag: &str) {
    let words = |words: &[&str]| Command::new("ip").args(words).output();
    let list = words(&["netns", "list"]).map(|output| output.stdout).unwrap_or_default();
    for line in String::from_utf8_lossy(&list).lines() {
        let space = line.split(' ').next().unwrap_or_default();
        if !space.starts_with(&format!("{tag}-")) {
            continue;
        }
        let inside = words(&["netns", "pids", space]).map(|output| output.stdout);
        for pid in String::from_utf8_lossy(&inside.unwrap_or_default()).split_whitespace() {
            let _ = Command::new("kill").args(["-9", pid]).output();
        }
        // The kernel removes the content of a namespace some time later, but a link between two
        // namespaces at once.
        let _ = words(&["link", "del", space]);
        let _ = words(&["netns", "del", space]);
    }
    let _ = words(&["link", "del", tag]);
}
