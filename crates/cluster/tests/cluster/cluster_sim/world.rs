//! Cluster with its clients and its troubles.

use crate::cluster_sim::client::{Client, SESSIONS};
use crate::cluster_sim::machine::{Machine, Mistake};
use crate::cluster_sim::net::{COORDINATOR, Net, Shared, address, name};
use ringside_cluster::membership::{Address, Coordinator, Record, Voters};
use ringside_journal::LogPlace;
use ringside_load::rng::Rng;
use ringside_model::durability::Durability;
use std::path::PathBuf;
use std::time::Duration;

/// Time during which there is trouble.
const TROUBLE: Duration = Duration::from_secs(6);
/// Time within which the cluster must recover after that.
const HEALING: Duration = Duration::from_secs(30);

/// Numbers of events, which show the worth of the runs.
#[derive(Debug, Default)]
pub struct Counts {
    pub steps: u64,
    pub kills: u64,
    pub power_cuts: u64,
    pub wiped: u64,
    pub failed_disks: u64,
    pub pauses: u64,
    pub cuts: u64,
    pub coordinator_down: u64,
    pub handovers: u64,
    pub memberships: u64,
    pub clock_jumps: u64,
    pub conspiracies: u64,
    pub epochs: u64,
    pub told: u64,
    pub answers: u64,
}

/// Simulated cluster with its clients, its troubles and its published history.
pub struct World {
    net: Shared,
    rng: Rng,
    machines: Vec<Machine>,
    clients: Vec<Client>,
    /// Checksums of all commands that any node has published.
    history: Vec<u32>,
    /// For each node, its life while it trades, and the number of commands of that life that were
    /// checked.
    checked: Vec<(u64, usize)>,
    durability: Durability,
    /// Troubles with the times at which they end or begin.
    troubles: Vec<(Duration, Trouble)>,
    trouble_ends: Duration,
    /// Number of epochs that were seen.
    led: usize,
    asleep: Vec<bool>,
}

/// Trouble that ends at its time, or begins then.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Down(usize),
    Asleep(usize),
    Cut(usize, usize),
    Coordinator,
    /// Trouble that begins later, and its duration. The next two are of the same kind.
    Kill(usize, Duration),
    PowerCut(usize, Duration),
    Sleep(usize, Duration),
}

impl World {
    pub fn new(seed: u64) -> Self {
        let net = Net::new(seed);
        let mut rng = Rng::new(seed ^ 0x5151);
        let count = if rng.chance(1, 4) { 2 } else { 3 };
        let durability = if rng.chance(1, 2) { Durability::Fsync } else { Durability::Pagecache };
        let machine = |number| Machine::new(number, &net, durability, count);
        let machines: Vec<Machine> = (0..count).map(machine).collect();
        World {
            checked: vec![(0, 0); count],
            asleep: vec![false; count],
            machines,
            clients: (1..=SESSIONS).map(Client::new).collect(),
            history: vec![],
            durability,
            troubles: vec![],
            trouble_ends: Duration::ZERO,
            led: 0,
            net,
            rng,
        }
    }

    /// Creates a cluster whose machines all make a mistake.
    pub fn with_mistake(seed: u64, mistake: Mistake) -> Self {
        let mut world = World::new(seed);
        world.machines.iter_mut().for_each(|machine| machine.mistake = Some(mistake));
        world
    }

    pub fn run(&mut self, counts: &mut Counts) -> Result<(), String> {
        for node in 0..self.machines.len() {
            self.start(node)?;
        }
        let mut next_trouble = self.now() + Duration::from_millis(300);
        let end = self.now() + TROUBLE;
        self.trouble_ends = end;
        while self.now() < end {
            self.step(true, counts)?;
            if self.now() >= next_trouble {
                self.make_trouble(counts)?;
                next_trouble = self.now() + Duration::from_millis(20 + self.rng.below(500));
            }
        }
        self.heal()?;
        let end = self.now() + HEALING;
        while let Err(missing) = self.is_well() {
            if self.now() >= end {
                return Err(format!("it does not become well again: {missing}"));
            }
            self.step(false, counts)?;
        }
        counts.epochs += self.net.borrow().led.len() as u64;
        counts.told += self.history.len() as u64;
        counts.answers += self.clients.iter().map(|client| client.heard.len() as u64).sum::<u64>();
        self.compare()
    }

