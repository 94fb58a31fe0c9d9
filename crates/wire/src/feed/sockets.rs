//! Sockets that receive datagrams sent to one address or to a group.

use rustix::event::PollFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// A socket that receives what is sent to an address or a group, which it joins. Others may join it beside.
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
    // The kernel gives what it may; a smaller buffer only loses more.
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

/// Waits until one of these is ready or the time is over.
pub fn wait(sockets: &mut [PollFd], timeout: Duration) -> io::Result<()> {
    let timeout = timeout.try_into().map_err(io::Error::other)?;
    match rustix::event::poll(sockets, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
