//! CloudFormation: DescribeStacks, ListStackResources and GetTemplate, of stacks that a test puts. Nothing is deployed;
//! requests can go to another server, as ministack, which deploys ([`crate::forward`]).

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::local_aws::lock;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The stacks of the account, by name.
#[derive(Debug, Default)]
pub struct CloudFormation {
    stacks: Mutex<BTreeMap<String, Stack>>,
}

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Its status, as `CREATE_COMPLETE`.
    pub status: String,
    /// The values of its outputs, by their names.
    pub outputs: BTreeMap<String, String>,
    /// Its template. GetTemplate refuses a stack that was put without one.
    pub template: Option<Value>,
    /// The type and the physical id of each of its resources, by their logical ids.
    pub resources: BTreeMap<String, (String, String)>,
}

/// How many resources a page of ListStackResources has: a size of the fake's own, which a test reaches. AWS
/// begins another page if the output exceeds 1 MB (CloudFormation API Reference, ListStackResources,
/// NextToken).
const PAGE: usize = 100;

impl CloudFormation {
    /// Puts a stack in the place of one of this name.
    pub fn put(&self, name: &str, stack: Stack) {
        lock(&self.stacks).insert(name.to_owned(), stack);
    }

    /// A stack as it was put.
    #[must_use]
    pub fn stack(&self, name: &str) -> Option<Stack> {
        lock(&self.stacks).get(name).cloned()
    }
}

/// Answers one call, with the inner XML of its result element.
pub(crate) fn act(
    cloudformation: &CloudFormation,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    if !["DescribeStacks", "ListStackResources", "GetTemplate"].contains(&action) {
        return Err(ApiError::invalid_action(action));
    }
    let name = params.required_str("StackName")?;
    // The logical id after which the page begins.
    let mut after = None;
    match action {
        "ListStackResources" => after = params.str("NextToken"),
        // Without a transform, both stages are the same template.
        "GetTemplate" => drop(params.str("TemplateStage")),
        _ => {}
    }
    params.finish()?;
    let stacks = lock(&cloudformation.stacks);
    let stack = stacks.get(&name).ok_or_else(|| {
        // CloudFormation API Reference, DescribeStacks.
        ApiError::new(
            "ValidationError",
            format!("Stack with id {name} does not exist"),
        )
    })?;
    let mut xml = Xml::new();
    if action == "GetTemplate" {
        let template = stack.template.as_ref();
        let template = template.ok_or_else(|| invalid("the stack was put without a template"))?;
        xml.text("TemplateBody", template);
        return Ok(xml.into_string());
    }
    if action == "ListStackResources" {
        if let Some(after) = after
            .as_ref()
            .filter(|it| !stack.resources.contains_key(*it))
        {
            return Err(invalid(format!("no page begins after {after}")));
        }
        write_resources(&mut xml, stack, after.as_deref().unwrap_or_default());
        return Ok(xml.into_string());
    }
    xml.members("Stacks", [stack], |xml, stack| {
        xml.text("StackName", &name);
        xml.text("CreationTime", "2026-01-01T00:00:00Z");
        xml.text("StackStatus", &stack.status);
        xml.members("Outputs", &stack.outputs, |xml, (name, value)| {
            xml.text("OutputKey", name);
            xml.text("OutputValue", value);
        });
    });
    Ok(xml.into_string())
}

/// What a caller gets wrong. The texts are the fake's own.
fn invalid(problem: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", problem)
}

fn write_resources(xml: &mut Xml, stack: &Stack, after: &str) {
    let left = stack.resources.iter();
    let left: Vec<_> = left.filter(|(id, _)| id.as_str() > after).collect();
    let page = left.iter().take(PAGE);
    xml.members(
        "StackResourceSummaries",
        page,
        |xml, (logical, (kind, physical))| {
            xml.text("LogicalResourceId", logical);
            xml.text("PhysicalResourceId", physical);
            xml.text("ResourceType", kind);
            xml.text("ResourceStatus", &stack.status);
            xml.text("LastUpdatedTimestamp", "2026-01-01T00:00:00Z");
        },
    );
    if left.len() > PAGE {
        xml.optional("NextToken", left.get(PAGE - 1).map(|(logical, _)| logical));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::query::Dialect;

    #[test]
    fn list_of_a_stack_s_resources_has_pages() {
        let cloudformation = CloudFormation::default();
        let kind = "AWS::IAM::Role".to_owned();
        let resources =
            (0..=PAGE).map(|n| (format!("Role{n:03}"), (kind.clone(), format!("role-{n}"))));
        let stack = Stack {
            status: "CREATE_COMPLETE".to_owned(),
            resources: resources.collect(),
            ..Stack::default()
        };
        cloudformation.put("one", stack);
        let list = |params: &str| {
            let mut params = Params::parse(Dialect::Query, "", params.as_bytes());
            act(&cloudformation, "ListStackResources", &mut params)
        };
        let first = list("StackName=one").unwrap();
        assert!(first.contains("<PhysicalResourceId>role-99<"), "{first}");
        assert!(!first.contains("role-100"), "{first}");
        assert!(first.contains("<NextToken>Role099<"), "{first}");
        let rest = list("StackName=one&NextToken=Role099").unwrap();
        assert!(
            rest.contains("role-100") && !rest.contains("NextToken"),
            "{rest}"
        );
        for wrong in ["StackName=two", "StackName=one&NextToken=Role"] {
            assert_eq!(list(wrong).unwrap_err().code, "ValidationError", "{wrong}");
        }
    }

    #[test]
    fn parameters_of_one_action_are_none_of_another() {
        let cloudformation = CloudFormation::default();
        let stack = Stack {
            template: Some(serde_json::json!({})),
            ..Stack::default()
        };
        cloudformation.put("one", stack);
        cloudformation.put("without", Stack::default());
        let call = |action: &str, params: &str| {
            let mut params = Params::parse(Dialect::Query, "", params.as_bytes());
            act(&cloudformation, action, &mut params)
        };
        let of_template = "StackName=one&TemplateStage=Processed";
        assert!(call("GetTemplate", of_template).is_ok());
        for action in ["DescribeStacks", "ListStackResources"] {
            assert!(call(action, of_template).is_err(), "{action}");
        }
        let without = call("GetTemplate", "StackName=without").unwrap_err();
        assert_eq!(without.code, "ValidationError");
    }
}
