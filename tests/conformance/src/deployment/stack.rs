//! The stack of a deployment: its resources, and its template.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::clients::Clients;

/// A stack.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) name: String,
    /// Type, logical id and physical id of each resource.
    resources: Vec<[String; 3]>,
    template: Value,
}

impl Stack {
    /// Reads it: ListStackResources, as DescribeStackResources returns no more than 100
    /// (CloudFormation API Reference), and GetTemplate.
    pub(super) async fn read(clients: &Clients, name: &str) -> Result<Self> {
        let region = &clients.region;
        let mut resources = Vec::new();
        let mut next = None;
        loop {
            let call = clients.cloudformation.list_stack_resources();
            let page = call.stack_name(name).set_next_token(next).send().await;
            let page = page.with_context(|| format!("ListStackResources {name} in {region}"))?;
            for resource in page.stack_resource_summaries() {
                let text = |found: Option<&str>| found.unwrap_or_default().to_owned();
                resources.push([
                    text(resource.resource_type()),
                    text(resource.logical_resource_id()),
                    text(resource.physical_resource_id()),
                ]);
            }
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        let found = clients.cloudformation.get_template().stack_name(name);
        let found = found.send().await;
        let found = found.with_context(|| format!("GetTemplate {name}"))?;
        let template = found.template_body().context("no template")?;
        Ok(Self {
            name: name.to_owned(),
            resources,
            // The CDK deploys JSON.
            template: serde_json::from_str(template).context("the template")?,
        })
    }

    /// The logical and physical ids of the resources of a type.
    pub(super) fn of(&self, wanted: &str) -> Vec<(&str, &str)> {
        let all = self.resources.iter();
        all.filter(|[kind, ..]| kind == wanted)
            .map(|[_, logical, physical]| (logical.as_str(), physical.as_str()))
            .collect()
    }

    /// The statements of a policy of the template.
    fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
        let statements = policy.pointer("/Properties/PolicyDocument/Statement");
        statements.and_then(Value::as_array).into_iter().flatten()
    }

    /// The properties of the resources of a type in the template, by their logical ids.
    pub(super) fn properties(&self, wanted: &str) -> Vec<(&str, &Value)> {
        let resources = self.template.get("Resources").and_then(Value::as_object);
        let all = resources
            .into_iter()
            .flatten()
            .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(wanted));
        all.filter_map(|(id, resource)| Some((id.as_str(), resource.get("Properties")?)))
            .collect()
    }

    /// The statements of the policy of a queue in the template, by its logical id.
    pub(super) fn queue_statements(&self, queue: &str) -> Vec<&Value> {
        let queue = json!({ "Ref": queue });
        let policies = self.properties("AWS::SQS::QueuePolicy").into_iter();
        let of_queue = policies.filter(|(_, policy)| each(policy, "Queues").contains(&&queue));
        let documents = of_queue.filter_map(|(_, policy)| policy.get("PolicyDocument"));
        documents.flat_map(|it| each(it, "Statement")).collect()
    }

    /// The physical id of a resource.
    pub(super) fn physical(&self, logical: &str) -> Option<&str> {
        let mut all = self.resources.iter();
        all.find_map(|[_, id, physical]| (id == logical).then_some(physical.as_str()))
    }

    /// The statements of the template that allow an action.
    fn allowing(&self, action: &str) -> impl Iterator<Item = &Value> {
        let resources = self.template.get("Resources").and_then(Value::as_object);
        let policies = resources.into_iter().flat_map(|all| all.values());
        policies
            .flat_map(Self::statements)
            .filter(move |statement| {
                let mut actions = each(statement, "Action").into_iter();
                statement.get("Effect").and_then(Value::as_str) == Some("Allow")
                    && actions.any(|one| one.as_str() == Some(action))
            })
    }

    /// The resources on which a policy of the template allows an action, if it names them without
    /// references.
    pub(super) fn resources_of(&self, action: &str) -> BTreeSet<String> {
        let resources = self.allowing(action).flat_map(|it| each(it, "Resource"));
        let named = resources.filter_map(Value::as_str);
        named.map(str::to_owned).collect()
    }

    /// The names, and the patterns of names, of groups whose hooks may be completed whatever tags
    /// they have. The template has them as they are deployed: one that a role got by hand is not
    /// among them.
    pub(super) fn groups_by_name(&self) -> BTreeSet<String> {
        let statements = self.allowing("autoscaling:CompleteLifecycleAction");
        let statements = statements.filter(|it| it.get("Condition").is_none());
        let arns = statements.flat_map(|statement| each(statement, "Resource"));
        let names = arns.filter_map(|arn| end(arn)?.split_once(":autoScalingGroupName/"));
        names.map(|(_, name)| name.to_owned()).collect()
    }

    /// The actions that the template gives a policy.
    pub(super) fn actions(&self, policy: &str) -> BTreeSet<String> {
        let policy = self
            .template
            .get("Resources")
            .and_then(|all| all.get(policy));
        let statements = policy.into_iter().flat_map(Self::statements);
        let actions = statements.flat_map(|statement| each(statement, "Action"));
        actions
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// A cluster on the group of whose managed node group the stack puts a hook, by the custom
    /// resource that looks the group up (`cdk/lib/launch/launch-lifecycle-hook.ts`).
    pub(super) fn hooked_cluster(&self) -> Option<String> {
        let groups = self.properties("Custom::HooklineNodegroup");
        groups.into_iter().find_map(|(_, properties)| {
            let call = joined(properties.get("Create")?);
            let call: Value = serde_json::from_str(&call).ok()?;
            let cluster = call.get("parameters")?.get("clusterName")?;
            cluster.as_str().map(str::to_owned)
        })
    }
}

/// What a statement has under a key: one value, or a list.
pub(super) fn each<'a>(statement: &'a Value, key: &str) -> Vec<&'a Value> {
    match statement.get(key) {
        Some(Value::Array(all)) => all.iter().collect(),
        found => found.into_iter().collect(),
    }
}

/// The end of an ARN of a template that tells a name, unless a reference does.
fn end(arn: &Value) -> Option<&str> {
    match arn.get("Fn::Join") {
        Some(join) => join.get(1)?.as_array()?.last()?.as_str(),
        None => arn.as_str(),
    }
}

/// A text of a template: itself, or the texts that `Fn::Join` joins by nothing. References are left
/// out.
pub(super) fn joined(text: &Value) -> String {
    let parts = text
        .get("Fn::Join")
        .and_then(|join| join.get(1)?.as_array());
    match parts {
        Some(parts) => parts.iter().filter_map(Value::as_str).collect(),
        None => text.as_str().unwrap_or_default().to_owned(),
    }
}
