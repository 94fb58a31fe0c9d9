//! Barrier for traffic over the loopback interface from one thread. The kernel delivers most of it
//! before a send returns, but on a busy machine it may leave the rest to a kernel thread, which
//! waits as long as others have the core.

use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::cell::OnceCell;
use std::net::{Ipv4Addr, UdpSocket};

thread_local! {
    /// Socket that is connected to itself.
    static MARKS: OnceCell<UdpSocket> = const { OnceCell::new() };
}

/// Returns the socket of a thread; the thread stays on its core from then on.
fn marks() -> UdpSocket {
    let mut core = CpuSet::new();
    core.set(sched_getcpu());
    sched_setaffinity(None, &core).expect("a thread may stay where it is");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(crate::patience::PATIENCE)).unwrap();
    socket
}

/// Returns when everything that this thread has sent before has arrived, connects and closes
/// included: traffic of one core over loopback arrives in order.
pub fn delivered() {
    MARKS.with(|socket| {
        let socket = socket.get_or_init(marks);
        socket.send(b"!").unwrap();
        socket.recv(&mut [0]).expect("a datagram to itself arrives");
    });
}
