//! Command line and configuration file: what is taken, what stops the start and how that is said.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use esker_tests::client::Value;
use esker_tests::process::{Options, Server, subject_binary, subject_is_reference};
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::with_prefix("esker-startup-").expect("a temporary directory")
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn get(server: &Server, directive: &str) -> String {
    let reply = server
        .connect()
        .and_then(|mut client| client.words(&format!("CONFIG GET {directive}")))
        .expect("a reply");
    let pair = reply.into_array().unwrap_or_default();
    pair.get(1)
        .and_then(Value::as_bytes)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default()
}

#[test]
fn a_file_with_quotes_includes_and_sizes_is_read_and_flags_win() {
    let dir = directory();
    let more = write(dir.path(), "more.conf", "maxclients 77\n");
    let text = format!(
        "# a comment\n\n  save \"\"\nappendonly no\nrequirepass \"a \\x62 c\"\ninclude {}\nproto-max-bulk-len 3mb\n\
         client-output-buffer-limit normal 10mb 5mb 60\nhz 33\n",
        more.display()
    );
    let file = write(dir.path(), "main.conf", &text);
    let options = Options::new(subject_binary())
        .dir(dir.path())
        .config_file(&file)
        .flag("hz", "44");
    let server = Server::start(&options).expect("the server starts");
    let mut client = server.connect().expect("a connection");
    assert!(client.call(&[b"AUTH", b"a b c"]).expect("a reply").is_ok());
    for (name, expect) in [
        ("maxclients", "77"),
        ("proto-max-bulk-len", "3145728"),
        ("hz", "44"),
    ] {
        let reply = client
            .words(&format!("CONFIG GET {name}"))
            .expect("a reply")
            .into_array()
            .expect("a pair");
        assert_eq!(
            reply.get(1).and_then(Value::as_bytes),
            Some(expect.as_bytes()),
            "{name}"
        );
    }
}

#[test]
fn a_directive_that_is_wrong_stops_the_start_and_is_named() {
    let cases = [
        ("no-such-directive 1", "no-such-directive"),
        ("hz abc", "hz"),
        ("appendfsync sometimes", "appendfsync"),
        ("maxclients", "maxclients"),
        ("appendonly maybe", "appendonly"),
        ("requirepass \"unbalanced", "requirepass"),
    ];
    for (line, word) in cases {
        let dir = directory();
        let file = write(dir.path(), "bad.conf", &format!("save \"\"\n\n{line}\n"));
        let options = Options::new(subject_binary())
            .dir(dir.path())
            .config_file(&file);
        let (status, output) = Server::start_refused(&options).expect("the process runs");
        assert!(!status.success(), "{line} was taken:\n{output}");
        assert!(output.contains(word), "{line}:\n{output}");
        assert!(output.contains('3'), "{line}: no line number:\n{output}");
        if !subject_is_reference() {
            assert!(
                output.contains("bad.conf"),
                "{line}: no file name:\n{output}"
            );
        }
    }
}

#[test]
fn what_is_not_built_is_refused_not_ignored() {
    if subject_is_reference() {
        return;
    }
    for (name, value) in [("cluster-enabled", "yes"), ("replicaof", "127.0.0.1 1")] {
        let options = Options::new(subject_binary()).flag(name, value);
        let (status, output) = Server::start_refused(&options).expect("the process runs");
        assert!(
            !status.success() && output.contains(name),
            "{name} {value}: {status}\n{output}"
        );
    }
}

#[test]
fn human_sizes_and_durations_are_taken() {
    if subject_is_reference() {
        return;
    }
    let options = Options::new(subject_binary())
        .flag("timeout", "1h30m")
        .flag("proto-max-bulk-len", "512mb");
    let server = Server::start(&options).expect("the server starts");
    assert_eq!(get(&server, "timeout"), "5400");
    assert_eq!(get(&server, "proto-max-bulk-len"), "536870912");
}

