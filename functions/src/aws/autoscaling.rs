//! The lifecycle action: complete it, and see what became of it.

use super::Aws;
use super::classify::{classify, code, message};
use hookline_domain::error::Result;
use hookline_domain::event::LifecycleAction;
use hookline_domain::execution::LifecycleActionResult;
use hookline_domain::ids::InstanceId;

/// What came of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompleteResponse {
    /// It was accepted.
    Accepted,
    /// The lifecycle action is over: completed before, timed out, or the instance, hook or group is gone.
    NoActiveAction,
}

/// Whether Auto Scaling's words say that the lifecycle action is over. Deleting a hook completes its actions, and
/// deleting a group ends its instances.
fn is_over(words: &str) -> bool {
    [
        "No active Lifecycle Action",
        "No Lifecycle Hook found",
        "AutoScalingGroup name not found",
    ]
    .iter()
    .any(|over| words.contains(over))
}

impl Aws {
    /// Completes the lifecycle action by its token, or by its instance where there is none (CompleteLifecycleAction).
    ///
    /// # Errors
    /// What every call can fail with.
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

    /// Gives the lifecycle action of an instance its whole heartbeat timeout again, and tells by that whether there is
    /// one at this hook (RecordLifecycleActionHeartbeat): no call only looks.
    ///
    /// # Errors
    /// What every call can fail with.
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

    /// The instance's lifecycle state, as `Pending:Wait` or `InService` (DescribeAutoScalingInstances);
    /// `None` when no group has it any more.
    ///
    /// # Errors
    /// What every call can fail with.
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
