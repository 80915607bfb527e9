//! The documents name the same errors, states, waits and profile fields as the code and the state
//! machine.

// JSON is indexed by name, which gives null for an absent field.
#![allow(clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hookline_domain::admission::launches_within;
use hookline_domain::profile::NamingProfile;
use hookline_domain::profile::Profile;
use hookline_domain::tags::NamePreset;
use hookline_domain::tags::facts::{NAME_VARIABLE, VARIABLES};
use hookline_statemachine::retry::Retrier;
use hookline_statemachine::state::State;
use hookline_statemachine::{LAUNCH_NODE, NAME_NODE, StateMachine, States};
use serde_json::{Value, json};

const ERRORS: &str = include_str!("../../../docs/errors.md");
const STATES: &str = include_str!("../../../docs/states.md");
const HOOK: &str = include_str!("../../../docs/operations/hook.md");
const LOGS: &str = include_str!("../../../docs/operations/logs.md");
const PROFILE: &str = include_str!("../../../docs/profile.md");
const TRY_IT: &str = include_str!("../../../docs/try-it.md");
const PERFORMANCE: &str = include_str!("../../../docs/performance.md");
const NAMING: &str = include_str!("../../../docs/naming.md");

/// The states of the launch's and the naming's state machine, by name.
fn states() -> Result<States> {
    let mut states = StateMachine::read(LAUNCH_NODE)?.states;
    states.extend(StateMachine::read(NAME_NODE)?.states);
    Ok(states)
}

/// The errors that the state machines themselves end with.
fn errors_of(states: &States) -> BTreeSet<&str> {
    let mut errors = BTreeSet::new();
    for state in states.values() {
        if let State::Fail(fail) = state {
            errors.extend(fail.error.as_deref());
        }
    }
    errors
}

/// The names in the first columns of a document's tables.
fn first_columns(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .collect()
}

/// The text of each code block of a language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    document
        .split("\n```")
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

#[test]
fn every_error_is_in_errors_md_and_nothing_else() -> Result<()> {
    let states = states()?;
    let mut wanted: BTreeSet<&str> = hookline_domain::Error::TYPES.iter().copied().collect();
    wanted.extend(errors_of(&states));
    let found: BTreeSet<&str> = first_columns(ERRORS)
        .into_iter()
        .filter(|name| name.starts_with("Hookline."))
        .collect();
    assert_eq!(found, wanted);
    Ok(())
}

#[test]
fn errors_md_names_no_unknown_error() -> Result<()> {
    let states = states()?;
    let errors = errors_of(&states);
    for name in ERRORS
        .split('`')
        .filter(|text| text.starts_with("Hookline."))
    {
        ensure!(
            hookline_domain::Error::TYPES.contains(&name) || errors.contains(name),
            "{name}"
        );
    }
    Ok(())
}

/// After ABANDON the launch is over, and `hookline explain` says that no replay helps.
#[test]
fn errors_md_advises_a_replay_only_for_launches_that_are_not_over() -> Result<()> {
    let rows = ERRORS
        .lines()
        .filter(|line| line.starts_with("| `Hookline."));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    ensure!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let [name, _, becomes, remedy] = row[..] else {
            bail!("{row:?}");
        };
        let is_over = becomes.starts_with("ABANDON") || becomes.contains("then ABANDON");
        ensure!(!is_over || !remedy.contains("replay"), "{name}: {remedy}");
    }
    Ok(())
}

