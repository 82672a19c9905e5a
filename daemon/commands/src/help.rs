//! The reply of a container's HELP.

use esker_resp::Reply;

/// One line per subcommand and one per explanation, between the head and the entry for HELP itself.
pub fn write_help(out: &mut Reply<'_>, container: &str, entries: &[(&str, &str)]) {
    out.array(entries.len() * 2 + 3);
    out.simple(&format!(
        "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for (usage, explanation) in entries.iter().chain(&[("HELP", "Print this help.")]) {
        out.simple(usage);
        out.simple(&format!("    {explanation}"));
    }
}
