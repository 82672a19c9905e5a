//! What a start reads from files and flags, and how it refuses.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::super::settings::{Fsync, SaveRule};
use super::*;

#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    stdin: Vec<u8>,
}

impl Sources for Memory {
    fn file(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn matching(&mut self, pattern: &str) -> io::Result<Vec<String>> {
        let prefix = pattern.split('*').next().unwrap_or_default().to_owned();
        Ok(self
            .files
            .keys()
            .filter(|path| path.starts_with(&prefix))
            .cloned()
            .collect())
    }

    fn stdin(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.stdin.clone())
    }

    fn absolute(&self, path: &str) -> PathBuf {
        PathBuf::from("/conf").join(path)
    }
}

fn sources(files: &[(&str, &str)]) -> Memory {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).into(), text.as_bytes().to_vec()))
        .collect();
    Memory {
        files,
        stdin: Vec::new(),
    }
}

fn run(args: &[&str], sources: &mut Memory) -> Result<Settings, LoadError> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    load_from(&CommandLine::parse(&args), Settings::default(), sources)
}

fn from_text(text: &str) -> Result<Settings, LoadError> {
    run(&["x.conf"], &mut sources(&[("x.conf", text)]))
}

fn shown(settings: &Settings, name: &str) -> String {
    rows::find(name).expect("a directive").get(settings)
}

