//! Kills the real binary under load and checks that nothing acknowledged is lost.
//!
//! One test per policy; `ESKER_KILLS` sets the kills of each (five of them, 20 by default: 100 kills in a run).

use esker_tests::crash::{Keeps, Plan, Report, run};
use esker_tests::process::{house_binary, subject_binary, subject_is_reference};
use esker_tests::seed::{count, seed};

fn plan(name: &str, policy: &str) -> Plan {
    let mut plan =
        Plan::new(name, subject_binary(), policy, seed()).kills(count("ESKER_KILLS", 20));
    if subject_is_reference() {
        return plan;
    }
    // Small segments make rolls and recycling frequent.
    plan = plan
        .flag("log-segment-bytes", "256kb")
        .flag("enable-debug-command", "yes");
    let audit = house_binary("aof-check");
    plan.audit = audit.exists().then_some(audit);
    plan
}

#[expect(
    clippy::print_stdout,
    reason = "the figures and the seed of a run belong into its output"
)]
fn check(plan: &Plan) -> Report {
    let report = run(plan).expect("the harness itself works");
    println!("{report}");
    assert!(report.wrong.is_empty(), "{report}");
    assert!(
        report.kills >= plan.kills && report.acknowledged > 100,
        "the run did too little: {report}"
    );
    report
}

#[test]
fn process_death_loses_nothing_under_always() {
    check(&plan("kill/always", "always"));
}

#[test]
fn process_death_loses_nothing_under_everysec() {
    let mut plan = plan("kill/everysec", "everysec");
    plan.change_policy = true;
    check(&plan);
}

#[test]
fn process_death_loses_nothing_under_no() {
    check(&plan("kill/no", "no"));
}

#[test]
fn power_loss_keeps_what_always_acknowledged() {
    check(&plan("power/always", "always").power(Keeps::Acknowledged));
}

#[test]
fn power_loss_under_everysec_keeps_a_prefix() {
    check(&plan("power/everysec", "everysec").power(Keeps::Prefix));
}

/// The harness can fail: replies of `everysec` come before the sync, and taking them for promises must be noticed.
#[test]
fn an_acknowledgement_before_the_sync_is_caught() {
    let mut plan = plan("power/everysec as always", "everysec")
        .power(Keeps::Acknowledged)
        .kills(30);
    plan.disturb = vec!["PING".into()];
    plan.audit = None;
    let report = run(&plan).expect("the harness itself works");
    assert!(
        report
            .wrong
            .iter()
            .any(|wrong| wrong.contains("acknowledged ones are lost")),
        "an early acknowledgement was not caught: {report}"
    );
    if let Some(dir) = report.kept_dir {
        std::fs::remove_dir_all(dir).expect("the evidence of an expected failure can go");
    }
}
