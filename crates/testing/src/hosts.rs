//! Loopback addresses of a test's own, so that its servers have the same ports at every start, and nobody takes one of
//! them meanwhile.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Address that no other test uses. Nobody listens at these ports of it; they should be none that the kernel hands out.
pub fn own_host(ports: &[u16]) -> Ipv4Addr {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another number for each process, and for each call in it.
        let number = std::process::id() ^ TRIED.fetch_add(1, Ordering::Relaxed) << 16;
        let [_, b, c, d] = number.wrapping_mul(0x9E37_79B1).to_be_bytes();
        let host = Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254));
        if ports.iter().all(|port| TcpListener::bind((host, *port)).is_ok()) {
            return host;
        }
    }
}
