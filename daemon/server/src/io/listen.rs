//! Listening sockets: TCP on every `bind` address, and a unix socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Network;

#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Opens every listener that the settings ask for. An optional address may be missing on this
/// machine; at least one TCP listener must open when a port is set.
pub fn open(network: &Network) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    if network.port != 0 {
        for address in &network.bind {
            match open_tcp(&address.host, network.port, network.tcp_backlog) {
                Ok(found) => listeners.extend(found.into_iter().map(Listener::Tcp)),
                Err(e) if address.optional && is_missing_address(&e) => {
                    tracing::debug!(address = address.host, error = %e, "optional bind address is not available");
                }
                Err(e) => {
                    let text =
                        format!("could not listen on {}:{}: {e}", address.host, network.port);
                    return Err(io::Error::new(e.kind(), text));
                }
            }
        }
        if listeners.is_empty() && !network.bind.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "none of the addresses in bind is available",
            ));
        }
    }
    if !network.unixsocket.is_empty() {
        listeners.push(Listener::Unix(open_unix(
            &network.unixsocket,
            network.unixsocketperm,
        )?));
    }
    Ok(listeners)
}

fn is_missing_address(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || matches!(
        e.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT)
    )
}

fn open_tcp(address: &str, port: u16, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let addresses: Vec<SocketAddr> = match address {
        "*" => vec![(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into()],
        "::*" => vec![(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into()],
        name => (name, port).to_socket_addrs()?.collect(),
    };
    addresses
        .into_iter()
        .map(|a| listen_on(a, backlog))
        .collect()
}

fn listen_on(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn open_unix(path: &str, mode: u32) -> io::Result<UnixListener> {
    let context =
        |e: io::Error| io::Error::new(e.kind(), format!("could not open unix socket {path}: {e}"));
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(context(e)),
    }
    let listener = UnixListener::bind(path).map_err(context)?;
    if mode != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(context)?;
    }
    Ok(listener)
}
