//! Too many clients: they try to log in, or are logged in and stay silent.

use crate::hostile::client::{Client, Heard, PATIENCE, cancel, enter, login, request};
use crate::hostile::venue::{Setup, Stop, Venue, user, users};
use ringside_testing::garbage::packet_of;
use ringside_testing::patience::{wait_for, wait_until};
use ringside_wire::soupbintcp::packet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn thousands_who_never_log_in_are_closed_when_their_time_is_over() {
    let gateway = "login_timeout_ms = 1500";
    let venue = Venue::start(Setup { gateway, sessions: users(1), ..Setup::default() });
    let half = &login("U00000", "ringside", 1)[..20];
    venue.endures(8, || {
        let mut silent: Vec<Client> = (0..2_000).map(|_| Client::connect(venue.orders())).collect();
        for client in silent.iter_mut().step_by(2) {
            // The first clients may be closed before the last ones have connected.
            let _ = client.send(half);
        }
        assert!(silent.iter_mut().all(|client| client.is_ended()));
        Client::login(venue.orders(), "U00000", 1);
    });
    venue.stop();
}

#[test]
fn without_descriptors_the_venue_serves_who_is_there_and_accepts_again_later() {
    let (journal, gateway) = ("segment_bytes = 1048576", "login_timeout_ms = 600000");
    let (sessions, files_max) = (users(1), Some(64));
    let venue = Venue::start(Setup { journal, gateway, sessions, files_max });
    let lines = venue.remarks();
    venue.endures(8, || {
        let mut trader = Client::login(venue.orders(), "U00000", 1);
        let crowd =
            |address| -> Vec<Client> { (0..100).map(|_| Client::connect(address)).collect() };
        let (mut clients, mut visitors) = (crowd(venue.orders()), crowd(venue.glimpse()));
        // Each crowd is larger than the number of descriptors, and its last client connects last.
        // No timeout ends that one.
        for crowd in [&mut clients, &mut visitors] {
            assert!(crowd.last_mut().unwrap().is_ended(), "there is a descriptor left");
        }
        // Segments of the journal end and new ones begin: each holds at most 16,384 commands.
        for id in (1..=20_000).step_by(100) {
            for id in id..id + 100 {
                trader.send(&[request(&enter(id)), request(&cancel(id))].concat()).unwrap();
            }
            trader.expect_answer(b'C', id + 99);
        }
    });
    for address in [venue.orders(), venue.glimpse()] {
        let is_let_in = || {
            let mut client = Client::connect(address);
            // A connection above the limit is refused before it has sent anything.
            let _ = client.send(&login("U00000", "ringside", 1));
            matches!(client.hear(PATIENCE), Heard::Packet(packet::LOGIN_ACCEPTED, _))
        };
        wait_until(&format!("{address} lets somebody in"), is_let_in);
    }
    assert!(venue.remarks() < lines + 10, "{}", venue.said());
    venue.stop();
}

#[test]
fn a_venue_that_can_accept_nobody_rests_until_it_can() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    let lines = venue.remarks();
    // The segment in use and two ready ones: the journal opens no other segment for a while.
    wait_until("three segments are mapped", || venue.mapped(".seg") == 3);
    venue.endures(4, || {
        venue.limit_files(Some(3));
        let mut clients = [venue.orders(), venue.glimpse()].map(Client::connect);
        for client in &mut clients {
            client.send(&login("U00000", "ringside", 1)).unwrap();
        }
        let before = venue.cpu_time("feed");
        for client in &mut clients {
            assert!(matches!(client.hear(Duration::from_millis(500)), Heard::Silence));
        }
        let busy = venue.cpu_time("feed") - before;
        assert!(busy < Duration::from_millis(300), "{busy:?}");
        venue.limit_files(Some(1024));
        for client in &mut clients {
            let heard = client.hear(PATIENCE);
            assert!(matches!(heard, Heard::Packet(packet::LOGIN_ACCEPTED, _)), "{heard:?}");
        }
    });
    assert_eq!(venue.remarks(), lines, "{}", venue.said());
    venue.stop();
}

#[test]
fn a_storm_of_logins_delays_nobody_who_is_logged_in() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    let wrong = login("GOOD01", "wrong", 1);
    let right = login("U00000", "ringside", 0);
    let refused = AtomicU32::new(0);
    let stolen = [const { AtomicU32::new(0) }; 2];
    venue.endures(4, || {
        let stop = AtomicBool::new(false);
        let (stop, refused) = (&stop, &refused);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut crowd: Vec<Client> =
                            (0..20).map(|_| Client::connect(venue.orders())).collect();
                        for client in &mut crowd {
                            client.send(&wrong).unwrap();
                        }
                        for client in &mut crowd {
                            let heard = client.hear(PATIENCE);
                            let Heard::Packet(packet::LOGIN_REJECTED, why) = heard else {
                                panic!("{heard:?}")
                            };
                            assert_eq!(why, b"A");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            // Each client takes the session as soon as the other one has lost it.
            for stolen in &stolen {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut client = Client::connect(venue.orders());
                        client.send(&right).unwrap();
                        match client.hear(PATIENCE) {
                            Heard::Packet(packet::LOGIN_ACCEPTED, _) => {
                                stolen.fetch_add(1, Ordering::Relaxed);
                            }
                            Heard::Packet(packet::LOGIN_REJECTED, why) => assert_eq!(why, b"S"),
                            other => panic!("{other:?}"),
                        }
                    }
                });
            }
            let _stop = Stop(stop);
            wait_until("the storm was long enough", || {
                let stolen = stolen.iter().map(|times| times.load(Ordering::Relaxed));
                refused.load(Ordering::Relaxed) > 2_000 && stolen.min() > Some(10)
            });
        });
    });
    println!("{refused:?} refused, {stolen:?} stolen");
    venue.stop();
}

#[test]
fn a_thousand_idle_sessions_are_kept_alive_beside_one_that_trades() {
    const SESSIONS: u32 = 1_000;
    let gateway = "heartbeat_interval_ms = 300\nclient_timeout_ms = 2000";
    let venue = Venue::start(Setup { gateway, sessions: users(SESSIONS), ..Setup::default() });
    let address = venue.orders();
    let heartbeat = packet_of(packet::CLIENT_HEARTBEAT, &[]);
    venue.endures(16, || {
        let idle: Mutex<Vec<Client>> = Mutex::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Several heartbeats in each timeout, independent of the time that the other logins
            // take.
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(250));
                    let mut idle = idle.lock().unwrap();
                    idle.iter_mut().for_each(|client| client.send(&heartbeat).unwrap());
                }
            });
            let _stop = Stop(&stop);
            for number in 0..SESSIONS {
                // Number 1 is the message that the day has begun.
                let client = Client::login(address, &user(number), 2);
                idle.lock().unwrap().push(client);
            }
            // Together the reads take longer than a client may be silent.
            for _ in 0..8 {
                for number in 0..SESSIONS as usize {
                    let heard = wait_for("a heartbeat of the venue", || {
                        match idle.lock().unwrap()[number].hear_any(Duration::from_micros(100)) {
                            Heard::Silence => None,
                            heard => Some(heard),
                        }
                    });
                    assert!(
                        matches!(heard, Heard::Packet(packet::SERVER_HEARTBEAT, _)),
                        "{heard:?}"
                    );
                }
            }
        });
    });
    venue.stop();
}
