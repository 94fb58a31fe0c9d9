//! `kill -9` of a venue that is trading: no message that any client or listener ever received is
//! missing from the recovered journal, none is doubled, every stream continues.
//!
//! `RINGSIDE_SERVE_KILLS` sets the number of kills, `RINGSIDE_SEED` the random seed.

use crate::served::checks;
use crate::served::client::Client;
use crate::served::journal::Orders;
use crate::served::life::Life;
use crate::served::listener::{Listener, Reader};
use crate::served::{ORDERS, Place, Venue, setting};
use ringside_load::rng::Rng;
use ringside_testing::run::base_seed;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;
use std::time::Duration;

const TRADERS: [&str; 4] = ["DEMO01", "DEMO02", "LOAD01", "LOAD02"];
/// Drop copies: one of all sessions, one of the firm of DEMO01.
const COPIES: [&str; 2] = ["DROP01", "DROP02"];
/// Number of kills from the beginning of a journal to the end of its day.
const KILLS_PER_DAY: u64 = 10;

#[test]
fn killed_at_any_moment_nothing_told_is_lost_or_doubled() {
    let (kills, seed) = (setting("RINGSIDE_SERVE_KILLS", 50), base_seed());
    assert!(kills >= KILLS_PER_DAY, "fewer kills prove little");
    let mut rng = Rng::new(seed);
    let mut proof = Proof::default();
    for day in 0..kills.div_ceil(KILLS_PER_DAY) {
        let durability = ["pagecache", "fsync"][day as usize % 2];
        let place =
            format!("RINGSIDE_SERVE_KILLS={kills} RINGSIDE_SEED={seed}: day {day} ({durability})");
        let mut trial = Trial::new(durability, rng.next_u64());
        let today = KILLS_PER_DAY.min(kills - day * KILLS_PER_DAY);
        for kill in 0..today {
            let result = trial.killed(&mut rng, &mut proof);
            result.unwrap_or_else(|error| panic!("{place}, kill {kill}: {error}"));
        }
        let result = trial.ends_its_day(day % 2 == 0, &mut proof);
        result.unwrap_or_else(|error| panic!("{place}, the end of the day: {error}"));
    }
    println!("tried {kills} kills: {proof:?}");
    proof.is_one(kills);
}

/// Counts of the proof; a proof without events fails.
#[derive(Debug, Default)]
struct Proof {
    kills: u64,
    /// Kills before the venue was ready.
    early: u64,
    /// Kills before every client had reconnected.
    soon: u64,
    /// Starts that continued from a snapshot.
    from_snapshot: u64,
    /// Runs in which the venue took a snapshot itself.
    took_snapshot: u64,
    /// Messages that sessions and listeners had received before and received again, unchanged.
    told_again: usize,
    /// Acknowledged orders that are in the journal, counted after each run.
    orders: usize,
    /// Orders that were sent again and already were in the journal.
    known: usize,
    /// Orders that were sent again and were not in the journal.
    unknown: usize,
    /// Connections that a client closed by itself.
    dropped: usize,
    /// Datagrams that a listener dropped.
    lost: usize,
    /// Trades that both sides and the market received alike.
    trades: usize,
    days: u64,
}

impl Proof {
    fn is_one(&self, kills: u64) {
        assert_eq!(self.kills, kills);
        assert!(self.early > 0 && self.early * 2 < kills, "{self:?}");
        assert!(self.from_snapshot * 8 >= kills, "{self:?}");
        assert!(self.told_again > 1_000 && self.orders > 1_000 && self.trades > 1_000, "{self:?}");
        assert!(self.known > 0 && self.unknown > 0, "{self:?}");
        assert!(self.dropped > 0 && self.lost > 0 && self.days > 0, "{self:?}");
    }
}

/// A venue with all of its clients, over one trading day.
struct Trial {
    place: Place,
    traders: Vec<Client>,
    copies: Vec<Client>,
    /// One listener receives everything, the other one loses datagrams.
    listeners: [Listener; 2],
    reader: Reader,
}

/// Moment of a kill, each with a delay in µs.
enum Moment {
    /// After the start of the program.
    Start(u64),
    /// After the venue is ready.
    Ready(u64),
    /// After every client has received all earlier messages again.
    Proven(u64),
}