#[test]
fn try_it_md_fills_each_placeholder_of_the_state_machine() {
    let placeholders: BTreeSet<&str> = LAUNCH_NODE
        .split("${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0))
        .collect();
    assert!(placeholders.len() > 5, "{placeholders:?}");
    for name in placeholders {
        assert!(TRY_IT.contains(&format!("${{{name}}}/")), "{name}");
    }
}

/// The longest waits of a retrier, as a row of `docs/errors.md`.
fn row(retrier: &Retrier) -> Result<String> {
    let (Some(retries), Some(first), Some(factor), Some(longest)) = (
        retrier.max_attempts,
        retrier.interval_seconds,
        retrier.backoff_rate,
        retrier.max_delay_seconds,
    ) else {
        bail!("a default is used in {retrier:?}");
    };
    let delays = (0..).map_while(|retry| retrier.full_delay(retry));
    let sum = delays.sum::<Duration>().as_secs_f64();
    Ok(format!(
        "| {retries} | {first} s × {factor}, {longest} s | {sum:.0} s |"
    ))
}

#[test]
fn errors_md_says_how_long_each_retrier_waits() -> Result<()> {
    let rows: Vec<&str> = ERRORS
        .lines()
        .filter(|line| line.ends_with(" s |"))
        .collect();
    let mut said = BTreeSet::new();
    for (name, state) in states()? {
        for retrier in state.retry() {
            let wanted = row(retrier)?;
            let errors: Vec<&String> = retrier
                .error_equals
                .iter()
                .filter(|error| error.starts_with("Hookline."))
                .collect();
            let found = rows.iter().position(|row| {
                row.ends_with(&wanted)
                    && errors.iter().all(|error| row.contains(error.as_str()))
                    && (row.contains(&format!("in `{name}`")) || row.contains("in each task"))
            });
            said.insert(found.with_context(|| format!("no row for {name} {errors:?}: {wanted}"))?);
        }
    }
    assert_eq!(said.len(), rows.len(), "a row that no retrier has");
    Ok(())
}

/// A row of the table of the largest scale-outs: for so many networks, with SourceDestCheck off and
/// as EC2 creates it, each with the VPC CNI and without it.
fn largest_scale_outs(networks: usize) -> Result<String> {
    /// EKS's 15 minutes, less one for the launch after its turn and for the node's joining.
    const SECONDS: u32 = 840;
    let mut cells = vec![networks.to_string()];
    for source_dest_check in [false, true] {
        for vpc_cni_interfaces in [1, 0] {
            let slots: Vec<Value> = (1..=networks)
                .map(|n| {
                    json!({
                        "network": format!("n{n}"),
                        "subnetIds": [format!("subnet-{n:017x}")],
                        "sourceDestCheck": source_dest_check,
                    })
                })
                .collect();
            let profile = Profile::read(json!({
                "name": "upf",
                "selector": {"autoScalingGroupNames": ["upf"]},
                "hook": {"name": "hookline-launch"},
                "securityGroupIds": ["sg-00000000000000001"],
                "slots": slots,
                "requestRates": {"vpcCniInterfaces": vpc_cni_interfaces},
            }))?;
            cells.push(launches_within(&profile, SECONDS).to_string());
        }
    }
    Ok(format!("| {} |", cells.join(" | ")))
}

#[test]
fn performance_md_has_the_largest_scale_out_within_fifteen_minutes() -> Result<()> {
    for networks in [1, 2, 3, 4, 6, 8] {
        let row = largest_scale_outs(networks)?;
        ensure!(
            PERFORMANCE.contains(&row),
            "docs/performance.md lacks this row of the largest scale-outs: {row}"
        );
    }
    Ok(())
}

#[test]
fn hook_md_says_how_long_an_execution_may_take() -> Result<()> {
    let limit = StateMachine::read(LAUNCH_NODE)?.timeout_seconds;
    let said = format!(
        "state machine's `TimeoutSeconds`,\n  which is {}.",
        limit.context("no TimeoutSeconds")?
    );
    ensure!(
        HOOK.contains(&said),
        "docs/operations/hook.md lacks: {said}"
    );
    Ok(())
}

#[test]
fn every_state_is_in_its_document_with_its_type_and_what_it_adds() -> Result<()> {
    states_are_told(LAUNCH_NODE, STATES)?;
    // naming.md has many tables. The one of the states comes after its heading.
    let (_, states) = NAMING
        .split_once("## The state machine")
        .context("no section")?;
    states_are_told(NAME_NODE, states)
}

fn states_are_told(machine: &str, document: &str) -> Result<()> {
    let states = StateMachine::read(machine)?.states;
    for (name, state) in &states {
        let kind = state.kind();
        let start = match state.result_path() {
            Some(path) => format!("| `{name}` | {kind} | `{path}` |"),
            None => format!("| `{name}` | {kind} | |"),
        };
        ensure!(
            document.lines().any(|line| line.starts_with(&start)),
            "no row {start}"
        );
    }
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 5)
        .count();
    assert_eq!(rows, states.len(), "a row for a state that there is not");
    Ok(())
}

#[test]
fn the_examples_of_states_md_are_json() -> Result<()> {
    let blocks = blocks(STATES, "json");
    ensure!(!blocks.is_empty(), "no example");
    for block in blocks {
        serde_json::from_str::<Value>(block).with_context(|| block.to_owned())?;
    }
    Ok(())
}

#[test]
fn the_profiles_of_profile_md_are_accepted() -> Result<()> {
    let blocks = blocks(PROFILE, "json");
    ensure!(blocks.len() >= 2, "{} examples", blocks.len());
    for block in blocks {
        Profile::read(serde_json::from_str(block)?)?;
    }
    Ok(())
}

#[test]
fn the_profiles_of_naming_md_are_accepted_and_all_json_is_json() -> Result<()> {
    let mut profiles = 0;
    for block in blocks(NAMING, "json") {
        let mut value: Value = serde_json::from_str(block).with_context(|| block.to_owned())?;
        if value.get("profile").is_some() {
            value = value["profile"].take();
        }
        if value.get("selector").is_some() {
            NamingProfile::read(value)?;
            profiles += 1;
        }
    }
    assert_eq!(profiles, 3);
    Ok(())
}

