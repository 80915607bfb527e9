//! Finds the executions of a launch. Step Functions lists no input, and the name of an execution
//! that an event starts tells no instance. The instance tells the execution that decided about it
//! last.

use std::collections::BTreeSet;

use hookline_domain::execution::names::is_execution_name;
use hookline_domain::tags::own;

use crate::aws::Aws;
use crate::error::Result;
use crate::observe::{AT_ONCE, MAX_DESCRIBED, describe, describe_at_most};
use crate::observed::case::Case;
use crate::observed::execution::{Execution, ListedExecution};

/// The most pages of executions that are searched for an instance's.
const MAX_PAGES: usize = 5;
/// Up to so many, all are described, so that replays are found too.
const ALL: usize = 40;
/// An execution may start so long before EC2's launch time, in milliseconds: clocks differ.
const BEFORE_LAUNCH: i64 = 60_000;

/// Which executions are searched for a launch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Those of its time, until one is found.
    UntilFound,
    /// All that run, too: a command that starts an execution must know of each.
    AllRunning,
}

/// Finds the executions for an instance: the one that was asked about, then those that run, then
/// the newest first.
pub(super) async fn find(
    aws: &Aws,
    case: &mut Case,
    began: Option<i64>,
    asked: Option<Execution>,
    search: Search,
) -> Result<()> {
    let since = began.map_or(i64::MIN, |began| 1_000 * began - BEFORE_LAUNCH);
    let (listed, mut all) = aws
        .executions_back_to(&case.deployment.machine, since, MAX_PAGES)
        .await?;
    let of_name =
        |execution: &ListedExecution| execution.instance().as_ref() == Some(&case.instance);
    let by_name = listed
        .iter()
        .filter(|execution| of_name(execution) && !is_of_earlier_launch(case, execution.started));
    let by_name: Vec<String> = by_name.map(|execution| execution.arn.clone()).collect();
    let told = told(case);
    let is_told = |execution: &ListedExecution| told.as_ref() == Some(&execution.arn);
    let mut others: Vec<&ListedExecution> = listed
        .iter()
        .filter(|it| it.instance().is_none() && it.started >= since && !is_told(it))
        .collect();
    // An event starts its execution within seconds.
    if let Some(began) = began {
        others.sort_by_key(|execution| (execution.started - 1_000 * began).abs());
    }
    all &= others.len() <= MAX_DESCRIBED;
    let others: Vec<String> = others
        .iter()
        .take(MAX_DESCRIBED)
        .map(|it| it.arn.clone())
        .collect();
    let mut found = describe(aws, by_name).await?;
    if let Some(arn) = told.filter(|arn| found.iter().all(|it| it.arn != *arn)) {
        // Anybody who may tag the instance could have written it.
        let described = describe(aws, vec![arn]).await?.into_iter();
        found.extend(described.filter(|it| {
            it.instance().as_ref() == Some(&case.instance)
                && !is_of_earlier_launch(case, it.started)
        }));
    }
    let describes_all = others.len() <= ALL;
    for batch in others.chunks(AT_ONCE) {
        if !describes_all && (asked.is_some() || !found.is_empty()) {
            all = false;
            break;
        }
        let described = describe(aws, batch.to_vec()).await?;
        found.extend(
            described
                .into_iter()
                .filter(|it| it.instance().as_ref() == Some(&case.instance)),
        );
    }
    (case.executions, case.all_executions_known) = (found, all);
    case.all_running_known = all;
    if search == Search::AllRunning && !all {
        add_running(aws, case).await?;
    }
    let found = &mut case.executions;
    found.sort_by_key(in_order);
    if let Some(asked) = asked {
        found.retain(|execution| execution.arn != asked.arn);
        found.insert(0, asked);
    }
    Ok(())
}

