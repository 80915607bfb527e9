//! Finds the deployment in the Region, so that nobody types an ARN: by the name of its state
//! machine, and by the rules that start its executions.

use hookline_domain::execution::names::StateMachine;
use tokio::task::JoinSet;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::judge::words::list;
use crate::observed::deployment::{Deployment, MACHINE};
use crate::observed::rule::Rule;
use crate::settings::AwsSettings;

/// The most rules that a text lists.
const LISTED: usize = 4;

/// A deployment, and what else reacts to launches.
pub(crate) struct Discovered {
    /// The deployment; `None` if there is none.
    pub(crate) deployment: Option<Deployment>,
    /// The other rules of the Region that match launches, with their targets.
    pub(crate) others: Vec<Rule>,
}

/// Connects to AWS and finds the deployment, as [`deployment`] does.
///
/// # Errors
/// Those of [`Aws::connect`] and [`deployment`].
pub(crate) async fn connect(
    settings: &AwsSettings,
    stack: Option<&str>,
) -> Result<(Aws, Deployment)> {
    let aws = Aws::connect(settings).await?;
    let deployment = deployment(&aws, stack).await?;
    Ok((aws, deployment))
}

/// Finds the deployment of `stack`, or the only one. Makes two calls, and one for each rule that
/// may be the deployment's.
///
/// # Errors
/// Returns [`Error::NotFound`] if there is none, or if there are several and none was chosen.
pub(crate) async fn deployment(aws: &Aws, stack: Option<&str>) -> Result<Deployment> {
    let (machines, rules) = tokio::try_join!(machines(aws), aws.rules())?;
    let arn = match choose(&machines, stack, aws.region()) {
        Ok(arn) => arn,
        Err(Error::NotFound { what, remedy }) => {
            // That the deployment is not there matters more than why the rules cannot be read.
            let remedy = match of_a_gone_machine(aws, &machines, stack, rules).await {
                Ok(Some(text)) => format!("{text} {remedy}"),
                _ => remedy,
            };
            return Err(Error::NotFound { what, remedy });
        }
        Err(error) => return Err(error),
    };
    let (deployment, _) = of_machine(aws, arn, &machines, rules).await?;
    Ok(deployment)
}

/// What the rules say of a deployment whose state machine is gone: they still start its executions.
async fn of_a_gone_machine(
    aws: &Aws,
    machines: &[(String, String)],
    stack: Option<&str>,
    rules: Vec<Rule>,
) -> Result<Option<String>> {
    let launches = rules.into_iter().filter(Rule::matches_launches);
    let rules = with_targets(aws, launches).await?;
    Ok(gone_machine(&rules, machines, stack))
}

fn gone_machine(
    rules: &[Rule],
    machines: &[(String, String)],
    stack: Option<&str>,
) -> Option<String> {
    let is_gone = |arn: &str| {
        let of_stack = Deployment::stack_of(arn);
        let is_chosen = of_stack.is_some_and(|of| stack.is_none_or(|stack| stack == of));
        arn.contains(":stateMachine:") && is_chosen && !machines.iter().any(|(_, it)| it == arn)
    };
    let still = rules.iter().filter_map(|rule| {
        let mut targets = rule.targets.iter();
        let target = targets.find(|target| is_gone(&target.arn))?;
        Some(format!("{} ({})", rule.name, target.arn))
    });
    let still: Vec<String> = still.collect();
    (!still.is_empty()).then(|| {
        format!(
            "Rules still start executions of a state machine that is not there: {}. If it was deleted, deploy again.",
            list(&still, LISTED)
        )
    })
}

/// The same, where there need not be one yet; with all that reacts to launches.
///
/// # Errors
/// Returns [`Error::NotFound`] if there are several and none was chosen.
pub(crate) async fn if_any(aws: &Aws, stack: Option<&str>) -> Result<Discovered> {
    let (machines, rules) = tokio::try_join!(machines(aws), aws.rules())?;
    let is_there = match stack {
        None => !machines.is_empty(),
        Some(stack) => choose(&machines, Some(stack), aws.region()).is_ok(),
    };
    if is_there {
        let arn = choose(&machines, stack, aws.region())?;
        let (deployment, others) = of_machine(aws, arn, &machines, rules).await?;
        return Ok(Discovered {
            deployment: Some(deployment),
            others,
        });
    }
    let rules = rules.into_iter().filter(Rule::matches_launches);
    Ok(Discovered {
        deployment: None,
        others: with_targets(aws, rules).await?,
    })
}

/// The stacks' names and the ARNs of the state machines that launches run in.
async fn machines(aws: &Aws) -> Result<Vec<(String, String)>, crate::aws::Error> {
    let machines = aws.state_machines().await?.into_iter();
    let of_launches =
        |(name, arn): (String, String)| Some((Deployment::stack_of(&name)?.to_owned(), arn));
    Ok(machines.filter_map(of_launches).collect())
}

