//! Sockets that send datagrams to several addresses or groups.

use rustix::net::sockopt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Opens a socket that sends to all of these addresses without ever waiting.
pub(super) fn sending(
    destinations: &[SocketAddr],
    interface: Option<Ipv4Addr>,
    multicast_ttl: u32,
) -> io::Result<UdpSocket> {
    let v4 = destinations.first().is_none_or(SocketAddr::is_ipv4);
    if destinations.iter().any(|destination| destination.is_ipv4() != v4) {
        let text = "the destinations of a line are either all IPv4 or all IPv6";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let any = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    if v4 {
        // Listeners on the machine itself receive a group too.
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(multicast_ttl)?;
        if let Some(interface) = interface {
            sockopt::set_ip_multicast_if(&socket, &interface)?;
        }
    } else {
        socket.set_multicast_loop_v6(true)?;
        sockopt::set_ipv6_multicast_hops(&socket, multicast_ttl)?;
    }
    Ok(socket)
}
