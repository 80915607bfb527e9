//! docs/iam.md names the actions that are allowed.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::permissions::{Actions, PEOPLE, allowed, difference, of_programs};

const IAM: &str = include_str!("../../../../docs/iam.md");

/// The names in a cell of a table that look like actions.
fn actions_in(text: &str) -> BTreeSet<String> {
    text.split('`')
        .filter(|name| {
            name.split_once(':').is_some_and(|(service, _)| {
                [
                    "autoscaling",
                    "cloudwatch",
                    "ec2",
                    "eks",
                    "events",
                    "lambda",
                    "states",
                ]
                .contains(&service)
            })
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn iam_md_has_the_actions_of_each_function() -> Result<()> {
    let (_, section) = IAM
        .split_once("\n## The actions of each function\n")
        .context("no heading The actions of each function")?;
    let (section, _) = section.split_once("\n## ").context("no heading after it")?;
    let mut said = Actions::new();
    for line in section.lines() {
        if let Some((name, cells)) = line
            .strip_prefix("| `")
            .and_then(|row| row.split_once("` |"))
        {
            said.insert(name.to_owned(), actions_in(cells));
        }
    }
    let allowed = of_programs()?;
    assert_eq!(
        difference(&said, &allowed),
        Vec::<String>::new(),
        "in docs/iam.md only"
    );
    assert_eq!(
        difference(&allowed, &said),
        Vec::<String>::new(),
        "not in docs/iam.md"
    );
    Ok(())
}

#[test]
fn iam_md_has_the_actions_of_the_policies_for_people() -> Result<()> {
    let (_, section) = IAM
        .split_once("\n## What a person needs for the `hookline` command\n")
        .context("no heading about people")?;
    let (command, policies) = section
        .split_once("\n## Policies for people\n")
        .context("no heading about their policies")?;
    let (policies, _) = policies
        .split_once("\n## ")
        .context("no heading after it")?;
    // The policies allow what the command calls, and more.
    let section = [command, policies].join("\n");
    let said = actions_in(&section);
    for name in PEOPLE {
        let actions = allowed()?.remove(name).context("no such policy")?;
        let unsaid: Vec<_> = actions.difference(&said).collect();
        ensure!(unsaid.is_empty(), "{name}: not in docs/iam.md: {unsaid:?}");
    }
    Ok(())
}
