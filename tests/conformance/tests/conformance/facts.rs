//! The facts themselves.

use std::collections::BTreeSet;
use std::path::Path;

use hookline_conformance::fact::Need;
use hookline_conformance::run::{Plan, Verdict};
use hookline_conformance::{facts, fake, page, report};

fn everything() -> Plan {
    Plan {
        with_network_cards: true,
        ..Plan::default()
    }
}

#[test]
fn every_fact_holds_on_the_fake_aws() {
    let outcomes = fake::run(&everything(), |_| ()).unwrap();
    let wrong: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !matches!(outcome.verdict, Verdict::Holds { .. }))
        .map(report::lines)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcomes.len(), facts::all().len());
    println!("{}", report::summary(&outcomes));
}

#[test]
fn each_fact_has_a_name_of_its_own_a_sentence_and_a_public_source() {
    let mut names = BTreeSet::new();
    for fact in facts::all() {
        assert!(names.insert(fact.name), "{} is there twice", fact.name);
        assert!(fact.says.ends_with('.'), "{}", fact.says);
        let url = fact.source.url;
        let public = ["https://docs.aws.amazon.com/", "https://github.com/"];
        assert!(public.iter().any(|at| url.starts_with(at)), "{url}");
    }
}

#[test]
fn page_of_facts_is_current() {
    let page = page::page().unwrap();
    assert!(
        page == include_str!("../../../../docs/facts.md"),
        "docs/facts.md is not current; run `cargo xtask facts`"
    );
    for fact in facts::all() {
        assert!(page.contains(&format!("`{}`", fact.name)), "{}", fact.name);
    }
}

#[test]
fn large_instance_is_skipped_unless_it_is_asked_for() {
    let plan = Plan {
        only: Some("second_card".to_owned()),
        ..Plan::default()
    };
    assert!(!plan.needs(Need::NetworkCards));
    let outcomes = fake::run(&plan, |_| ()).unwrap();
    assert!(matches!(outcomes[0].verdict, Verdict::Skipped { .. }));
    assert!(!outcomes[0].is_difference());
}

/// Codes that the functions tell apart and no fact is about, each with the reason.
const WITHOUT_A_FACT: [(&str, &str); 2] = [
    (
        "UnauthorizedOperation",
        "it takes a role with fewer rights; IAM's simulator decides on the roles",
    ),
    (
        "ExecutionAlreadyExists",
        "it takes a state machine with a role",
    ),
];

#[test]
fn each_error_code_that_the_functions_tell_apart_is_in_a_fact() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/src/aws");
    let mut codes = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        // Codes are in patterns: `Some("A" | "B") =>`, or in a comparison or a constant of one.
        for line in code.lines().map(str::trim) {
            let is_pattern = [
                "Some(\"",
                "| \"",
                "code @ (\"",
                "\"Invalid",
                "NOT_ALLOWED: &str",
            ];
            if is_pattern.iter().any(|start| line.contains(start)) {
                codes.extend(quoted(line).map(str::to_owned));
            }
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    let facts = facts::all();
    let in_facts: BTreeSet<&str> = facts
        .iter()
        .flat_map(|fact| fact.expected.codes)
        .copied()
        .collect();
    let excepted = WITHOUT_A_FACT.map(|(code, _)| code);
    let missing: Vec<&String> = codes
        .iter()
        .filter(|code| !in_facts.contains(code.as_str()) && !excepted.contains(&code.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (code, _) in WITHOUT_A_FACT {
        assert!(codes.contains(code), "{code} is not told apart any more");
        assert!(!in_facts.contains(code), "{code} is in a fact now");
    }
}

/// The quoted words of a line that look like an error code.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('"').skip(1).step_by(2);
    quoted.filter(|text| {
        let is_name = text.chars().all(|c| c.is_ascii_alphabetic() || c == '.');
        // A state of an execution is in capitals.
        let is_code = text.contains(|c: char| c.is_ascii_lowercase());
        is_name && is_code && text.starts_with(|c: char| c.is_ascii_uppercase())
    })
}
