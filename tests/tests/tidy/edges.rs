//! The dependencies between the crates are those of the plan and no others.

use std::collections::BTreeSet;
use std::process::Command;

use crate::source::root;

/// Who may use whom. Tests and fuzz may use anything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("esker-format", &["esker-resp"]),
    ("esker-resp", &[]),
    ("esker-env", &[]),
    ("esker-keyspace", &["esker-format"]),
    ("esker-commands", &["esker-keyspace", "esker-resp"]),
    (
        "esker-persist",
        &["esker-env", "esker-format", "esker-keyspace"],
    ),
    (
        "esker-server",
        &[
            "esker-commands",
            "esker-keyspace",
            "esker-persist",
            "esker-format",
            "esker-resp",
            "esker-env",
        ],
    ),
    ("eskerd", &["esker-server", "esker-env"]),
    (
        "esker-tools",
        &[
            "esker-format",
            "esker-keyspace",
            "esker-commands",
            "esker-persist",
            "esker-env",
            "esker-resp",
        ],
    ),
];
const FREE: &[&str] = &["esker-tests", "esker-fuzz"];

#[test]
fn crates_depend_on_each_other_as_planned() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().expect("a list of packages") {
        let name = package["name"].as_str().expect("a name").to_string();
        let used = package["dependencies"]
            .as_array()
            .expect("a list of dependencies");
        // A crate may use itself with other features in its tests.
        let used = used
            .iter()
            .filter(|dependency| !dependency["path"].is_null());
        let used: BTreeSet<&str> = used
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|used| *used != name)
            .collect();
        seen.insert(name.clone());
        if FREE.contains(&name.as_str()) {
            continue;
        }
        match ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) {
            None => wrong.push(format!("{name} is not in the plan")),
            Some((_, allowed)) => {
                let extra = used.iter().filter(|used| !allowed.contains(used));
                wrong.extend(extra.map(|used| format!("{name} uses {used}")));
            }
        }
    }
    wrong.extend(
        ALLOWED
            .iter()
            .filter(|(name, _)| !seen.contains(*name))
            .map(|(name, _)| format!("{name} is gone")),
    );
    assert!(
        wrong.is_empty(),
        "edges that the plan does not have:\n{}",
        wrong.join("\n")
    );
}
