//! CloudFormation: DescribeStacks, of stacks that a test puts. Nothing is deployed; requests can go to another server, as
//! ministack, which deploys ([`crate::forward`]).

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::local_aws::lock;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// The stacks of the account, by name.
#[derive(Debug, Default)]
pub struct CloudFormation {
    stacks: Mutex<BTreeMap<String, Stack>>,
}

/// A stack, as far as DescribeStacks tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its status, as `CREATE_COMPLETE`.
    pub status: String,
    /// The values of its outputs, by their names.
    pub outputs: BTreeMap<String, String>,
}

impl CloudFormation {
    /// Puts a stack in the place of one of this name.
    pub fn put(&self, name: &str, stack: Stack) {
        lock(&self.stacks).insert(name.to_owned(), stack);
    }
}

/// Answers one call, with the inner XML of its result element.
pub(crate) fn act(
    cloudformation: &CloudFormation,
    action: &str,
    params: &mut Params,
) -> Result<String, ApiError> {
    if action != "DescribeStacks" {
        return Err(ApiError::invalid_action(action));
    }
    let name = params.required_str("StackName")?;
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