    pub fn log(&self) -> String {
        let net = self.net.borrow();
        let from = net.log.len().saturating_sub(120);
        net.log[from..].join("\n")
    }

    pub fn keep(&mut self) -> Vec<PathBuf> {
        self.machines.iter_mut().map(Machine::keep).collect()
    }

    fn now(&self) -> Duration {
        self.net.borrow().now
    }

    /// Lets a moment pass, in which one node takes a turn, and perhaps one client.
    fn step(&mut self, sends: bool, counts: &mut Counts) -> Result<(), String> {
        counts.steps += 1;
        {
            let mut net = self.net.borrow_mut();
            let moment = net.micros(20, 400);
            net.now += moment;
            net.coordinate();
        }
        self.undo()?;
        let node = self.rng.below(self.machines.len() as u64) as usize;
        if !self.asleep[node] {
            if let Err(ended) = self.machines[node].turn(&mut self.rng) {
                self.ended(node, &format!("{ended:?}"))?;
                counts.failed_disks += 1;
            }
            self.check(node)?;
            self.check_standby(node)?;
            self.check_cut(node)?;
            self.be_mean_to_leaders();
        }
        if self.rng.chance(1, 2) {
            let client = self.rng.below(self.clients.len() as u64) as usize;
            self.let_client(client, sends)?;
        }
        Ok(())
    }

    /// Checks that everything that a leader publishes belongs to the one history.
    fn check(&mut self, node: usize) -> Result<(), String> {
        let Some((_, told)) = self.machines[node].trading() else { return Ok(()) };
        let life = std::sync::Arc::as_ptr(told) as u64;
        let told = told.lock().unwrap();
        let (known_life, checked) = self.checked[node];
        let begins = known_life != life;
        let from = if begins { 0 } else { checked };
        for (seqno, crc) in (1..).zip(&told.history).skip(from) {
            match self.history.get(seqno - 1) {
                Some(known) if known == crc => {}
                Some(_) => return Err(format!("{} tells another seqno {seqno}", name(node))),
                None => self.history.push(*crc),
            }
        }
        // A leader that slept and does not know yet that its epoch is over has nothing new to
        // publish.
        let is_latest = self.net.borrow().led.values().last() == Some(&node);
        if begins && is_latest && told.history.len() < self.history.len() {
            return Err(format!(
                "{} begins to tell without {} commands that were told",
                name(node),
                self.history.len() - told.history.len()
            ));
        }
        self.checked[node] = (life, told.history.len());
        Ok(())
    }

    /// Checks that a standby publishes the one history, too, also where the leader has not
    /// published it yet.
    fn check_standby(&mut self, node: usize) -> Result<(), String> {
        let Some((end, told)) = self.machines[node].tells_standing_by() else { return Ok(()) };
        let history = &told.lock().unwrap().history;
        let common = end.min(self.history.len());
        // The last checksum stands for all before it.
        if common > 0 && history[common - 1] != self.history[common - 1] {
            return Err(format!("{} tells another seqno {common}, standing by", name(node)));
        }
        self.history.extend(&history[common..end]);
        Ok(())
    }

    /// Checks that no node cuts away a command that was published.
    fn check_cut(&mut self, node: usize) -> Result<(), String> {
        let Some((seqno, history)) = self.machines[node].was_cut.take() else { return Ok(()) };
        let same =
            history.iter().zip(&self.history).take_while(|(ours, told)| ours == told).count();
        match seqno < same as u64 {
            true => Err(format!("{} cuts behind seqno {seqno}, and {same} were told", name(node))),
            false => Ok(()),
        }
    }

