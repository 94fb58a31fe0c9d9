//! Bare TCP echo on loopback: measures the network's part of a round trip with the same bytes, for
//! comparison with a venue's round trip.

use super::meter::histogram;
use super::poller::Poller;
use hdrhistogram::Histogram;
use ringside_wire::ouch::inbound::EnterOrder;
use ringside_wire::ouch::outbound::OrderAccepted;
use ringside_wire::soupbintcp::PREFIX_BYTES;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Length of a packet with a new order: prefix, message, length of the tagged values.
const ORDER_BYTES: usize = PREFIX_BYTES + size_of::<EnterOrder>() + 2;
/// Length of a packet that accepts an order.
const ANSWER_BYTES: usize = PREFIX_BYTES + size_of::<OrderAccepted>() + 2;

/// Measures round trips, one at a time: as many bytes as an order has go out, as many as its answer
/// has come back. Waits as the sessions do. The first tenth is not measured.
pub fn measure(round_trips: u64, spin: bool) -> Result<Histogram<u64>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut socket = TcpStream::connect(listener.local_addr()?)?;
    let (peer, _) = listener.accept()?;
    for end in [&socket, &peer] {
        end.set_nodelay(true)?;
    }
    socket.set_nonblocking(true)?;
    let mut poller = Poller::new(1)?;
    poller.add(0, socket.as_fd())?;
    let sleep = if spin { Duration::ZERO } else { Duration::from_millis(1) };
    std::thread::scope(|scope| {
        scope.spawn(move || answer(peer));
        let mut latencies = histogram();
        for n in 0..round_trips {
            let began = Instant::now();
            socket.write_all(&[0; ORDER_BYTES])?;
            read_answer(&mut socket, &mut poller, sleep)?;
            if n >= round_trips / 10 {
                latencies.saturating_record(began.elapsed().as_nanos() as u64);
            }
        }
        // Closing the socket also ends the other thread.
        drop(socket);
        Ok(latencies)
    })
}

/// Answers each order until the other end closes.
fn answer(mut socket: TcpStream) {
    let mut order = [0; ORDER_BYTES];
    while socket.read_exact(&mut order).is_ok() && socket.write_all(&[0; ANSWER_BYTES]).is_ok() {}
}

fn read_answer(socket: &mut TcpStream, poller: &mut Poller, sleep: Duration) -> Result<()> {
    let mut answer = [0; ANSWER_BYTES];
    let mut filled = 0;
    while filled < ANSWER_BYTES {
        poller.wait(sleep);
        match socket.read(&mut answer[filled..]) {
            Ok(0) => return Err(Error::from(ErrorKind::UnexpectedEof)),
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_round_trip_takes_a_plausible_time() {
        let latencies = super::measure(500, false).unwrap();
        assert_eq!(latencies.len(), 450);
        let p50 = latencies.value_at_quantile(0.5);
        assert!((1_000..50_000_000).contains(&p50), "{p50} ns");
    }
}
