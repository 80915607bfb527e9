//! `cargo xtask states`: docs/states.md, to the standard output. The tables of fields are made from
//! the Rust types, the table of states from the state machine's file, and the examples from runs on
//! the fake AWS.

// JSON is indexed by name here, which gives null where nothing is.
#![allow(clippy::indexing_slicing)]

mod fields;
mod runs;

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use hookline_domain::execution::{
    Allocation, Completion, DeleteOnTermination, Execution, Plan, Release, StartupTaintRemoval,
    Summary,
};
use hookline_statemachine::state::{State, Task};
use hookline_statemachine::{LAUNCH_NODE, StateMachine};
use serde_json::Value;

use runs::Runs;

const HEAD: &str = "# The data of an execution

<!-- Written by `cargo xtask states`: from the Rust types, the state machine's file, and runs on the fake AWS. -->

The input of an execution is `{ \"event\": …, \"profile\": … }`. `TagNode` reads and checks both, once, and returns the whole
of the execution's data. Each later task is given what it names, and puts its result under a key of its own. Nothing is taken
away, so the input of the last state is the whole story. The output of an execution that succeeded is what an operator looks
for: [`$.completion`](#completion).

The examples come from a group `upf` with two networks. To start an execution again with the same input, see
[operations/replay.md](operations/replay.md). A drawing is in [launch.md](launch.md).

## The states

| state | type | adds | |
|---|---|---|---|
";

fn main() -> Result<()> {
    let machine = StateMachine::read(LAUNCH_NODE)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let runs = runtime.block_on(Runs::new())?;
    // The fake API server's TLS needs the machine's clock.
    let of_the_machine = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let startup_taint = of_the_machine.block_on(runs::startup_taint())?;

    let mut page = HEAD.to_owned();
    for name in in_order(&machine) {
        let state = machine.states.get(name).context("no state")?;
        let adds = match state.result_path() {
            Some(path) => format!("`{path}`"),
            None => String::new(),
        };
        let adds = if adds.is_empty() {
            "| |".to_owned()
        } else {
            format!("| {adds} |")
        };
        let comment = comment(state);
        writeln!(page, "| `{name}` | {} {adds} {comment} |", state.kind())?;
    }
    page.push_str(
        "\n## What each function is given\n\nThe names are keys of the execution's data (`plan` is `$.plan`), unless the table says otherwise. \
         `execution` is the execution's\nname, for the logs.\n\n| state | is given |\n|---|---|\n",
    );
    for name in in_order(&machine) {
        if let Some(State::Task(task)) = machine.states.get(name)
            && task.resource.starts_with("${")
        {
            writeln!(page, "| `{name}` | {} |", given(task)?)?;
        }
    }
    for (heading, text, table, example) in [
        (
            "$",
            "What `TagNode` returns.",
            fields::table::<Execution>(),
            &runs.tagged,
        ),
        (
            "$.plan",
            "What `PlanInterfaces` returns. This plan waits for its turn, and the one after it creates.",
            fields::table::<Plan>(),
            &runs.plans,
        ),
        (
            "$.allocation",
            "What `CreateInterfaces` returns. Here somebody else took an address between the plan and the create.",
            fields::table::<Allocation>(),
            &runs.allocation,
        ),
        (
            "$.wired",
            "What `AttachInterfaces` returns.",
            fields::table::<Summary>(),
            &runs.wired,
        ),
        (
            "$.completion",
            "What `ContinueLaunch` and `AbandonLaunch` return, and the output of an execution that succeeded.",
            fields::table::<Completion>(),
            &runs.completion,
        ),
        (
            "$.startupTaint",
            "What `RemoveStartupTaint` returns, for a profile with a [startup taint](startup-taint.md). Here the node had not registered at first.",
            fields::table::<StartupTaintRemoval>(),
            &startup_taint,
        ),
        (
            "$.deleteOnTermination",
            "What `SetDeleteOnTermination` returns, in a large scale-out. Here it waited, and then set the attribute.",
            fields::table::<DeleteOnTermination>(),
            &runs.delete_on_termination,
        ),
        (
            "$.release",
            "What `ReleaseInterfaces` returns, after a launch that was abandoned.",
            fields::table::<Release>(),
            &runs.release,
        ),
    ] {
        writeln!(page, "\n## {heading}\n\n{text}\n\n{table}")?;
        block(&mut page, example)?;
    }
    page.push_str(
        "\n## $.failure\n\nWhat a catcher stores: the error's name, and its cause as JSON in a text. What came of the hook's \
         last extension is in `$.extension`,\na failed ABANDON in `$.completionFailure`, a failed release in `$.releaseFailure`, an instance that was still \
         pending in `$.pending`,\nan interface that was lost in `$.lost`, and a failed `SetDeleteOnTermination` in `$.deleteOnTerminationFailure`. The\nerrors are in [errors.md](errors.md).\n\n",
    );
    block(&mut page, &runs.failure)?;
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(())
}

fn block(page: &mut String, example: &Value) -> Result<()> {
    writeln!(
        page,
        "```json\n{}\n```",
        serde_json::to_string_pretty(example)?
    )?;
    Ok(())
}

/// The states' names in the order of the file, which is that of a launch.
fn in_order(machine: &StateMachine) -> Vec<&str> {
    let mut names: Vec<&str> = machine.states.keys().map(String::as_str).collect();
    names.sort_by_key(|name| LAUNCH_NODE.find(&format!("\n    \"{name}\": {{")));
    names
}

fn comment(state: &State) -> String {
    let json = serde_json::to_value(state).unwrap_or_default();
    let text = json.get("Comment").and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// What a task names in its `Parameters`.
fn given(task: &Task) -> Result<String> {
    let parameters = serde_json::to_value(&task.parameters)?;
    let parameters = parameters.as_object().context("no Parameters")?;
    let parts = parameters.iter().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        match name.strip_suffix(".$") {
            Some(name) if value == format!("$.{name}") => format!("`{name}`"),
            Some("execution") => "`execution`".to_owned(),
            Some(name) => format!("`{name}` (`{value}`)"),
            None => format!("`{name}` (\"{value}\")"),
        }
    });
    Ok(parts.collect::<Vec<_>>().join(", "))
}
