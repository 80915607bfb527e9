//! The lifecycle action of a launch, and the lifecycle state of an instance.

use super::Aws;
use super::classify::{classify, code, message};
use super::groups::GROUP_GONE;
use hookline_domain::error::Result;
use hookline_domain::event::LifecycleAction;
use hookline_domain::execution::LifecycleActionResult;
use hookline_domain::ids::InstanceId;

/// The response to a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompleteResponse {
    /// It was accepted.
    Accepted,
    /// The lifecycle action has ended: it was completed or timed out, or the instance, hook or
    /// group is gone.
    NoActiveAction,
}

/// Whether an error message says that the lifecycle action has ended. Deleting a hook completes its
/// actions, and deleting a group terminates its instances.
fn is_over(words: &str) -> bool {
    [
        "No active Lifecycle Action",
        "No Lifecycle Hook found",
        GROUP_GONE,
    ]
    .iter()
    .any(|over| words.contains(over))
}

impl Aws {
    /// Completes the lifecycle action by its token, or by its instance if there is no token
    /// (CompleteLifecycleAction).
    ///
    /// # Errors
    /// Those of every call.
    pub async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleActionResult,
    ) -> Result<CompleteResponse> {
        let answer = self
            .autoscaling
            .complete_lifecycle_action()
            .auto_scaling_group_name(&action.auto_scaling_group_name)
            .lifecycle_hook_name(&action.lifecycle_hook_name)
            .set_lifecycle_action_token(action.lifecycle_action_token.clone())
            .instance_id(action.ec2_instance_id.as_str())
            .lifecycle_action_result(result.as_str())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(CompleteResponse::Accepted),
            Err(error) if code(&error) == Some("ValidationError") && is_over(message(&error)) => {
                Ok(CompleteResponse::NoActiveAction)
            }
            Err(error) => Err(classify("CompleteLifecycleAction", &error)),
        }
    }

    /// Restarts the heartbeat timeout of an instance's lifecycle action
    /// (RecordLifecycleActionHeartbeat). Returns whether there is one at this hook: no API only
    /// reads that.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn record_heartbeat(
        &self,
        group: &str,
        hook: &str,
        instance: &InstanceId,
    ) -> Result<bool> {
        let answer = self
            .autoscaling
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == Some("ValidationError") && is_over(message(&error)) => {
                Ok(false)
            }
            Err(error) => Err(classify("RecordLifecycleActionHeartbeat", &error)),
        }
    }

    /// The instance's lifecycle state, as `Pending:Wait` or `InService`
    /// (DescribeAutoScalingInstances); `None` if no group has it.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn lifecycle_state(&self, instance: &InstanceId) -> Result<Option<String>> {
        let answer = self
            .autoscaling
            .describe_auto_scaling_instances()
            .instance_ids(instance.as_str())
            .send()
            .await
            .map_err(|error| classify("DescribeAutoScalingInstances", &error))?;
        Ok(answer
            .auto_scaling_instances()
            .first()
            .and_then(|instance| instance.lifecycle_state())
            .map(str::to_owned))
    }
}
