//! Finds a launch by what a person has: an instance, a node's name, an execution or a group.

use std::net::IpAddr;

use hookline_domain::execution::names::{StateMachine, is_execution_name};
use hookline_domain::ids::InstanceId;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::observed::deployment::Deployment;
use crate::observed::execution::Execution;
use crate::observed::group::Group;
use crate::observed::network::{SeenInstance, created_for};

/// What a person asked about.
#[derive(Debug)]
pub(crate) enum Subject {
    /// A group.
    Group(String),
    /// A launch, of which this is known.
    Launch(Box<Known>),
}

/// What is known of a launch to begin with.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) instance: InstanceId,
    pub(crate) seen: Option<SeenInstance>,
    /// The execution that was asked about.
    pub(crate) execution: Option<Execution>,
    /// The other instances that have, or had, the name or the address that was asked about.
    pub(crate) namesakes: Vec<SeenInstance>,
}

/// The group of this name.
///
/// # Errors
/// Returns [`Error::NotFound`] if there is none, or why the call failed.
pub(crate) async fn group(aws: &Aws, name: &str) -> Result<Group> {
    let found = aws.groups(Some(&[name.to_owned()])).await?.pop();
    found.ok_or_else(|| Error::NotFound {
        what: format!(
            "there is no Auto Scaling group {name:?} in {}",
            aws.region()
        ),
        remedy: "Give a group's name: `hookline status` lists them.".to_owned(),
    })
}

/// Finds what `what` names.
///
/// # Errors
/// Returns [`Error::NotFound`] if it names nothing, or an execution of another state machine.
pub(crate) async fn subject(aws: &Aws, deployment: &Deployment, what: &str) -> Result<Subject> {
    let what = match named_by_arn(&deployment.machine, what) {
        Some(named) => named?,
        None => what,
    };
    if let Ok(instance) = what.parse::<InstanceId>() {
        let seen = aws
            .instances("instance-id", &[instance.to_string()])
            .await?
            .pop();
        return Ok(launch(instance, seen, None));
    }
    if what.starts_with("arn:") {
        if let Some(error) = of_another_machine(&deployment.machine, what) {
            return Err(error);
        }
        let execution = aws.execution(what).await?;
        return of_execution(aws, execution, what).await;
    }
    if !aws.groups(Some(&[what.to_owned()])).await?.is_empty() {
        return Ok(Subject::Group(what.to_owned()));
    }
    if is_execution_name(what) {
        let execution = aws.execution(&deployment.machine.execution(what)).await?;
        if execution.is_some() {
            return of_execution(aws, execution, what).await;
        }
    }
    if what.starts_with("eni-")
        && let Some(found) = of_interface(aws, what).await?
    {
        return Ok(found);
    }
    // The address of the instance, then those of its interfaces.
    let filters: &[&str] = match what.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => &[
            "private-ip-address",
            "network-interface.addresses.private-ip-address",
        ],
        Ok(IpAddr::V6(_)) => &["network-interface.ipv6-addresses.ipv6-address"],
        Err(_) => &["private-dns-name", "tag:Name"],
    };
    for filter in filters {
        let mut seen = aws.instances(filter, &[what.to_owned()]).await?;
        // The newest: a name is given again when a node is replaced.
        seen.sort_by_key(|seen| seen.instance.launched_at);
        if let Some(newest) = seen.pop() {
            seen.reverse();
            return Ok(Subject::Launch(Box::new(Known {
                instance: newest.instance.id.clone(),
                seen: Some(newest),
                execution: None,
                namesakes: seen,
            })));
        }
    }
    if deployment.named_groups().iter().any(|group| group == what) {
        return Err(Error::NotFound {
            what: format!(
                "there is no Auto Scaling group {what:?} in {}, though a profile or a rule of the deployment names it",
                aws.region()
            ),
            remedy: "Correct the selector of the profile, which `hookline check` names, or create the group with its hook."
                .to_owned(),
        });
    }
    Err(not_found(aws, what))
}

/// The instance that an interface is attached to, or else that Hookline created it for.
async fn of_interface(aws: &Aws, id: &str) -> Result<Option<Subject>> {
    let ids = [id.to_owned()];
    let found = aws.interfaces(&[("network-interface-id", &ids)]).await?;
    let Some(seen) = found.into_iter().next() else {
        return Ok(None);
    };
    let on = seen.interface.attachment.as_ref();
    let on = on.and_then(|on| on.instance_id.clone());
    let Some(instance) = on.or_else(|| created_for(&seen.interface)) else {
        return Ok(None);
    };
    let ids = [instance.to_string()];
    let seen = aws.instances("instance-id", &ids).await?.pop();
    Ok(Some(launch(instance, seen, None)))
}

fn launch(
    instance: InstanceId,
    seen: Option<SeenInstance>,
    execution: Option<Execution>,
) -> Subject {
    Subject::Launch(Box::new(Known {
        instance,
        seen,
        execution,
        namesakes: Vec::new(),
    }))
}

async fn of_execution(aws: &Aws, execution: Option<Execution>, what: &str) -> Result<Subject> {
    let execution = execution.ok_or_else(|| not_found(aws, what))?;
    let instance = execution.instance().ok_or_else(|| Error::NotFound {
        what: format!("the input of the execution {what} names no instance"),
        remedy: "Give the execution of a launch.".to_owned(),
    })?;
    let seen = aws
        .instances("instance-id", &[instance.to_string()])
        .await?
        .pop();
    Ok(launch(instance, seen, Some(execution)))
}

