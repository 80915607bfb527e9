//! Executions of Step Functions, as far as they need no state machine.

use anyhow::Result;

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::{NAME, Stage};

pub(super) const FACTS: &[Fact] = &[fact!(
    describe_of_an_unknown_execution_is_refused,
    "DescribeExecution refuses an execution that does not exist, as one that ended more than 90 days ago.",
    DESCRIBE_EXECUTION,
    Nothing,
    Expected::refusal(&["ExecutionDoesNotExist"])
)];

async fn describe_of_an_unknown_execution_is_refused(stage: &Stage) -> Result<Observed> {
    let (region, account) = (&stage.clients.region, &stage.clients.account);
    // The partition of a Region is in the beginning of its name.
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let arn = format!("arn:{partition}:states:{region}:{account}:execution:{NAME}none:none");
    let call = stage.clients.sfn.describe_execution();
    refusal(call.execution_arn(arn).send().await)
}
