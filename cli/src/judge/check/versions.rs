//! Whether launches and reconcile run the same code: the versions of functions and of the state
//! machine.

use std::collections::{BTreeMap, BTreeSet};

use super::{LISTED, parts};
use crate::judge::words::list;
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::observed::deployment::{Deployment, Reconcile};
use crate::observed::function::{Function, FunctionRef};
use crate::observed::rule::Rule;

/// What mends functions whose code CloudFormation takes to be as it should.
const ANOTHER_PLACE: &str = "deploy the release with its code at another place, such as another prefix of the bucket: \
    only then CloudFormation publishes versions anew.";

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    let mut found: Vec<Finding> = missing(account).into_iter().collect();
    found.extend(differ(account));
    found.extend(account.deployment.iter().flat_map(of_rules));
    found
}

/// Versions that the state machine or reconcile's rule names, of functions that are there.
fn missing(account: &Account) -> Option<Finding> {
    let functions = account.functions.as_ref()?;
    let missing = functions.iter().filter(|(reference, function)| {
        function.is_none() && function_at(account, &reference.newest()).is_some()
    });
    let missing: Vec<&FunctionRef> = missing.map(|(reference, _)| reference).collect();
    if missing.is_empty() {
        return None;
    }
    let names = list(&missing, LISTED);
    Some(
        Finding::new(
            Kind::FunctionVersionMissing,
            match missing.len() {
                1 => format!("There is no version {names} of a Lambda function."),
                _ => format!("There are no versions {names} of Lambda functions."),
            },
        )
        .about(missing)
        .at(parts::CALLERS)
        .say(format!(
            "Pause the groups until it is mended, and {ANOTHER_PLACE}"
        )),
    )
}

fn function_at<'a>(account: &'a Account, of: &FunctionRef) -> Option<&'a Function> {
    account.functions.as_ref()?.get(of)?.as_ref()
}

/// Functions of several releases, and versions whose code is not that of their function now.
fn differ(account: &Account) -> Option<Finding> {
    let of_machine = account.machine.iter().flat_map(|it| it.functions.clone());
    let of_reconcile = account.deployment.iter().flat_map(|it| &it.reconcile);
    let used: BTreeSet<FunctionRef> = of_machine
        .chain(of_reconcile.filter_map(Reconcile::function))
        .collect();
    let mut releases: BTreeMap<&str, Vec<&FunctionRef>> = BTreeMap::new();
    let mut older = Vec::new();
    for reference in &used {
        let Some(function) = function_at(account, reference) else {
            continue;
        };
        if let Some(release) = &function.release {
            releases.entry(release).or_default().push(reference);
        }
        let newest = function_at(account, &reference.newest());
        if newest.is_some_and(|newest| newest.code != function.code) {
            older.push(reference);
        }
    }
    let problem = match (releases.len(), older.len()) {
        (0 | 1, 0) => return None,
        (0 | 1, _) => format!(
            "The code of {} is not the newest of its function.",
            list(&older, LISTED)
        ),
        (several, _) => {
            format!("Launches and reconcile run functions of {several} releases of Hookline.")
        }
    };
    let mut finding = Finding::new(Kind::VersionsDiffer, problem)
        .because("What one of them changed, such as a fix or a field of the profile, the other one does not know.")
        .at(parts::CALLERS);
    if releases.len() > 1 {
        for (release, functions) in &releases {
            let functions = list(functions, LISTED);
            finding = finding.shown_by(format!("Of the release {release}: {functions}."));
        }
    }
    finding = finding.about(older).say(
        "If an update of the stack is under way, wait for its end. If it failed, deploy again.",
    );
    let stack = account.deployment.as_ref().map(Deployment::stack);
    if let Some(stack) = stack.filter(|stack| !stack.is_empty()) {
        finding = finding.run([
            "aws",
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            stack,
            "--query",
            "Stacks[0].StackStatus",
            "--output",
            "text",
        ]);
    }
    Some(finding.say(format!(
        "If somebody changed a function by hand, {ANOTHER_PLACE}"
    )))
}

/// Rules that start a version of the state machine, or an alias: reconcile starts the newest
/// definition.
fn of_rules(deployment: &Deployment) -> Vec<Finding> {
    let machine = &deployment.machine;
    let of_rule = |rule: &Rule| {
        let mut targets = rule.targets_of(machine);
        let qualifier = targets.find_map(|target| target.qualifier_of(machine))?;
        Some(
            Finding::new(
                Kind::VersionsDiffer,
                format!(
                    "The rule {} starts {qualifier}, a version or an alias of the state machine. Reconcile and \
                     `hookline replay` start its newest definition.",
                    rule.name
                ),
            )
            .because("Launches of one group go by different definitions, and a deployment changes those of reconcile only.")
            .at(format!("the target of the rule {}", rule.name))
            .say(format!("Let the target be {}.", machine.arn())),
        )
    };
    deployment.rules.iter().filter_map(of_rule).collect()
}
