//! Sockets that receive datagrams sent to one address or to a multicast group.

use rustix::event::PollFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Opens a socket that receives datagrams for an address or for a group, which the socket joins.
/// Other sockets may join the same group.
pub(super) fn receiving(
    address: SocketAddr,
    interface: Option<Ipv4Addr>,
    buffer_bytes: usize,
) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    let group = address.ip().is_multicast();
    if group {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    // The kernel may grant less; a smaller buffer only loses more datagrams.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, buffer_bytes);
    let socket = UdpSocket::from(socket);
    match address.ip() {
        IpAddr::V4(ip) if group => {
            socket.join_multicast_v4(&ip, &interface.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
        }
        IpAddr::V6(ip) if group => socket.join_multicast_v6(&ip, 0)?,
        _ => {}
    }
    Ok(socket)
}

/// Waits until one of the sockets is ready or the timeout ends.
pub fn wait(sockets: &mut [PollFd], timeout: Duration) -> io::Result<()> {
    let timeout = timeout.try_into().map_err(io::Error::other)?;
    match rustix::event::poll(sockets, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