    /// Makes some leaders fail soon.
    fn be_mean_to_leaders(&mut self) {
        let led = self.net.borrow().led.len();
        if led == std::mem::replace(&mut self.led, led) || self.now() >= self.trouble_ends {
            return;
        }
        let leader = *self.net.borrow().led.values().last().expect("somebody leads");
        let mut ms = |from, to| Duration::from_millis(from + self.rng.below(to - from));
        let (soon, long) = (ms(0, 30), ms(600, 2_500));
        let at = self.now() + soon;
        match self.rng.below(6) {
            0 => self.troubles.push((at, Trouble::Kill(leader, long))),
            1 => self.troubles.push((at, Trouble::Sleep(leader, long))),
            2 => {
                let other = self.rng.below(self.machines.len() as u64) as usize;
                self.troubles.push((at + soon, Trouble::PowerCut(other, soon)));
            }
            _ => {}
        }
    }

    fn let_client(&mut self, client: usize, sends: bool) -> Result<(), String> {
        let client = &mut self.clients[client];
        let asleep = &self.asleep;
        let trades = |(node, machine): (usize, &mut Machine)| {
            let (trading, _) = machine.trading().filter(|_| !asleep[node])?;
            Some((node, trading.epoch))
        };
        let open: Vec<_> = self.machines.iter_mut().enumerate().filter_map(trades).collect();
        if open.is_empty() {
            return Ok(());
        }
        let with = open.iter().find(|(_, epoch)| client.with() == Some(*epoch));
        let (node, _) = match with {
            Some(with) => *with,
            None => open[self.rng.below(open.len() as u64) as usize],
        };
        let (trading, told) = self.machines[node].trading().expect("it was asked");
        if with.is_none() || self.rng.chance(1, 500) {
            client.connect(trading, told)?;
        }
        client.turn(trading, told, sends, &mut self.rng);
        Ok(())
    }

    fn start(&mut self, node: usize) -> Result<(), String> {
        self.asleep[node] = false;
        let started = self.machines[node].start();
        started.or_else(|ended| self.ended(node, &format!("at its start: {ended:?}")))
    }

    /// Handles a process that has ended by itself. A failed disk is the only good reason.
    fn ended(&mut self, node: usize, why: &str) -> Result<(), String> {
        if !self.machines[node].disk.has_failed() {
            return Err(format!("{}: {why}", name(node)));
        }
        self.note(format!("the disk of {} fails: {why}", name(node)));
        self.machines[node].give_up(&mut self.rng);
        let now = self.now();
        let mut ms = |from: u64, to: u64| Duration::from_millis(from + self.rng.below(to - from));
        let (soon, down, long) = (ms(0, 10), ms(3, 60), ms(1_500, 3_000));
        self.troubles.push((now + down, Trouble::Down(node)));
        // The leader, which could send the lost data again, may be gone before that.
        let leader = self.net.borrow().led.values().last().copied();
        if let Some(leader) = leader.filter(|leader| *leader != node && now < self.trouble_ends)
            && self.rng.chance(7, 8)
        {
            self.troubles.push((now + soon, Trouble::Kill(leader, long)));
        }
        Ok(())
    }

    /// Makes a step of a process fail soon.
    fn let_disk_fail(&mut self, node: usize) {
        if self.may_forget(node, false) {
            self.note(format!("the disk of {} is to fail", name(node)));
            self.machines[node].disk.fail_after(self.rng.below(6));
        }
    }

    /// Makes the disk of a standby fail while the other standby is down.
    fn let_standby_fail(&mut self, leader: usize) {
        let count = self.machines.len();
        let standby = (leader + 1 + self.rng.below(count as u64 - 1) as usize) % count;
        let lag = Duration::from_millis(40 + self.rng.below(160));
        for other in (0..count).filter(|other| ![leader, standby].contains(other)) {
            self.kill(other, lag);
        }
        self.let_disk_fail(standby);
    }

