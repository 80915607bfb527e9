//! What the commands print, kept in files: the help of each, and each in one scene, as text and as
//! JSON. A change of a text is seen in the difference of a file. `INSTA_UPDATE=always` writes them
//! anew.
//!
//! What differs from run to run is masked: ids and addresses by the order in which they appear,
//! times and ages.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use assert_cmd::assert::Assert;
use hookline_functions::handlers::Skipped;
use hookline_functions::handlers::adopt::Report;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::ec2::InstanceState;
use hookline_local::lambda::FunctionConfig;
use hookline_testkit::wait::wait_for;
use regex_lite::{Captures, Regex};

use crate::deployed::Deployed;
use crate::explain::lost_launch;
use crate::program::{hookline, stdout};
use crate::stderr;
use crate::timeline::launches;
use crate::versions;

/// Things that are called by the number of their appearance: ids and private addresses.
const NUMBERED: [&str; 2] = [
    r"\b(i|eni|eni-attach|subnet|sg|vpc|lt|ami)-[0-9a-f]{8,17}\b",
    r"\b(10)\.\d+\.\d+\.\d+\b",
];

/// What differs from run to run, and what stands for it.
const MASKED: [(&str, &str); 10] = [
    (
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "UUID",
    ),
    (r"-[0-9a-f]{12}\b", "-DIGEST"),
    (
        r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|UTC|GMT))?",
        "TIME",
    ),
    (r"\b\d\d:\d\d:\d\dZ", "CLOCK"),
    (r"\b1[789]\d{8}(\d{3})?\b", "EPOCH"),
    (r"\b\d+(\.\d+)? (ms|s|min|h)( \d+ (s|min))?\b", "AGE"),
    (r#""(took|longestWaitSeconds)": \d+"#, "\"$1\": NUMBER"),
    (r"127\.0\.0\.1:\d+", "ENDPOINT"),
    // Calls of one launch may be in two seconds.
    (r"at most \d+ in a second", "at most NUMBER in a second"),
    // The widths of columns follow what is masked.
    (r"(\S)  +", "$1  "),
];

fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for pattern in NUMBERED {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let number = |found: &Captures<'_>| {
            let next = seen.len() + 1;
            let n = *seen.entry(found[0].to_owned()).or_insert(next);
            format!("{}-{n}", &found[1])
        };
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, number).into_owned();
    }
    for (pattern, instead) in MASKED {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, instead).into_owned();
    }
    text
}

/// The name of a command line's snapshot.
fn name(line: &str) -> String {
    line.replace(['/', ' ', '.'], "_").replace("--", "")
}

#[test]
fn help_of_each_command_is_as_it_was() {
    // With the commands below a command, which its help names.
    let mut commands = commands_in(&help_of(""), "");
    assert!(!commands.is_empty());
    while let Some(command) = commands.pop() {
        let help = help_of(&command);
        commands.extend(commands_in(&help, &command));
        insta::assert_snapshot!(format!("help_{}", name(&command)), help);
    }
}

fn help_of(command: &str) -> String {
    stdout(&hookline(&format!("{command} --help")).assert().success())
}

/// The commands that a help names, below the command that it is of.
fn commands_in(help: &str, command: &str) -> Vec<String> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap_or_default();
    list.lines()
        .take_while(|line| !line.is_empty())
        // A description that goes on in the next line is indented further.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .filter(|name| *name != "help")
        .map(|name| format!("{command} {name}").trim_start().to_owned())
        .collect()
}

#[test]
fn commands_for_files_print_what_they_did() {
    let invalid = "../functions/fixtures/profiles/invalid";
    let mut lines: Vec<String> = Vec::new();
    for (command, file) in [
        (
            "profile check",
            "../functions/fixtures/profiles/valid/everything-said.json".to_owned(),
        ),
        (
            "profile check",
            format!("{invalid}/node-tags-key-of-aws.json"),
        ),
        ("profile check", "no-such-file.json".to_owned()),
        (
            "user-data explain",
            "../node/user-data/fixtures/eks-managed-al2023.txt".to_owned(),
        ),
        (
            "user-data explain",
            "../node/user-data/fixtures/fault-contradiction.txt".to_owned(),
        ),
        (
            "user-data explain",
            "../node/user-data/fixtures/fault-bomb.gz".to_owned(),
        ),
    ] {
        lines.push(format!("{command} {file}"));
        lines.push(format!("{command} {file} --json"));
    }
    for line in lines {
        // Cargo runs a test in the folder of its package.
        let assert = hookline(&line)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .assert();
        let words = line
            .split(' ')
            .map(|word| word.rsplit('/').next().unwrap_or(word));
        let name = name(&words.collect::<Vec<_>>().join(" "));
        insta::assert_snapshot!(name, printed(&assert));
    }
}