#[test]
fn values_reach_their_fields() {
    for (line, name, expected) in [
        ("port 7000", "port", "7000"),
        ("PORT 7000", "port", "7000"),
        ("bind 127.0.0.1 -::1", "bind", "127.0.0.1 -::1"),
        ("bind \"\"", "bind", ""),
        ("unixsocketperm 700", "unixsocketperm", "700"),
        ("timeout 1h30m", "timeout", "5400"),
        (
            "client-query-buffer-limit 512mb",
            "client-query-buffer-limit",
            "536870912",
        ),
        (
            "hash-max-ziplist-entries 7",
            "hash-max-listpack-entries",
            "7",
        ),
        (
            "shutdown-on-sigterm nosave now",
            "shutdown-on-sigterm",
            "nosave now",
        ),
        (
            "shutdown-on-sigint default",
            "shutdown-on-sigint",
            "default",
        ),
        (
            "oom-score-adj-values 1 2 3",
            "oom-score-adj-values",
            "1 2 3",
        ),
        (
            "latency-tracking-info-percentiles 50 99.9",
            "latency-tracking-info-percentiles",
            "50 99.9",
        ),
        (
            "latency-tracking-info-percentiles \"\"",
            "latency-tracking-info-percentiles",
            "",
        ),
        ("jemalloc-bg-thread no", "jemalloc-bg-thread", "no"),
        ("repl-backlog-size 2mb", "repl-backlog-size", "2097152"),
        ("maxmemory 0", "maxmemory", "0"),
        ("replicaof no one", "replicaof", ""),
        ("tls-port 0", "tls-port", "0"),
        ("requirepass \"a b\\x21\"", "requirepass", "a b!"),
        ("hz 100000", "hz", "500"),
        ("dir '/var/lib/my data'", "dir", "/var/lib/my data"),
        (
            "client-output-buffer-limit normal 1mb 512kb 5",
            "client-output-buffer-limit",
            "normal 1048576 524288 5 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
    ] {
        let settings = from_text(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(shown(&settings, name), expected, "{line}");
    }
}

#[test]
fn mistakes_name_their_reason() {
    for (line, reason) in [
        ("port abc", "argument couldn't be parsed into an integer"),
        (
            "port 70000",
            "argument must be between 0 and 65535 inclusive",
        ),
        ("port 1 2", "wrong number of arguments"),
        ("daemonize", "wrong number of arguments"),
        ("nosuch 1", "Bad directive or wrong number of arguments"),
        ("port \"1", "Unbalanced quotes in configuration line"),
        ("save a", "Invalid save parameters"),
        ("save 0 1", "Invalid save parameters"),
        (
            "appenddirname a/b",
            "appenddirname can't be a path, just a filename",
        ),
        ("appenddirname \"\"", "appenddirname can't be empty"),
        ("rename-command get", "wrong number of arguments"),
        (
            "client-output-buffer-limit foo 1 1 1",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "proc-title-template {foo}",
            "template format is invalid or contains unknown variables",
        ),
        (
            "cluster-enabled yes",
            "not supported yet by this build: cluster mode",
        ),
        (
            "replicaof 10.0.0.1 6379",
            "not supported yet by this build: being a replica of another server",
        ),
        (
            "tls-port 6380",
            "not supported yet by this build: TLS connections",
        ),
        (
            "loadmodule /x.so",
            "not supported yet by this build: loading modules",
        ),
        (
            "maxmemory 100mb",
            "not supported yet by this build: a memory limit with eviction",
        ),
        (
            "supervised upstart",
            "not supported yet by this build: upstart; use systemd or no",
        ),
    ] {
        let error = from_text(&format!("# a comment\n\n{line}\n")).expect_err(line);
        assert_eq!(
            (error.reason.as_str(), error.line, error.text.as_str()),
            (reason, Some(3), line)
        );
        assert_eq!(error.place, "x.conf");
    }
}

#[test]
fn secrets_stay_out_of_messages() {
    for line in ["requirepass a b", "requirepass \"open", "masterauth a b"] {
        let error = from_text(line).expect_err(line);
        let name = line.split(' ').next().unwrap_or_default();
        assert_eq!(error.text, format!("{name} ..."));
    }
}

#[test]
fn later_overrides_and_save_adds_up() {
    let settings = from_text(
        "port 1\nport 2\nsave 900 1\nsave 10 5\nrename-command GET b\nrename-command set \"\"",
    )
    .expect("valid");
    assert_eq!(settings.network.port, 2);
    assert_eq!(
        settings.persistence.save,
        [
            SaveRule {
                seconds: 900,
                changes: 1
            },
            SaveRule {
                seconds: 10,
                changes: 5
            }
        ]
    );
    assert_eq!(
        settings.security.renames,
        [("GET".into(), "b".into()), ("set".into(), String::new())]
    );
    assert!(
        from_text("save 900 1\nsave \"\"")
            .expect("valid")
            .persistence
            .save
            .is_empty()
    );
    let settings = from_text("save \"\"\nsave 5 5").expect("valid");
    assert_eq!(
        settings.persistence.save,
        [SaveRule {
            seconds: 5,
            changes: 5
        }]
    );
}

#[test]
fn includes_stand_where_they_are_named() {
    let mut files = sources(&[
        ("main", "port 1\ninclude a.conf\ninclude d/*.conf\nhz 20"),
        ("a.conf", "port 2"),
        ("d/1.conf", "port 3"),
        ("d/2.conf", "port 4\nhz 30"),
        ("loop", "include loop"),
    ]);
    let settings = run(&["main"], &mut files).expect("valid");
    assert_eq!((settings.network.port, settings.process.hz), (4, 20));
    assert_eq!(settings.config_file, Some(PathBuf::from("/conf/main")));
    assert_eq!(
        run(&["loop"], &mut files).expect_err("a cycle").reason,
        "Includes are nested too deeply"
    );
    let error = run(&["missing"], &mut files).expect_err("no file");
    assert_eq!(
        (error.line, error.reason.as_str()),
        (None, "can't open it: no such file")
    );
}

#[test]
fn the_command_line_comes_last() {
    let mut files = sources(&[("x.conf", "port 1\nappendfsync no")]);
    files.stdin = b"port 2\nhz 11".to_vec();
    let settings = run(
        &["x.conf", "--port", "3", "--appendfsync", "always", "-"],
        &mut files,
    )
    .expect("valid");
    assert_eq!((settings.network.port, settings.process.hz), (3, 11));
    assert_eq!(settings.persistence.appendfsync, Fsync::Always);
    let settings = run(&["-", "--timeout", "5"], &mut files).expect("valid");
    assert_eq!(
        (settings.network.port, shown(&settings, "timeout").as_str()),
        (2, "5")
    );
}

#[test]
fn words_of_the_command_line() {
    for (args, lines) in [
        (vec!["--port", "7"], vec![r#"port "7""#]),
        (
            vec!["--bind", "127.0.0.1", "::1"],
            vec![r#"bind "127.0.0.1" "::1""#],
        ),
        (
            vec!["--save", "--port", "7"],
            vec![r#"save """#, r#"port "7""#],
        ),
        (
            vec!["--port", "7", "--save"],
            vec![r#"port "7""#, r#"save """#],
        ),
        (vec!["--save", ""], vec![r#"save """#]),
        (vec!["--save", "3600", "1"], vec![r#"save "3600" "1""#]),
        (
            vec!["--logfile", "--my--log", "--port", "1"],
            vec![r#"logfile "--my--log""#, r#"port "1""#],
        ),
        (
            vec!["--maxmemory 700mb", "--port", "1"],
            vec!["maxmemory 700mb", r#"port "1""#],
        ),
        (
            vec!["--proc-title-template --my--title", "--hz", "5"],
            vec!["proc-title-template --my--title", r#"hz "5""#],
        ),
        (
            vec!["--shutdown-on-sigint", "nosave force", "--hz", "5"],
            vec![r#"shutdown-on-sigint "nosave force""#, r#"hz "5""#],
        ),
        (vec!["--port"], vec!["port"]),
    ] {
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let got: Vec<String> = CommandLine::parse(&args)
            .lines
            .into_iter()
            .map(|line| String::from_utf8(line).expect("UTF-8"))
            .collect();
        assert_eq!(got, lines, "{args:?}");
    }
}

#[test]
fn a_quoted_list_counts_as_its_words() {
    let settings = run(
        &["--shutdown-on-sigint", "nosave force", "--save", "60 1"],
        &mut sources(&[]),
    )
    .expect("valid");
    assert_eq!(shown(&settings, "shutdown-on-sigint"), "nosave force");
    assert_eq!(
        settings.persistence.save,
        [SaveRule {
            seconds: 60,
            changes: 1
        }]
    );
}

#[test]
fn the_message_shows_place_line_and_reason() {
    let error = run(&["--port", "x"], &mut sources(&[])).expect_err("no number");
    let expected = "*** FATAL CONFIG FILE ERROR ***\nReading the command line, at line 1\n>>> 'port \"x\"'\n\
                    argument couldn't be parsed into an integer";
    assert_eq!(error.to_string(), expected);
}