    fn make_trouble(&mut self, counts: &mut Counts) -> Result<(), String> {
        let count = self.machines.len() as u64;
        let node = self.rng.below(count) as usize;
        let runs = self.machines[node].life.is_some();
        let mut ms = |from: u64, to: u64| Duration::from_millis(from + self.rng.below(to - from));
        let (short, long) = (ms(5, 400), ms(100, 2_500));
        let now = self.now();
        match self.rng.below(23) {
            0..=2 if runs => {
                counts.kills += 1;
                self.kill(node, short);
            }
            3..=4 if runs && self.may_forget(node, false) => {
                counts.power_cuts += 1;
                self.cut_power(node, long);
            }
            5 if runs && self.may_forget(node, true) => {
                self.note(format!("{} loses its disk", name(node)));
                counts.wiped += 1;
                self.machines[node].wipe();
                self.troubles.push((now + long, Trouble::Down(node)));
            }
            6..=7 => {
                counts.pauses += 1;
                self.sleep(node, long);
            }
            8..=9 => {
                let other = self.rng.below(count + 1) as usize;
                let other = if other == count as usize { COORDINATOR } else { other };
                let both = self.rng.chance(1, 2);
                counts.cuts += 1;
                self.note(format!(
                    "cut {} -> {other}{}",
                    name(node),
                    if both { " and back" } else { "" }
                ));
                self.cut(node, other, now + long);
                if both {
                    self.cut(other, node, now + long);
                }
            }
            10 => {
                self.note("the coordinator is away".into());
                counts.coordinator_down += 1;
                self.net.borrow_mut().coordinator_is_down = true;
                self.troubles.push((now + long, Trouble::Coordinator));
            }
            11 => {
                counts.handovers += 1;
                self.change_record(|record| record.handover = Some(name(node)));
                let other = (node + 1) % self.machines.len();
                let at = now + Duration::from_millis(self.rng.below(60));
                self.troubles.push((at, Trouble::PowerCut(other, short)));
            }
            12 if count == 3 => {
                counts.memberships += 1;
                self.change_record(|record| {
                    let is_in = record.nodes.iter().any(|known| known.node == name(node));
                    if !is_in {
                        record.nodes.push(Address { node: name(node), address: address(node) });
                    } else if record.leader != name(node) && record.nodes.len() == 3 {
                        record.nodes.retain(|known| known.node != name(node));
                    }
                });
            }
            13 => {
                counts.clock_jumps += 1;
                let hours = self.rng.below(7) as i64 - 3;
                self.machines[node].clock_ahead = hours * 3_600_000_000_000;
            }
            14..=15 => {
                counts.conspiracies += 1;
                self.let_two_fail(node);
            }
            16..=19 => {
                counts.conspiracies += 1;
                let trades = |machine: &mut Machine| machine.trading().is_some();
                if let Some(leader) = self.machines.iter_mut().position(trades) {
                    match self.rng.below(5) {
                        0 => self.leave_alone(leader),
                        3..=4 => self.let_standby_fail(leader),
                        1 => self.let_wake_unaware(leader),
                        _ => self.isolate(leader),
                    }
                }
            }
            20..=22 if runs => self.let_disk_fail(node),
            _ => {}
        }
        Ok(())
    }

    /// Makes one node lag behind. Once it is back, one of the others loses memory, and the other
    /// one is gone.
    fn let_two_fail(&mut self, lags: usize) {
        let count = self.machines.len();
        let (forgets, gone) = match self.rng.chance(1, 2) {
            true => ((lags + 1) % count, (lags + 2) % count),
            false => ((lags + 2) % count, (lags + 1) % count),
        };
        let mut ms = |from, to| Duration::from_millis(from + self.rng.below(to - from));
        let (lag, down, long) = (ms(60, 400), ms(3, 60), ms(600, 2_500));
        let at = self.now() + lag;
        self.sleep(lags, lag);
        self.troubles.push((at, Trouble::PowerCut(forgets, down)));
        if gone != lags {
            self.troubles.push((at, Trouble::Kill(gone, long)));
        }
    }

    /// Cuts a leader off from its listeners for a while, restarts it, and lets it sleep soon after.
    fn leave_alone(&mut self, leader: usize) {
        let mut ms = |from, to| Duration::from_millis(from + self.rng.below(to - from));
        let (alone, down, again, long) = (ms(10, 150), ms(2, 20), ms(20, 400), ms(600, 2_500));
        let at = self.now() + alone;
        for other in (0..self.machines.len()).filter(|other| *other != leader) {
            self.cut(leader, other, at);
        }
        self.troubles.push((at, Trouble::Kill(leader, down)));
        self.troubles.push((at + down + again, Trouble::Sleep(leader, long)));
    }