#[test]
fn naming_md_has_every_field_variable_and_preset() -> Result<()> {
    let columns = first_columns(NAMING);
    let example = blocks(NAMING, "json").into_iter().next().context("none")?;
    let profile = NamingProfile::read(serde_json::from_str(example)?)?;
    let written = serde_json::to_value(profile)?;
    for field in written
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
    {
        ensure!(columns.contains(field.as_str()), "no row for {field}");
    }
    for variable in VARIABLES.into_iter().chain([NAME_VARIABLE]) {
        let is_told = columns
            .iter()
            .any(|column| column.split("`, `").any(|one| one == variable));
        ensure!(is_told, "no row for the variable {variable}");
    }
    for preset in NamePreset::ALL {
        let name = serde_json::to_value(preset)?;
        let row = format!("| `{}` |", name.as_str().unwrap_or_default());
        let template = preset.template().replace(" | ", r" \| ");
        let is_told = NAMING
            .lines()
            .any(|line| line.starts_with(&row) && line.ends_with(&format!("`{template}` |")));
        ensure!(is_told, "no row {row} with {template}");
    }
    Ok(())
}

/// The texts of the log lines in a source: the last literal of each macro, and of each call of the
/// function that logs a message.
fn messages(source: &str) -> BTreeSet<String> {
    let begins = ["info!(", "warn!(", "error!(", "delete_or_warn("];
    let calls = begins.iter().flat_map(|begin| source.split(begin).skip(1));
    let messages = calls.filter_map(last_literal);
    // The message of the function's caller.
    messages.filter(|message| message != "{message}").collect()
}

/// The last string literal before the end of a call, whose text begins after its parenthesis.
fn last_literal(call: &str) -> Option<String> {
    let (mut depth, mut found, mut literal) = (1, None, None::<String>);
    let mut characters = call.chars();
    while depth > 0 {
        match (characters.next()?, &mut literal) {
            ('"', Some(_)) => found = literal.take(),
            ('\\', Some(text)) => text.extend(characters.next()),
            (other, Some(text)) => text.push(other),
            ('"', None) => literal = Some(String::new()),
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            (_, None) => {}
        }
    }
    found
}

/// The messages of each source file of the handlers, by the function's name. `mod` and the files beside
/// it that are no function have those of several.
fn logged() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let handlers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/src/handlers");
    let mut logged = BTreeMap::<String, BTreeSet<String>>::new();
    for entry in std::fs::read_dir(handlers)? {
        let path = entry?.path();
        let name = path.file_stem().context("no name")?.to_string_lossy();
        let of = logged.entry(name.replace('_', "-")).or_default();
        let files = match path.is_dir() {
            true => std::fs::read_dir(&path)?
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<_>>()?,
            false => vec![path.clone()],
        };
        for file in files {
            of.extend(messages(&std::fs::read_to_string(file)?));
        }
    }
    Ok(logged)
}

#[test]
fn logs_md_has_every_message_of_each_function_and_no_other() -> Result<()> {
    let (_, table) = LOGS
        .split_once("| function | messages |\n")
        .context("no table")?;
    let rows = table.lines().skip(1).take_while(|row| row.starts_with('|'));
    let mut told = BTreeMap::new();
    for row in rows {
        let mut words = row.split('`').skip(1).step_by(2);
        let function = words.next().context("no name")?;
        told.insert(function, words.collect::<BTreeSet<&str>>());
    }
    let logged = logged()?;
    let is = |said: &str, message: &str| match said.strip_suffix('…') {
        Some(beginning) => message.starts_with(beginning),
        None => said == message,
    };
    let (functions, shared): (Vec<_>, Vec<_>) = logged
        .iter()
        .partition(|(name, _)| told.contains_key(name.as_str()));
    assert_eq!(functions.len(), told.len(), "a row of no function");
    let shared: BTreeSet<&String> = shared.into_iter().flat_map(|(_, it)| it).collect();
    for (function, messages) in functions {
        let told = &told[function.as_str()];
        for message in messages {
            let mut said = told.iter();
            ensure!(
                said.any(|said| is(said, message)),
                "logs.md lacks {message:?} of {function}"
            );
        }
        // A row may name another function, which says its own.
        let others = told.iter().filter(|said| !logged.contains_key(**said));
        for said in others {
            let mut all = messages.iter().chain(shared.iter().copied());
            ensure!(
                all.any(|message| is(said, message)),
                "{function} does not log {said:?}"
            );
        }
    }
    for message in shared {
        let mut said = told.values().flatten();
        ensure!(
            said.any(|said| is(said, message)),
            "logs.md lacks {message:?}"
        );
    }
    Ok(())
}

/// The documents whose links are checked.
fn documents() -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pages = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    let mut found: Vec<PathBuf> = pages.iter().map(|page| root.join(page)).collect();
    for folder in [
        "docs",
        "docs/adr",
        "docs/cross-az-traffic",
        "docs/operations",
        "statemachine",
    ] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// GitHub's name of a heading's anchor.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_point_to_what_exists() -> Result<()> {
    for document in documents()? {
        let text =
            std::fs::read_to_string(&document).with_context(|| document.display().to_string())?;
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
            .filter(|target| !target.contains("://"))
        {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                document.with_file_name(file)
            };
            let there = path.exists()
                && (heading.is_empty()
                    || std::fs::read_to_string(&path)?
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == heading));
            ensure!(there, "{}: {target}", document.display());
        }
    }
    Ok(())
}
