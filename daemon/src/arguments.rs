//! The command line: flags of the tool, then what redis-server would take.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

/// A Redis-compatible durable store.
#[derive(Parser, Debug)]
#[command(
    name = "eskerd",
    version,
    override_usage = "eskerd [OPTIONS] [CONFIG-FILE] [--DIRECTIVE VALUE ...]",
    after_help = "CONFIG-FILE is in the format of redis.conf; `-` reads it from standard input. Every directive\n\
                  can also be given as an option and then overrides the file.\n\n\
                  Examples:\n  \
                  eskerd\n  \
                  eskerd /etc/esker.conf --port 7777\n  \
                  eskerd --appendfsync always --dir /var/lib/esker\n  \
                  echo 'maxclients 100' | eskerd - --check-config"
)]
pub struct Arguments {
    /// Read the configuration, report what is wrong with it, and exit.
    #[arg(long)]
    pub check_config: bool,
    /// The configuration file, then directives.
    #[arg(skip)]
    pub directives: Vec<String>,
}

/// Splits the flags that clap knows from the directives, wherever they stand.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let mut known = Vec::new();
    let mut directives = Vec::new();
    for (i, arg) in args.into_iter().enumerate() {
        let text = arg.into_string().map_err(|bad| {
            let text = format!("argument is not UTF-8: {}", bad.to_string_lossy());
            Arguments::command().error(clap::error::ErrorKind::InvalidUtf8, text)
        })?;
        let flag = matches!(
            text.as_str(),
            "--help" | "-h" | "--version" | "-V" | "-v" | "--check-config"
        );
        match (i, flag) {
            (0, _) => known.push(text),
            (_, true) if text == "-v" => known.push("--version".to_owned()),
            (_, true) => known.push(text),
            _ => directives.push(text),
        }
    }
    let mut arguments = Arguments::try_parse_from(known)?;
    arguments.directives = directives;
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, check_config: bool, directives: &[&str]) {
        let args =
            parse(line.split_whitespace().map(OsString::from)).expect("a valid command line");
        assert_eq!(
            (args.check_config, args.directives),
            (
                check_config,
                directives.iter().map(|s| s.to_string()).collect()
            )
        );
    }

    #[test]
    fn directives_pass_through_untouched() {
        check("eskerd", false, &[]);
        check(
            "eskerd a.conf --port 1 --save",
            false,
            &["a.conf", "--port", "1", "--save"],
        );
        check(
            "eskerd - --check-config --port 0",
            true,
            &["-", "--port", "0"],
        );
    }

    #[test]
    fn help_names_the_examples() {
        let error =
            parse(["eskerd", "--help"].map(OsString::from)).expect_err("help ends the program");
        assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp);
    }
}
