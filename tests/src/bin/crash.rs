//! `crash`: the crash harness as a program, for runs longer than those of `tests/run`.
//!
//! crash [--kills N] [--seconds S] [--policy always|everysec|no|all] [--power] [--seed N] [--binary PATH]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program reports on its terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use esker_tests::crash::{Keeps, Plan, run};
use esker_tests::process::subject_binary;
use esker_tests::seed::seed;

const USAGE: &str = "usage: crash [--kills N] [--seconds S] [--policy always|everysec|no|all] [--power] [--seed N] [--binary PATH]";

struct Arguments {
    kills: u64,
    seconds: u64,
    policy: String,
    power: bool,
    seed: u64,
    binary: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let policies: Vec<&str> = match arguments.policy.as_str() {
        "all" => vec!["always", "everysec", "no"],
        one => vec![one],
    };
    let share = arguments.seconds / policies.len() as u64;
    let mut good = true;
    for policy in policies {
        let mut plan = Plan::new(policy, arguments.binary.clone(), policy, arguments.seed)
            .kills(arguments.kills);
        plan.time = Duration::from_secs(share);
        plan.change_policy = !arguments.power;
        if arguments.power {
            plan = plan.power(if policy == "always" {
                Keeps::Acknowledged
            } else {
                Keeps::Prefix
            });
        }
        match run(&plan) {
            Ok(report) => {
                println!("{report}");
                good &= report.wrong.is_empty();
            }
            Err(error) => {
                eprintln!("crash {policy}: {error}");
                good = false;
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        kills: 10,
        seconds: 0,
        policy: "all".into(),
        power: false,
        seed: seed(),
        binary: subject_binary(),
    };
    while let Some(word) = words.next() {
        if word == "--power" {
            arguments.power = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{word} {value}: not a number"))
        };
        match word.as_str() {
            "--kills" => arguments.kills = number()?,
            "--seconds" => arguments.seconds = number()?,
            "--seed" => arguments.seed = number()?,
            "--binary" => arguments.binary = PathBuf::from(value),
            "--policy" if ["always", "everysec", "no", "all"].contains(&value.as_str()) => {
                arguments.policy = value
            }
            _ => return Err(format!("{word} {value}: unknown")),
        }
    }
    Ok(arguments)
}