    /// Lets a leader sleep just long enough to be suspected. When it wakes, neither it nor another
    /// node can ask who leads.
    fn let_wake_unaware(&mut self, leader: usize) {
        let mut ms = |from, to| Duration::from_millis(from + self.rng.below(to - from));
        let (asleep, long) = (ms(240, 420), ms(600, 2_000));
        let until = self.now() + long;
        let other = (leader + 1 + self.rng.below(2) as usize) % self.machines.len();
        self.sleep(leader, asleep);
        for node in [leader, other] {
            self.cut(node, COORDINATOR, until);
        }
    }

    /// Cuts a leader off from all nodes and from the coordinator.
    fn isolate(&mut self, leader: usize) {
        let long = Duration::from_millis(600 + self.rng.below(1_500));
        let until = self.now() + long;
        for other in (0..self.machines.len()).chain([COORDINATOR]) {
            self.cut(leader, other, until);
            self.cut(other, leader, until);
        }
    }

    fn kill(&mut self, node: usize, time: Duration) {
        if self.machines[node].life.is_some() {
            self.note(format!("kill of {}", name(node)));
            self.machines[node].kill();
            self.troubles.push((self.now() + time, Trouble::Down(node)));
        }
    }

    fn cut_power(&mut self, node: usize, time: Duration) {
        if self.machines[node].life.is_some() && self.may_forget(node, false) {
            self.note(format!("power cut of {}", name(node)));
            self.machines[node].cut_power(&mut self.rng);
            self.troubles.push((self.now() + time, Trouble::Down(node)));
        }
    }

    fn sleep(&mut self, node: usize, time: Duration) {
        self.note(format!("{} sleeps", name(node)));
        self.asleep[node] = true;
        self.troubles.push((self.now() + time, Trouble::Asleep(node)));
    }

    /// Returns true if a node may lose its memory, or everything that it stored: only as long as
    /// the others can still promise. With greater losses at once data is lost under any protocol.
    fn may_forget(&mut self, node: usize, everything: bool) -> bool {
        if self.durability == Durability::Fsync && !everything {
            return true;
        }
        let Ok(Some((_, record))) = self.net.borrow_mut().coordinator.read() else { return false };
        let voters: &Voters = &record.voters;
        let remembers = |other: &&Machine| {
            other.number != node
                && other.incarnation().is_some_and(|i| voters.counts(&name(other.number), i))
        };
        // All other nodes must remember, even if fewer promises are needed now: the voters may be
        // changing at this moment.
        let left = self.machines.iter().filter(remembers).count();
        left >= voters.promise_quorum() && left >= self.machines.len() - 1
    }

    fn cut(&mut self, from: usize, to: usize, until: Duration) {
        self.net.borrow_mut().cut[from][to] = from != to;
        self.troubles.push((until, Trouble::Cut(from, to)));
    }

    fn change_record(&mut self, change: impl FnOnce(&mut Record)) {
        let mut net = self.net.borrow_mut();
        if let Ok(Some((revision, mut record))) = net.coordinator.read() {
            change(&mut record);
            net.note(format!("the operator wants {record:?}"));
            let _ = net.coordinator.swap(Some(revision), &record);
        }
    }

    fn undo(&mut self) -> Result<(), String> {
        let now = self.now();
        while let Some(due) = self.troubles.iter().position(|(at, _)| *at <= now) {
            match self.troubles.swap_remove(due).1 {
                Trouble::Down(node) if self.machines[node].life.is_none() => self.start(node)?,
                Trouble::Down(_) => {}
                Trouble::Asleep(node) => self.asleep[node] = false,
                Trouble::Cut(from, to) => self.net.borrow_mut().cut[from][to] = false,
                Trouble::Coordinator => self.net.borrow_mut().coordinator_is_down = false,
                Trouble::Kill(node, time) => self.kill(node, time),
                Trouble::PowerCut(node, time) => self.cut_power(node, time),
                Trouble::Sleep(node, time) => self.sleep(node, time),
            }
        }
        Ok(())
    }