/// What an ARN names that is no execution's: an instance, an interface (Service Authorization
/// Reference, "Resource types defined by Amazon EC2") or a group (the same of Amazon EC2 Auto
/// Scaling). `None` for any other text.
fn named_by_arn<'a>(machine: &StateMachine, what: &'a str) -> Option<Result<&'a str>> {
    let parts: Vec<&str> = what.splitn(6, ':').collect();
    let &["arn", _, service, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let name = match service {
        "ec2" => resource
            .strip_prefix("instance/")
            .or_else(|| resource.strip_prefix("network-interface/"))?,
        "autoscaling" => {
            resource
                .strip_prefix("autoScalingGroup:")?
                .split_once(":autoScalingGroupName/")?
                .1
        }
        _ => return None,
    };
    if (region, account) == (machine.region(), machine.account()) {
        return Some(Ok(name));
    }
    Some(Err(Error::NotFound {
        what: format!(
            "{what} is in {region}, account {account}, and the deployment in {}, account {}",
            machine.region(),
            machine.account()
        ),
        remedy: format!(
            "Choose the deployment there with --region {region} and --aws-profile, and with --stack if there are several."
        ),
    }))
}

/// Why the execution of an ARN is none of this state machine; `None` if it is one. The rest of what
/// a command looks at, and what it starts, would be of this deployment.
fn of_another_machine(machine: &StateMachine, arn: &str) -> Option<Error> {
    if arn.starts_with(&machine.execution("")) {
        return None;
    }
    let &[_, _, "states", region, account, "execution", name, ..] =
        arn.split(':').collect::<Vec<_>>().as_slice()
    else {
        return Some(Error::NotFound {
            what: format!("{arn} is not the ARN of an execution of a standard state machine"),
            remedy: "Give arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME.".to_owned(),
        });
    };
    let stack = Deployment::stack_of(name);
    let whose = match stack {
        Some("") | None => format!("the state machine {name}"),
        Some(stack) => format!("the deployment {stack}"),
    };
    Some(Error::NotFound {
        what: format!(
            "the execution {arn} is of {whose} in {region}, account {account}, and not of {}",
            machine.arn()
        ),
        remedy: match stack {
            Some(stack) if !stack.is_empty() => format!("Add --stack {stack} --region {region}."),
            _ => "Choose the deployment with --stack and --region.".to_owned(),
        },
    })
}

pub(crate) fn not_found(aws: &Aws, what: &str) -> Error {
    Error::NotFound {
        what: format!("{what:?} is no instance, node, execution or group in {}", aws.region()),
        remedy: "Give an instance's id, a node's name or address, an execution's name or ARN, or a group's name. \
                 `hookline status` lists the groups."
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::MACHINE;

    #[test]
    fn arn_of_an_instance_an_interface_or_a_group_is_taken_by_its_name() {
        let machine = StateMachine::read(MACHINE).unwrap();
        let here = "us-west-2:123456789012";
        for (arn, name) in [
            (format!("arn:aws:ec2:{here}:instance/i-1"), "i-1"),
            (
                format!("arn:aws-cn:ec2:{here}:network-interface/eni-1"),
                "eni-1",
            ),
            (
                format!(
                    "arn:aws:autoscaling:{here}:autoScalingGroup:5e4f:autoScalingGroupName/upf/a"
                ),
                "upf/a",
            ),
        ] {
            assert_eq!(named_by_arn(&machine, &arn).unwrap().unwrap(), name);
        }
        for other in ["i-1", &machine.execution("x"), "arn:aws:ec2:x:y:vpc/vpc-1"] {
            assert!(named_by_arn(&machine, other).is_none(), "{other}");
        }
        let elsewhere = "arn:aws:ec2:eu-west-1:123456789012:instance/i-1";
        let error = named_by_arn(&machine, elsewhere).unwrap().unwrap_err();
        assert!(error.remedy().contains("--region eu-west-1"), "{error}");
    }

    #[test]
    fn execution_of_another_state_machine_is_refused_with_its_deployment() {
        let machine = StateMachine::read(MACHINE).unwrap();
        assert!(of_another_machine(&machine, &machine.execution("x")).is_none());
        for (region, name, whose, remedy) in [
            (
                "us-west-2",
                "b-launch-node",
                "the deployment b",
                "--stack b",
            ),
            (
                "eu-west-1",
                "hookline-launch-node",
                "in eu-west-1",
                "--region eu-west-1",
            ),
            (
                "us-west-2",
                "hookline-launch-node-2",
                "the state machine",
                "--stack",
            ),
        ] {
            let arn = format!("arn:aws:states:{region}:123456789012:execution:{name}:x");
            let error = of_another_machine(&machine, &arn).unwrap();
            assert!(error.to_string().contains(whose), "{error}");
            assert!(error.remedy().contains(remedy), "{}", error.remedy());
        }
        let other = of_another_machine(&machine, "arn:aws:ec2:us-west-2:1:instance/i-1").unwrap();
        assert!(other.to_string().contains("not the ARN of an execution"));
    }
}
