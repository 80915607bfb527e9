//! CloudFormation: the outputs of a stack.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use super::{Aws, Error};
use crate::observed::stack::Stack;

impl Aws {
    /// A stack; `None` if there is none of this name (DescribeStacks).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Stack>, Error> {
        let call = self.cloudformation.describe_stacks().stack_name(name);
        let answer = call.send().await;
        // CloudFormation API Reference, DescribeStacks: a stack that does not exist is a
        // ValidationError.
        let is_missing = answer.as_ref().is_err_and(|error| {
            error.code() == Some("ValidationError")
                && error
                    .message()
                    .is_some_and(|text| text.contains("does not exist"))
        });
        if is_missing {
            return Ok(None);
        }
        let answer = self.answer("cloudformation:DescribeStacks", answer)?;
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        Ok(stack.map(|stack| Stack {
            status: stack
                .stack_status()
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            outputs: stack
                .outputs
                .unwrap_or_default()
                .into_iter()
                .filter_map(|it| Some((it.output_key?, it.output_value?)))
                .collect(),
        }))
    }
}