    fn heal(&mut self) -> Result<(), String> {
        self.note("all is healed".into());
        self.machines.iter().for_each(|machine| machine.disk.never_fail());
        let begins = |trouble: &Trouble| {
            matches!(trouble, Trouble::Kill(..) | Trouble::PowerCut(..) | Trouble::Sleep(..))
        };
        self.troubles.retain(|(_, trouble)| !begins(trouble));
        for (at, _) in &mut self.troubles {
            *at = Duration::ZERO;
        }
        let founders: Vec<Address> = (0..self.machines.len())
            .map(|node| Address { node: name(node), address: address(node) })
            .collect();
        self.change_record(|record| {
            record.nodes = founders;
            record.handover = None;
        });
        self.undo()
    }

    /// Checks that one node trades, that all others have everything and count, and that every order
    /// has its answer. The error names what is missing.
    fn is_well(&mut self) -> Result<(), String> {
        let Ok(Some((_, record))) = self.net.borrow_mut().coordinator.read() else {
            return Err("there is no record".into());
        };
        let all_count = self.machines.iter().all(|machine| {
            machine.incarnation().is_some_and(|i| record.voters.counts(&name(machine.number), i))
        });
        if !all_count {
            return Err(format!("not all count: {record:?}"));
        }
        let leads = self.machines.iter().find_map(Machine::leads_to);
        let Some(end) = leads else { return Err("nobody trades".into()) };
        let places: Vec<_> = self.machines.iter().filter_map(Machine::stands_at).collect();
        let has_all = |place: &LogPlace| place.position == end && place.epoch == record.epoch;
        if places.len() + 1 != self.machines.len() || !places.iter().all(has_all) {
            return Err(format!("the leader is at {end:?}, and who stands by is at {places:?}"));
        }
        // A leader may have written frames that its pipeline has not shown yet.
        let bytes_of = |machine: &Machine| -> Vec<_> {
            machine.journal().into_iter().map(|(file, bytes)| (file, bytes.len())).collect()
        };
        let mut written: Vec<_> = self.machines.iter().map(bytes_of).collect();
        written.dedup();
        if written.len() != 1 {
            return Err(format!("not all have written as much: {written:?}"));
        }
        let told = self.machines.iter().filter_map(Machine::told);
        let mut lengths: Vec<_> = told.map(|told| told.lock().unwrap().lengths()).collect();
        lengths.dedup();
        if lengths.len() != 1 {
            return Err(format!("not all have told as much: {lengths:?}"));
        }
        let unanswered: Vec<_> = self.clients.iter().flat_map(Client::unanswered).collect();
        match unanswered[..] {
            [] => Ok(()),
            _ => Err(format!("orders wait for an answer: {unanswered:?}")),
        }
    }

    /// Checks that all nodes have the same history, streams and journal.
    fn compare(&mut self) -> Result<(), String> {
        let told: Vec<_> = self.machines.iter().filter_map(Machine::told).collect();
        for (node, told) in told.iter().enumerate() {
            let told = told.lock().unwrap();
            if told.history.len() < self.history.len() || !told.history.starts_with(&self.history) {
                return Err(format!("{} has another history", name(node)));
            }
            for client in &self.clients {
                client.compare(&told).map_err(|why| format!("{}: {why}", name(node)))?;
            }
        }
        for node in 1..told.len() {
            if told[0].lock().unwrap().streams != told[node].lock().unwrap().streams {
                return Err(format!("the streams of a and {} differ", name(node)));
            }
        }
        let journals: Vec<_> = self.machines.iter().map(Machine::journal).collect();
        for node in 1..journals.len() {
            for ((file, ours), (_, theirs)) in journals[0].iter().zip(&journals[node]) {
                if ours != theirs {
                    let at = ours.iter().zip(theirs).position(|(a, b)| a != b);
                    let (a, b) = (ours.len(), theirs.len());
                    let who = name(node);
                    return Err(format!("{file} of a and {who} differ at {at:?} of {a} and {b}"));
                }
            }
            if journals[0].len() != journals[node].len() {
                return Err(format!("a and {} have not as many segments", name(node)));
            }
        }
        Ok(())
    }

    fn note(&self, what: String) {
        self.net.borrow_mut().note(format!("-- {what}"));
    }
}