#[test]
fn the_configuration_can_come_from_standard_input() {
    let dir = directory();
    let pid = dir.path().join("server.pid");
    let mut child = Command::new(subject_binary())
        .args(["-", "--dir"])
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let port = esker_tests::process::free_port().expect("a port");
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsave \"\"\npidfile {}\nmaxclients 55\n",
        pid.display()
    );
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes())
        .expect("the server reads");
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let reply = loop {
        if let Ok(mut client) = esker_tests::client::Client::connect(addr) {
            break client.words("CONFIG GET maxclients").expect("a reply");
        }
        assert!(
            child.try_wait().expect("a status").is_none(),
            "the server ended"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    child.kill().expect("the process is there");
    child.wait().expect("the process ends");
    assert_eq!(
        reply.into_array().and_then(|pair| pair.get(1).cloned()),
        Some(Value::Bulk(b"55".to_vec()))
    );
}

#[test]
fn help_version_and_check_config_do_not_start_a_server() {
    if subject_is_reference() {
        return;
    }
    let run = |args: &[&str]| {
        let output = Command::new(subject_binary())
            .args(args)
            .output()
            .expect("the binary runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    };
    let (good, text) = run(&["--help"]);
    assert!(good && text.contains("--check-config"), "{text}");
    let (good, text) = run(&["--version"]);
    assert!(good && text.contains("eskerd"), "{text}");
    let dir = directory();
    let good_file = write(dir.path(), "good.conf", "maxclients 100\n");
    let bad_file = write(dir.path(), "bad.conf", "maxclients\n");
    let (good, text) = run(&["--check-config", good_file.to_str().expect("UTF-8")]);
    assert!(good, "{text}");
    let (good, text) = run(&["--check-config", bad_file.to_str().expect("UTF-8")]);
    assert!(!good && text.contains("bad.conf"), "{text}");
}

#[test]
fn config_rewrite_keeps_what_was_set() {
    let dir = directory();
    let file = write(
        dir.path(),
        "main.conf",
        "# kept comment\nsave \"\"\nmaxclients 100\n",
    );
    let options = Options::new(subject_binary())
        .dir(dir.path())
        .config_file(&file);
    let server = Server::start(&options).expect("the server starts");
    let mut client = server.connect().expect("a connection");
    assert!(
        client
            .words("CONFIG SET maxclients 200 timeout 7")
            .expect("a reply")
            .is_ok()
    );
    assert!(client.words("CONFIG REWRITE").expect("a reply").is_ok());
    drop(server);
    let text = std::fs::read_to_string(&file).expect("the file is there");
    assert!(
        text.contains("# kept comment")
            && text.contains("maxclients 200")
            && text.contains("timeout 7"),
        "{text}"
    );
    let server = Server::start(&options).expect("the server starts again");
    assert_eq!(get(&server, "maxclients"), "200");
}

/// Ends a daemon that a failed test would leave behind.
struct Daemon<'a>(&'a Path);

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if let Ok(pid) = std::fs::read_to_string(self.0) {
            drop(Command::new("kill").args(["-KILL", pid.trim()]).status());
        }
    }
}

#[test]
fn a_daemon_writes_its_pid_and_ends_by_signal() {
    let dir = directory();
    let (pid_file, log) = (dir.path().join("server.pid"), dir.path().join("daemon.log"));
    let _guard = Daemon(&pid_file);
    let port = esker_tests::process::free_port()
        .expect("a port")
        .to_string();
    let status = Command::new(subject_binary())
        .args([
            "--daemonize",
            "yes",
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--port",
            &port,
            "--dir",
        ])
        .arg(dir.path())
        .arg("--pidfile")
        .arg(&pid_file)
        .arg("--logfile")
        .arg(&log)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the binary runs");
    assert!(status.success());
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a number")));
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut client = loop {
        match esker_tests::client::Client::connect(addr) {
            Ok(client) => break client,
            Err(error) => assert!(std::time::Instant::now() < limit, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let pid = std::fs::read_to_string(&pid_file).expect("a pid file");
    let info = client.words("INFO server").expect("a reply");
    let info = String::from_utf8_lossy(info.as_bytes().expect("text")).into_owned();
    assert!(
        info.contains(&format!("process_id:{}", pid.trim())),
        "{pid}: {info}"
    );
    assert!(
        Command::new("kill")
            .args(["-TERM", pid.trim()])
            .status()
            .expect("kill runs")
            .success()
    );
    assert_eq!(client.read_to_end().expect("an end"), b"");
    while pid_file.exists() {
        assert!(std::time::Instant::now() < limit, "the pid file stays");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(
        std::fs::read_to_string(&log)
            .expect("a log")
            .contains("Ready to accept connections")
    );
}