/// The deployment of one of the state machines of launches, and the other rules that match launches.
async fn of_machine(
    aws: &Aws,
    arn: &str,
    machines: &[(String, String)],
    rules: Vec<Rule>,
) -> Result<(Deployment, Vec<Rule>)> {
    let machine = StateMachine::read(arn).map_err(|error| Error::Internal {
        doing: "reading the ARN of the state machine",
        detail: error.to_string(),
    })?;
    let stack = Deployment::stack_of(arn).unwrap_or_default();
    let rules = rules.into_iter().filter(|rule| rule.is_of_interest(stack));
    let mut rules = with_targets(aws, rules).await?;
    for rule in &mut rules {
        rule.note_owner(stack, machines.iter().map(|(name, _)| name.as_str()));
    }
    let deployment = Deployment::of(machine, rules.clone());
    let is_own = |rule: &Rule| deployment.rules.iter().any(|own| own.name == rule.name);
    let others = rules
        .into_iter()
        .filter(|rule| rule.matches_launches() && !is_own(rule))
        .collect();
    Ok((deployment, others))
}

async fn with_targets(aws: &Aws, rules: impl Iterator<Item = Rule>) -> Result<Vec<Rule>> {
    let mut calls = JoinSet::new();
    for mut rule in rules {
        let aws = aws.clone();
        calls.spawn(async move {
            rule.targets = aws.targets(&rule.name).await?;
            Ok::<_, Error>(rule)
        });
    }
    let mut rules = Vec::new();
    while let Some(done) = calls.join_next().await {
        rules.push(done.map_err(Error::of_task)??);
    }
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rules)
}

/// The ARN of the state machine of `stack`, or of the only one.
fn choose<'a>(
    machines: &'a [(String, String)],
    stack: Option<&str>,
    region: &str,
) -> Result<&'a str> {
    let list = || {
        let names = machines.iter().map(|(name, _)| match name.as_str() {
            "" => MACHINE.to_owned(),
            name => name.to_owned(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let chosen: Vec<&str> = machines
        .iter()
        .filter(|(name, _)| match stack {
            None => true,
            Some(MACHINE) => name.is_empty(),
            Some(stack) => name == stack,
        })
        .map(|(_, arn)| arn.as_str())
        .collect();
    match (chosen.as_slice(), stack) {
        ([arn], _) => Ok(arn),
        ([], None) => Err(Error::NotFound {
            what: format!(
                "no deployment of Hookline in {region}: no state machine is called STACK-{MACHINE}"
            ),
            remedy: "Choose another Region with --region, or another account with --aws-profile."
                .to_owned(),
        }),
        ([], Some(stack)) => Err(Error::NotFound {
            what: format!("no deployment called {stack:?} in {region}"),
            remedy: match machines {
                [] => "Choose another Region with --region, or another account with --aws-profile."
                    .to_owned(),
                _ => format!("Give --stack one of: {}.", list()),
            },
        }),
        _ => Err(Error::NotFound {
            what: format!("several deployments of Hookline in {region}"),
            remedy: format!("Give --stack one of: {}.", list()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(machines: &[&str], stack: Option<&str>) -> std::result::Result<String, String> {
        let machines: Vec<_> = machines
            .iter()
            .map(|name| ((*name).to_owned(), format!("arn {name}")))
            .collect();
        match choose(&machines, stack, "us-west-2") {
            Ok(arn) => Ok(arn.to_owned()),
            Err(error) => Err(format!("{error}. {}", error.remedy())),
        }
    }

    #[test]
    fn only_deployment_is_taken_and_several_need_a_choice() {
        assert_eq!(chosen(&["a"], None).unwrap(), "arn a");
        assert_eq!(chosen(&["a", "b"], Some("b")).unwrap(), "arn b");
        assert_eq!(chosen(&["", "b"], Some("launch-node")).unwrap(), "arn ");
        let none = chosen(&[], None).unwrap_err();
        assert!(
            none.contains("no deployment of Hookline in us-west-2"),
            "{none}"
        );
        let several = chosen(&["", "b"], None).unwrap_err();
        assert!(several.contains("one of: launch-node, b"), "{several}");
        let other = chosen(&["a"], Some("c")).unwrap_err();
        assert!(
            other.contains("no deployment called \"c\"") && other.contains("one of: a"),
            "{other}"
        );
    }

    #[test]
    fn rules_that_start_executions_of_a_state_machine_that_is_gone_are_named() {
        let (rule, _) = crate::fixtures::rules();
        let arn = rule.targets[0].arn.clone();
        let rules = [rule];
        let text = gone_machine(&rules, &[], None).unwrap();
        assert!(text.contains("launch-upf (arn:"), "{text}");
        assert!(gone_machine(&rules, &[], Some("hookline")).is_some());
        assert_eq!(gone_machine(&rules, &[], Some("other")), None);
        let there = [("hookline".to_owned(), arn)];
        assert_eq!(gone_machine(&rules, &there, None), None);
    }
}
