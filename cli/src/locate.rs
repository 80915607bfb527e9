//! Finds a launch by what a person has: an instance, a node's name, an execution or a group.

use hookline_domain::ids::InstanceId;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::observed::deployment::Deployment;
use crate::observed::execution::Execution;
use crate::observed::network::SeenInstance;

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
}

/// Finds what `what` names.
///
/// # Errors
/// Returns [`Error::NotFound`] if it names nothing.
pub(crate) async fn subject(aws: &Aws, deployment: &Deployment, what: &str) -> Result<Subject> {
    if let Ok(instance) = what.parse::<InstanceId>() {
        let seen = aws
            .instances("instance-id", &[instance.to_string()])
            .await?
            .pop();
        return Ok(launch(instance, seen, None));
    }
    if what.starts_with("arn:") {
        let execution = aws.execution(what).await?;
        return of_execution(aws, execution, what).await;
    }
    if !aws.groups(Some(&[what.to_owned()])).await?.is_empty() {
        return Ok(Subject::Group(what.to_owned()));
    }
    // The name of an execution (Step Functions API Reference, StartExecution).
    let may_be_execution = (1..=80).contains(&what.len())
        && what
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if may_be_execution {
        let execution = aws.execution(&deployment.machine.execution(what)).await?;
        if execution.is_some() {
            return of_execution(aws, execution, what).await;
        }
    }
    let filters: &[&str] = match what.parse::<std::net::IpAddr>() {
        Ok(_) => &["private-ip-address"],
        Err(_) => &["private-dns-name", "tag:Name"],
    };
    for filter in filters {
        let mut seen = aws.instances(filter, &[what.to_owned()]).await?;
        // The newest: a name is given again when a node is replaced.
        seen.sort_by_key(|seen| seen.instance.launched_at);
        if let Some(seen) = seen.pop() {
            return Ok(launch(seen.instance.id.clone(), Some(seen), None));
        }
    }
    Err(not_found(aws, what))
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

pub(crate) fn not_found(aws: &Aws, what: &str) -> Error {
    Error::NotFound {
        what: format!("{what:?} is no instance, node, execution or group in {}", aws.region()),
        remedy: "Give an instance's id, a node's name or address, an execution's name or ARN, or a group's name. \
                 `hookline status` lists the groups."
            .to_owned(),
    }
}
