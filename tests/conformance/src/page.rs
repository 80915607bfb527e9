//! `docs/facts.md`, made from the facts.

use std::fmt::Write as _;

use anyhow::Result;

use crate::fact::Need;
use crate::facts;

const HEAD: &str = "# Facts about AWS

<!-- Written by `cargo xtask facts`, from the facts in `tests/conformance`. -->

Hookline and the fake AWS rest on these facts. Each is an assertion of the conformance suite, by its name. The tests try them all on the
fake AWS. Nobody has tried them on AWS yet: [conformance.md](conformance.md) shows how you do that with an account of your own.

A source is AWS's documentation, or a public report of what AWS answered if the documentation does not say it.
";

/// The page.
///
/// # Errors
/// Never, in practice: it is written into memory.
pub fn page() -> Result<String> {
    let facts = facts::all();
    let mut page = HEAD.to_owned();
    for (need, heading) in [
        (Need::Nothing, "Policies of the deployed roles, executions"),
        (Need::Deployment, "Roles of a deployment"),
        (Need::Interfaces, "Unattached interfaces, subnets, tags"),
        (Need::Ipv6, "IPv6"),
        (Need::Instance, "Interfaces of an instance"),
        (Need::Group, "Lifecycle hooks and their events"),
        (Need::NetworkCards, "Network cards"),
    ] {
        writeln!(page, "\n## {heading}\n\nThese need {}.\n", need.words())?;
        page.push_str("| fact | expected | source | assertion |\n|---|---|---|---|\n");
        for fact in facts.iter().filter(|fact| fact.needs == need) {
            let expected = match fact.expected.line() {
                line if line.is_empty() => "no error".to_owned(),
                line => line,
            };
            writeln!(
                page,
                "| {} | {} | [{}]({}) | `{}` |",
                cell(fact.says),
                cell(&expected),
                fact.source.title,
                fact.source.url,
                fact.name
            )?;
        }
    }
    writeln!(page, "\n{} facts.", facts.len())?;
    Ok(page)
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace("found by *", "found by `*`")
        .replace("found by \\*", "found by `\\*`")
}
