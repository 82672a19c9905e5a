//! A redis-server to compare with, where one is installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    directory: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Server {
    /// `None` where no redis-server is installed.
    pub fn start() -> Option<Server> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("esker-dump-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a temporary directory");
        let socket = directory.join("socket");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--enable-debug-command", "yes"])
            .args(["--sanitize-dump-payload", "yes", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break BufReader::new(stream),
                Err(error) => assert!(
                    start.elapsed() < Duration::from_secs(20),
                    "no server: {error}"
                ),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Some(Server {
            child,
            directory,
            stream,
        })
    }

    /// The bulk of a reply, or its line; of several, one behind the other.
    pub fn call(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.stream
            .get_mut()
            .write_all(&request)
            .expect("the server reads");
        self.reply()
    }

    fn reply(&mut self) -> Vec<u8> {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the server answers");
        let (sort, rest) = line.trim_end().split_at(1);
        match sort {
            "$" => {
                let mut body = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut body).expect("the body");
                body.truncate(body.len() - 2);
                body
            }
            "*" => {
                let count = rest.parse::<usize>().expect("a count");
                (0..count).flat_map(|_| self.reply()).collect()
            }
            _ => line.trim_end().as_bytes().to_vec(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("the server is ours");
        self.child.wait().expect("the server ends");
        std::fs::remove_dir_all(&self.directory).expect("the directory is ours");
    }
}
