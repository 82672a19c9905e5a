//! A connection to the server that keys migrate to: commands out, status replies in, each within the timeout.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// What one timeout covers when much is written.
const WRITE_BYTES: usize = 64 << 10;
const READ_BYTES: usize = 4 << 10;
/// No status reply is longer.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Where the conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Connecting,
    Writing,
    Reading,
}

impl Trouble {
    /// The complete error line of the reply.
    pub fn line(self) -> String {
        let what = match self {
            Trouble::Connecting => "connecting to the client",
            Trouble::Writing => "writing to target instance",
            Trouble::Reading => "reading to target instance",
        };
        format!("IOERR error or timeout {what}")
    }
}

#[derive(Debug)]
pub struct Target {
    stream: TcpStream,
    timeout: Duration,
    /// Commands not sent yet.
    out: Vec<u8>,
    /// Bytes read beyond the last reply.
    input: Vec<u8>,
}

impl Target {
    /// Tries the addresses of the host in turn. A refused connection counts as one that cannot be written to, as in
    /// Redis, which notices it only then.
    pub fn connect(host: &[u8], port: &[u8], timeout: Duration) -> Result<Target, Trouble> {
        let host = std::str::from_utf8(host).map_err(|_| Trouble::Connecting)?;
        let port = esker_resp::parse_i64(port).and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or(Trouble::Writing)?;
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|_| Trouble::Connecting)?;
        let mut trouble = Trouble::Connecting;
        for address in addresses {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a migration goes without TCP_NODELAY");
                    }
                    return Ok(Target {
                        stream,
                        timeout,
                        out: Vec::new(),
                        input: Vec::new(),
                    });
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    trouble = Trouble::Writing;
                }
                Err(_) => {}
            }
        }
        Err(trouble)
    }

    /// Adds a command to what the next `flush` sends.
    pub fn queue<'a>(&mut self, words: impl Iterator<Item = &'a [u8]> + Clone) {
        let out = &mut self.out;
        out.extend_from_slice(format!("*{}\r\n", words.clone().count()).as_bytes());
        for word in words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Bytes that wait for `flush`.
    pub fn queued(&self) -> usize {
        self.out.len()
    }

    pub fn flush(&mut self) -> Result<(), Trouble> {
        let out = std::mem::take(&mut self.out);
        for part in out.chunks(WRITE_BYTES) {
            self.write(part).map_err(|_| Trouble::Writing)?;
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let begun = Instant::now();
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left(begun)?))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next reply: a status, or the text of an error. Anything else is no answer to what was sent.
    pub fn reply(&mut self) -> Result<Result<(), String>, Trouble> {
        let line = self.line().map_err(|_| Trouble::Reading)?;
        match line.split_first() {
            Some((b'+', _)) => Ok(Ok(())),
            Some((b'-', text)) => Ok(Err(String::from_utf8_lossy(text).into_owned())),
            _ => Err(Trouble::Reading),
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let begun = Instant::now();
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.input.len() > LINE_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            self.stream.set_read_timeout(Some(self.left(begun)?))?;
            let mut bytes = [0; READ_BYTES];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.input.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What is left of the timeout; never zero, which would mean none.
    fn left(&self, begun: Instant) -> io::Result<Duration> {
        self.timeout
            .checked_sub(begun.elapsed())
            .filter(|left| !left.is_zero())
            .ok_or_else(|| ErrorKind::TimedOut.into())
    }
}