/// Approximate duration of a start in µs.
const START_US: u64 = 20_000;

impl Trial {
    fn new(durability: &str, seed: u64) -> Trial {
        let mut place = if durability == "fsync" { Place::on_disk() } else { Place::new() };
        let orders = place.at(ORDERS);
        let number = |index| seed.wrapping_add(index as u64);
        let trader = |(index, user): (usize, &&str)| Client::trading(user, orders, number(index));
        let copy = |user: &&str| Client::reading(user, orders, seed);
        let listeners = [Listener::new(&place), Listener::losing(&place, seed)];
        let reader = Reader::new(&place);
        for (key, listener, line) in [("A", 0, 0), ("B", 1, 1)] {
            let addresses = [listeners[listener].address(), reader.addresses()[line]];
            place.set(
                &format!("FEED__{key}"),
                &format!("[\"{}\", \"{}\"]", addresses[0], addresses[1]),
            );
        }
        place.set("FEED__ITCH_FILE", place.file("feed.itch").to_str().unwrap());
        place.set("JOURNAL__DURABILITY", durability);
        place.set("JOURNAL__SEGMENT_BYTES", "262144");
        place.set("SNAPSHOTS__MAX_RESTART_SECONDS", "0.1");
        let traders = TRADERS.iter().enumerate().map(trader).collect();
        let copies = COPIES.iter().map(copy).collect();
        Trial { place, traders, copies, listeners, reader }
    }

    /// Runs the venue with all clients connected, until `end` returns.
    fn run<T>(
        &mut self,
        life: &Life,
        end: impl FnOnce(Venue, &Place) -> Result<T, String>,
    ) -> Result<T, String> {
        let Trial { place, traders, copies, listeners, reader, .. } = self;
        let venue = Venue::spawn(place);
        std::thread::scope(|scope| {
            let clients = traders.iter_mut().chain(copies.iter_mut());
            let mut others: Vec<_> =
                clients.map(|client| scope.spawn(|| client.live(life))).collect();
            let listeners = listeners.iter_mut();
            others.extend(listeners.map(|listener| scope.spawn(|| listener.live(life))));
            others.push(scope.spawn(|| reader.live(life)));
            let ended = end(venue, place);
            life.over.store(true, Ordering::Release);
            let mut failed = vec![];
            for other in others {
                let result = other.join().unwrap_or_else(|_| Err("a thread panicked".into()));
                failed.extend(result.err());
            }
            if failed.is_empty() { ended } else { Err(format!("{failed:?}, {:?}", ended.err())) }
        })
    }

    /// Makes one run that ends with a kill, and checks the journal that it leaves.
    fn killed(&mut self, rng: &mut Rng, proof: &mut Proof) -> Result<(), String> {
        // Each day begins with another kind of moment.
        let turn = (proof.kills + proof.days) % 5;
        let moment = match turn {
            1 => Moment::Start(rng.below(START_US)),
            3 => Moment::Ready(rng.below(50_000)),
            _ => Moment::Proven(rng.below(300_000)),
        };
        let takes_snapshot = turn == 2;
        let (all, told) = (self.all(), self.told());
        let life = Life::default();
        let said = self.run(&life, |venue, place| {
            let sleep = |us| std::thread::sleep(Duration::from_micros(us));
            match moment {
                Moment::Start(us) => sleep(us),
                Moment::Ready(us) => {
                    venue.becomes_ready();
                    sleep(us);
                }
                Moment::Proven(us) => {
                    if !life.wait_until_proven(all) {
                        return Err(format!("not everybody comes back: {}", venue.said()));
                    }
                    if takes_snapshot {
                        let taken = place.run(&["snapshot"]);
                        if !taken.status.success() {
                            return Err(String::from_utf8_lossy(&taken.stderr).into_owned());
                        }
                    }
                    sleep(us);
                }
            }
            let (status, said) = venue.kill();
            if status.signal() == Some(9) { Ok(said) } else { Err(format!("it ended: {said}")) }
        })?;
        proof.kills += 1;
        proof.early += u64::from(!said.contains("ringside: ready"));
        proof.soon += u64::from(matches!(moment, Moment::Ready(_)));
        proof.from_snapshot += u64::from(said.contains("from a snapshot at seqno"));
        proof.took_snapshot += u64::from(said.contains("ringside: snapshot at seqno"));
        if let Moment::Proven(_) = moment {
            proof.told_again += told;
        }

        self.check_journal(proof)?;
        Ok(())
    }

