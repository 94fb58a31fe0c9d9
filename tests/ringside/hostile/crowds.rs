//! More clients than there should be, who want to be let in, or are and say nothing.

use crate::hostile::client::{
    Client, Heard, PATIENCE, cancel, enter, login, packet_of, request, seconds,
};
use crate::hostile::venue::{Setup, Venue, user, users};
use ringside_wire::soupbintcp::packet;
use std::time::Instant;

#[test]
fn thousands_who_never_log_in_are_closed_when_their_time_is_over() {
    let gateway = "login_timeout_ms = 1500";
    let venue = Venue::start(Setup { gateway, sessions: users(1), ..Setup::default() });
    let half = &login("U00000", "ringside", 1)[..20];
    venue.endures(8, || {
        let mut silent: Vec<Client> = (0..2_000).map(|_| Client::connect(venue.orders())).collect();
        for client in silent.iter_mut().step_by(2) {
            client.send(half).unwrap();
        }
        assert!(silent.iter_mut().all(|client| client.is_ended(PATIENCE)));
        Client::login(venue.orders(), "U00000", 1);
    });
    venue.stop();
}

#[test]
fn without_descriptors_the_venue_serves_who_is_there_and_accepts_again_later() {
    let (journal, gateway) = ("segment_bytes = 1048576", "login_timeout_ms = 3000");
    let sessions = users(1);
    let venue = Venue::start(Setup { journal, gateway, sessions, files_max: Some(64) });
    let lines = venue.said().lines().count();
    venue.endures(8, || {
        let mut trader = Client::login(venue.orders(), "U00000", 1);
        let crowd =
            |address| -> Vec<Client> { (0..100).map(|_| Client::connect(address)).collect() };
        let (_clients, _visitors) = (crowd(venue.orders()), crowd(venue.glimpse()));
        std::thread::sleep(seconds(0.5));
        let began = Instant::now();
        // Enough for segments of the journal to end and others to begin.
        let mut id = 0;
        while began.elapsed() < seconds(2.0) {
            for _ in 0..100 {
                id += 1;
                trader.send(&[request(&enter(id)), request(&cancel(id))].concat()).unwrap();
            }
            trader.expect_answer(b'C', id, PATIENCE);
        }
        assert!(id > 5_000, "{id}");
    });
    for address in [venue.orders(), venue.glimpse()] {
        let is_let_in = || {
            let mut client = Client::connect(address);
            // A visitor beyond the last place is refused before it has said anything.
            let _ = client.send(&login("U00000", "ringside", 1));
            matches!(client.hear(PATIENCE), Heard::Packet(packet::LOGIN_ACCEPTED, _))
        };
        let until = Instant::now() + PATIENCE;
        while !is_let_in() {
            assert!(Instant::now() < until, "{address} lets nobody in");
            std::thread::sleep(seconds(0.1));
        }
    }
    assert!(venue.said().lines().count() < lines + 10, "{}", venue.said());
    venue.stop();
}

#[test]
fn a_venue_that_can_accept_nobody_rests_until_it_can() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    let lines = venue.said().lines().count();
    // Until the journal has what it needs for a while.
    std::thread::sleep(seconds(0.5));
    venue.endures(4, || {
        venue.limit_files(Some(3));
        let mut clients = [venue.orders(), venue.glimpse()].map(Client::connect);
        for client in &mut clients {
            client.send(&login("U00000", "ringside", 1)).unwrap();
        }
        let before = venue.cpu_time("feed");
        for client in &mut clients {
            assert!(matches!(client.hear(seconds(0.5)), Heard::Silence));
        }
        let busy = venue.cpu_time("feed") - before;
        assert!(busy < seconds(0.3), "{busy:?}");
        venue.limit_files(Some(1024));
        for client in &mut clients {
            let heard = client.hear(PATIENCE);
            assert!(matches!(heard, Heard::Packet(packet::LOGIN_ACCEPTED, _)), "{heard:?}");
        }
    });
    assert_eq!(venue.said().lines().count(), lines, "{}", venue.said());
    venue.stop();
}

#[test]
fn a_storm_of_logins_delays_nobody_who_is_logged_in() {
    let venue = Venue::start(Setup { sessions: users(1), ..Setup::default() });
    let wrong = login("GOOD01", "wrong", 1);
    let right = login("U00000", "ringside", 0);
    let until = Instant::now() + seconds(4.0);
    let (refused, stolen) = venue.endures(4, || {
        std::thread::scope(|scope| {
            let guess = || {
                let mut refused = 0;
                while Instant::now() < until {
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
                        refused += 1;
                    }
                }
                refused
            };
            // Each takes the session as soon as the other one has let it go.
            let steal = || {
                let mut stolen = 0;
                while Instant::now() < until {
                    let mut client = Client::connect(venue.orders());
                    client.send(&right).unwrap();
                    match client.hear(PATIENCE) {
                        Heard::Packet(packet::LOGIN_ACCEPTED, _) => stolen += 1,
                        Heard::Packet(packet::LOGIN_REJECTED, why) => assert_eq!(why, b"S"),
                        other => panic!("{other:?}"),
                    }
                }
                stolen
            };
            let guessing: Vec<_> = (0..3).map(|_| scope.spawn(guess)).collect();
            let stealing: Vec<_> = (0..2).map(|_| scope.spawn(steal)).collect();
            let refused: u32 = guessing.into_iter().map(|thread| thread.join().unwrap()).sum();
            let stolen: Vec<u32> =
                stealing.into_iter().map(|thread| thread.join().unwrap()).collect();
            (refused, stolen)
        })
    });
    println!("{refused} refused, {stolen:?} stolen");
    assert!(refused > 500 && stolen.iter().all(|&times| times > 0), "{refused} {stolen:?}");
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
        let mut idle: Vec<Client> = vec![];
        let mut next = Instant::now();
        let mut beat = |idle: &mut Vec<Client>| {
            if Instant::now() >= next {
                next = Instant::now() + seconds(0.5);
                idle.iter_mut().for_each(|client| client.send(&heartbeat).unwrap());
            }
        };
        for number in 0..SESSIONS {
            // Number 1 says that the day has begun.
            idle.push(Client::login(address, &user(number), 2));
            beat(&mut idle);
        }
        let until = Instant::now() + seconds(4.0);
        while Instant::now() < until {
            beat(&mut idle);
            std::thread::sleep(seconds(0.05));
        }
        for client in &mut idle {
            for _ in 0..8 {
                let heard = client.hear(PATIENCE);
                assert!(matches!(heard, Heard::Packet(packet::SERVER_HEARTBEAT, _)), "{heard:?}");
            }
        }
    });
    venue.stop();
}
