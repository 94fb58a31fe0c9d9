//! Loopback addresses for one test alone: its servers have the same ports at every start, and
//! nobody takes a port meanwhile.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns an address that no other test uses and on which these ports are free. The ports should
/// be outside the range that the kernel hands out.
pub fn own_host(ports: &[u16]) -> Ipv4Addr {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        // Each process and each call has another number.
        let number = std::process::id() ^ TRIED.fetch_add(1, Ordering::Relaxed) << 16;
        let [_, b, c, d] = number.wrapping_mul(0x9E37_79B1).to_be_bytes();
        let host = Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254));
        if ports.iter().all(|port| TcpListener::bind((host, *port)).is_ok()) {
            return host;
        }
    }
}
