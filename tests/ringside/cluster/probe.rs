//! A session that asks for nothing but an answer.

use ringside_wire::Message;
use ringside_wire::client::soup::{Broken, Connection, Received};
use ringside_wire::ouch::inbound::AccountQuery;
use ringside_wire::soupbintcp::Login;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Connects at an address.
pub fn connect(address: SocketAddr) -> Result<Connection, Broken> {
    let login = Login {
        user: "DEMO01".into(),
        password: "ringside".into(),
        session: String::new(),
        number: 0,
        heartbeat_timeout_ms: None,
    };
    Connection::open(address, &login)
}

/// Asks which id comes next, which is told when it is committed; whether any message comes then within this time.
pub fn is_answered(connection: &mut Connection, patience: Duration) -> Result<bool, Broken> {
    let began = Instant::now();
    let mut asked = false;
    while began.elapsed() < patience {
        let now = Instant::now();
        connection.read(now);
        while let Some(received) = connection.take()? {
            if asked && matches!(received, Received::Message { .. }) {
                return Ok(true);
            }
        }
        if connection.has_room() && !asked {
            connection.send(&[AccountQuery::TYPE]);
            asked = true;
        }
        connection.write(now);
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(false)
}

/// When the first answer came to somebody who asks at all of these addresses, again and again; `None`: not within
/// this time.
pub fn first_answer(addresses: &[SocketAddr], patience: Duration) -> Option<Instant> {
    const ANSWER: Duration = Duration::from_millis(500);
    let answered = Mutex::new(None);
    let until = Instant::now() + patience;
    let ask = |address: SocketAddr| {
        while answered.lock().unwrap().is_none() && Instant::now() < until {
            let answer = connect(address).and_then(|mut to| is_answered(&mut to, ANSWER));
            if matches!(answer, Ok(true)) {
                answered.lock().unwrap().get_or_insert(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    std::thread::scope(|scope| {
        for address in addresses {
            scope.spawn(|| ask(*address));
        }
    });
    answered.into_inner().unwrap()
}