/// Adds the executions that run to those that were found, and returns whether there are any. The
/// case then tells how many run of which it is not known which instances they are for.
pub(super) async fn add_running(aws: &Aws, case: &mut Case) -> Result<bool> {
    let known: BTreeSet<String> = case.executions.iter().map(|it| it.arn.clone()).collect();
    let may_be_its = |execution: &&ListedExecution| {
        let instance = execution.instance();
        instance.is_none_or(|instance| instance == case.instance) && !known.contains(&execution.arn)
    };
    let running = aws.running(&case.deployment.machine).await?;
    let others = running.iter().filter(may_be_its);
    let others = others.map(|execution| execution.arn.clone()).collect();
    let (mut found, unknown) = describe_at_most(aws, others).await?;
    found.retain(|execution| execution.instance().as_ref() == Some(&case.instance));
    let found_any = !found.is_empty();
    case.executions.extend(found);
    (case.all_running_known, case.running_for_unknown) = (true, unknown);
    Ok(found_any)
}

/// One that runs holds the hook, though a newer one, as of an event that came twice, may have
/// ended.
fn in_order(execution: &Execution) -> (bool, std::cmp::Reverse<i64>) {
    let ended = !execution.is_running();
    (ended, std::cmp::Reverse(execution.started))
}

/// The ARN of the execution that the instance tells by its tag.
fn told(case: &Case) -> Option<String> {
    let name = case.seen.as_ref()?.instance.tags.get(own::EXECUTION)?;
    is_execution_name(name).then(|| case.deployment.machine.execution(name))
}

/// Whether an execution that began then, in milliseconds since the epoch, is of a launch before the
/// one that goes on. An instance that leaves a warm pool has had an execution on its way in, whose
/// event is of no use now.
fn is_of_earlier_launch(case: &Case, started: i64) -> bool {
    let launch = case.launch_in_progress();
    launch.is_some_and(|launch| started < 1_000 * launch.started - BEFORE_LAUNCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, case, fleet, id};
    use crate::observed::group::Activity;

    #[test]
    fn execution_that_runs_comes_before_newer_ones_that_ended() {
        let fleet = fleet()
            .with_execution(1, "RUNNING", None)
            .with_execution(2, "FAILED", Some("Hookline.SubnetsFull"))
            .with_execution(3, "SUCCEEDED", None);
        let mut found = fleet.described;
        for (execution, started) in found.iter_mut().zip([1, 3, 2]) {
            execution.started = started;
        }
        found.sort_by_key(in_order);
        let order: Vec<_> = found.iter().map(|it| it.started).collect();
        assert_eq!(order, [1, 3, 2]);
    }

    #[test]
    fn instance_tells_its_execution_by_a_name() {
        let mut case = case();
        let tell = |case: &mut Case, name: &str| {
            let seen = case.seen.as_mut().unwrap();
            let tag = (own::EXECUTION.to_owned(), name.to_owned());
            seen.instance.tags.extend([tag]);
            told(case)
        };
        assert_eq!(told(&case), None);
        let arn = case.deployment.machine.execution("5e-4_77");
        assert_eq!(tell(&mut case, "5e-4_77"), Some(arn));
        assert_eq!(tell(&mut case, "of another machine:5e-4"), None);
        case.seen = None;
        assert_eq!(told(&case), None);
    }

    #[test]
    fn execution_of_the_way_into_the_pool_is_none_of_the_way_out() {
        // It began a minute ago.
        let started = fleet().with_execution(1, "SUCCEEDED", None).listed[0].started;
        let mut case = case();
        assert!(!is_of_earlier_launch(&case, started));
        case.activities = vec![Activity {
            instance: Some(id(1)),
            is_launch: true,
            started: NOW + 3_600,
            ..Activity::default()
        }];
        assert!(is_of_earlier_launch(&case, started));
        case.activities[0].started = NOW - 61;
        assert!(!is_of_earlier_launch(&case, started));
        case.activities[0].started = NOW + 3_600;
        case.activities[0].ended = Some(NOW + 3_700);
        assert!(!is_of_earlier_launch(&case, started));
    }
}