/// `schema` prints files of the repository (`printed.rs`).
#[test]
fn commands_that_print_what_is_made_from_the_types_print_what_they_did() {
    // Of the scripts for shells, that of fish has the descriptions too.
    for line in ["completions fish", "man"] {
        let printed = stdout(&hookline(line).assert().success());
        // The page has the release in it.
        let printed = printed.replace(env!("CARGO_PKG_VERSION"), "RELEASE");
        insta::assert_snapshot!(name(line), printed);
    }
}

/// The exit code of a command, and what it printed on both streams.
fn printed(assert: &Assert) -> String {
    let code = assert.get_output().status.code().unwrap();
    masked(&format!(
        "exit code {code}\n{}{}",
        stdout(assert),
        stderr(assert)
    ))
}

/// Waits until the abandoned instance is gone and its replacement waits, so that all see the same.
async fn at_rest(deployed: &Deployed, abandoned: &str) {
    wait_for(Duration::from_secs(60), "the replacement", async || {
        Ok(deployed.fake.aws.with_world(|world| {
            let states = world.autoscaling.states("upf");
            let waits = |state: &LifecycleState| *state == LifecycleState::PendingWait;
            let is_gone = world
                .ec2
                .instance(abandoned)
                .is_none_or(|it| it.state == InstanceState::Terminated);
            (is_gone && states.len() == 3 && states.values().all(waits)).then_some(())
        }))
    })
    .await
    .unwrap();
}

/// Takes a snapshot of what a command prints in a scene, as text and as JSON.
async fn keep(deployed: &Deployed, kept: &str, line: &str) {
    let name = name(kept);
    insta::assert_snapshot!(name.clone(), printed(&deployed.run(line).await));
    let call = format!("{line} --json");
    insta::assert_snapshot!(format!("{name}_json"), printed(&deployed.run(&call).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn timeline_prints_what_it_did() {
    let (deployed, instance) = launches().await;
    at_rest(&deployed, &instance).await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("upf.html").display().to_string();
    let assert = deployed.run(&format!("timeline upf -o {file}")).await;
    insta::assert_snapshot!("timeline_upf", printed(&assert).replace(&file, "FILE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_print_what_they_did() {
    let deployed = Deployed::start().await;
    for release in ["1.0.0", "1.1.0", "1.2.0"] {
        versions::deploy(&deployed, release);
    }
    // It runs on with the last of the versions that are there.
    versions::start(&deployed).await;
    versions::deploy(&deployed, "1.3.0");
    keep(&deployed, "versions", "versions").await;
    let done = deployed.run("versions --yes").await;
    insta::assert_snapshot!("versions_yes", printed(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_of_a_lost_launch_prints_what_it_did() {
    let (deployed, instance) = lost_launch().await;
    keep(&deployed, "replay lost", &format!("replay {instance}")).await;
    let done = deployed.run(&format!("replay {instance} --yes")).await;
    insta::assert_snapshot!("replay_lost_yes", printed(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_of_two_nodes_prints_what_it_did() {
    let deployed = Deployed::start().await;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/answering.py");
    let node = |n: u32| format!("i-{n:017x}").parse().unwrap();
    let answer = Report {
        started: [node(1), node(2)].into(),
        already_wired: [node(3)].into(),
        skipped: vec![Skipped {
            id: node(4).to_string(),
            reason: "it is not InService in a group of the profiles".to_owned(),
        }],
        ..Report::default()
    };
    let mut function = FunctionConfig::new("hookline-adopt", program);
    // Python starts slowly where other tests run.
    function.timeout = Duration::from_secs(60);
    let answer = serde_json::to_string(&answer).unwrap();
    function.environment = [("ANSWER".to_owned(), answer)].into();
    deployed.fake.aws.lambda().register(function);
    keep(&deployed, "adopt two", "adopt").await;
    keep(&deployed, "adopt two yes", "adopt --yes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_a_scene_print_what_they_did() {
    let (deployed, instance) = launches().await;
    at_rest(&deployed, &instance).await;
    for line in [
        "whoami",
        "status",
        "explain upf",
        "explain INSTANCE",
        "explain i-0badbadbadbadbad0",
        "check",
        "plan upf --nodes 2",
        "plan no-such-group",
        "replay INSTANCE",
        "release INSTANCE",
        "pause upf",
        "pause no-such-group",
        "resume upf",
        "reconcile",
        "adopt",
        "migrate",
        "status --stack no-such-stack",
    ] {
        let kept = line.replace("INSTANCE", "instance");
        keep(&deployed, &kept, &line.replace("INSTANCE", &instance)).await;
    }
}