    /// Checks the journal of a venue that is not running.
    fn check_journal(&self, proof: &mut Proof) -> Result<(), String> {
        let journal = Orders::read(&self.place.journal())?;
        for trader in &self.traders {
            proof.orders += journal.check(trader)?;
            let orders = trader.orders.iter().flat_map(|orders| orders.in_doubt());
            for id in orders {
                match journal.has(&trader.user, id) {
                    true => proof.known += 1,
                    false => proof.unknown += 1,
                }
            }
        }
        Ok(())
    }

    /// Makes the last run of a day: every client receives all messages, and the day ends. A further
    /// start then finds everything unchanged.
    fn ends_its_day(&mut self, with_a_kill: bool, proof: &mut Proof) -> Result<(), String> {
        let (all, told) = (self.all(), self.told());
        let life = Life::default();
        self.run(&life, |venue, place| {
            if !life.wait_until_proven(all) {
                return Err(format!("not everybody comes back: {}", venue.said()));
            }
            std::thread::sleep(Duration::from_millis(100));
            life.quiet.store(true, Ordering::Release);

            if !life.wait_until_settled(TRADERS.len()) {
                return Err(format!("not every request is answered: {}", venue.said()));
            }
            checks::end_day(place)?;
            if !life.wait_until_left(all + 1) {
                return Err(format!("not everybody hears of the end: {}", venue.said()));
            }
            if with_a_kill {
                venue.kill();
            } else {
                venue.stop();
            }
            Ok(())
        })?;
        proof.told_again += told;
        self.check_journal(proof)?;
        let told = self.told();
        let life = Life::default();
        life.quiet.store(true, Ordering::Release);
        self.run(&life, |venue, _| {
            if !life.wait_until_left(all + 1) {
                return Err(format!("not everybody hears of the end again: {}", venue.said()));
            }
            venue.stop();
            Ok(())
        })?;
        if self.told() != told {
            return Err(format!("{told} messages were told, now there are {}", self.told()));
        }
        proof.told_again += told;
        proof.dropped += self.traders.iter().map(|trader| trader.dropped).sum::<usize>();
        proof.lost += self.listeners[1].lost;
        proof.days += 1;
        self.check_streams(proof)
    }

    /// Checks the messages that every client has received by the end of a day.
    fn check_streams(&self, proof: &mut Proof) -> Result<(), String> {
        let Trial { place, traders, copies, listeners, reader } = self;
        let journal = Orders::read(&place.journal())?;
        for trader in traders {
            checks::ends_with_the_day(trader)?;
            let (told, there) = (checks::accepted(trader), journal.entered_by(&trader.user));
            if told != there {
                let user = &trader.user;
                return Err(format!("{user} entered {there} orders and was told of {told}"));
            }
        }
        checks::is_copy(&copies[0], traders)?;
        checks::is_copy(&copies[1], &traders[..1])?;
        let market = &reader.kept;
        let file = checks::messages_of_file(&place.file("feed.itch"))?;
        if listeners.iter().any(|listener| listener.kept != *market) || file != *market {
            return Err("listeners and the file have not heard the same".into());
        }
        let trades = checks::trades(traders)?;
        let printed: u64 = reader.book.symbol_books().map(|(_, i)| i.traded().trades).sum();
        if printed != trades as u64 || reader.book.order_count() > 0 {
            let left = reader.book.order_count();
            return Err(format!("{trades} trades, {printed} printed, {left} orders left"));
        }
        proof.trades += trades;
        Ok(())
    }

    /// Returns the number of clients that compare earlier messages in each run.
    fn all(&self) -> usize {
        self.traders.len() + self.copies.len() + self.listeners.len()
    }

    /// Returns the number of messages that all clients have received.
    fn told(&self) -> usize {
        let clients = self.traders.iter().chain(&self.copies).map(|client| client.kept.len());
        clients.chain(self.listeners.iter().map(|listener| listener.kept.len())).sum()
    }
}
