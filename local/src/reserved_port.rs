//! A port for a child process that cannot report which one it chose.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::Stdio;

use tokio::net::TcpSocket;

/// A port of the loopback interface that is taken from the start: its socket is bound, and the child
/// inherits it as its standard input and listens on it.
///
/// A port that is only looked for and given up is free for everybody until the child binds it, a second
/// or two later, and connections of other programs take such ports by the dozen.
#[derive(Debug)]
pub struct ReservedPort {
    /// Where the child will listen.
    pub address: SocketAddr,
    /// The socket, which refuses connections until the child listens.
    pub stdin: Stdio,
}

impl ReservedPort {
    /// Binds a socket to a free port.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bind() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            stdin: Stdio::from(socket.as_fd().try_clone_to_owned()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::process::Command;

    use super::ReservedPort;

    #[tokio::test]
    async fn nobody_else_gets_the_port_while_a_child_has_it() {
        let ReservedPort { address, stdin } = ReservedPort::bind().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "echo ready; exec sleep 60"])
            .stdin(stdin)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut ready = [0; 5];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut ready).await.unwrap();
        let taken = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        child.kill().await.unwrap();
        TcpListener::bind(address).await.unwrap();
    }
}
