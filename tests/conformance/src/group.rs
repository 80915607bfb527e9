//! One launch of an Auto Scaling group with a lifecycle hook, from its event until the instance is
//! in service. The facts about hooks and events look at parts of it.

use anyhow::{Context as _, Result};
use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, LifecycleHookSpecification, Tag};
use aws_sdk_eventbridge::types::{Tag as RuleTag, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::clients::refusal;
use crate::fact::Observed;
use crate::stage::{Stage, TAG, filter};
use crate::wait::{LATER, until};

/// The name of the hook.
const HOOK: &str = "conformance-launch";
/// The hook's metadata, which the event has.
pub const METADATA: &str = "of the conformance suite";

/// The rule that sends a group's events to a queue.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The queue.
    pub queue_url: String,
}

/// What a completion names its action by.
#[derive(Clone, Copy)]
enum By<'a> {
    Instance(&'a str),
    Token(&'a str),
}

/// What one launch showed.
#[derive(Clone, Debug)]
pub struct Story {
    /// The launch event.
    pub event: Value,
    /// The event of the end of the launch.
    pub launched: Value,
    /// The lifecycle state while the instance waited.
    pub waiting_state: String,
    /// The tags of the instance while it waited, by key.
    pub tags: Vec<(String, String)>,
    /// A heartbeat while the action was active.
    pub heartbeat: Observed,
    /// A completion at a hook that does not exist.
    pub unknown_hook: Observed,
    /// A completion in a group that does not exist.
    pub unknown_group: Observed,
    /// The completion with the token of the event.
    pub completion: Observed,
    /// The same completion again, by the token.
    pub again_by_token: Observed,
    /// The same again, by the instance.
    pub again_by_instance: Observed,
    /// A heartbeat after the completion.
    pub late_heartbeat: Observed,
    /// The lifecycle state in the end.
    pub final_state: String,
}

impl Watch {
    /// Makes the queue, and the rule for the events of the run's group.
    pub(crate) async fn make(stage: &Stage) -> Result<Self> {
        let (clients, name) = (&stage.clients, stage.name());
        let queue = clients
            .sqs
            .create_queue()
            .queue_name(&name)
            .tags(TAG, &stage.run);
        let queue = queue.send().await.context("CreateQueue")?;
        let queue_url = queue.queue_url().context("no queue URL")?.to_owned();
        let attributes = clients.sqs.get_queue_attributes().queue_url(&queue_url);
        let attributes = attributes
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .context("GetQueueAttributes")?;
        let queue_arn = attributes
            .attributes()
            .and_then(|all| all.get(&QueueAttributeName::QueueArn))
            .context("no queue ARN")?
            .clone();
        let pattern = json!({
            "source": ["aws.autoscaling"],
            "detail": {"AutoScalingGroupName": [name]},
        });
        let rule = clients
            .events
            .put_rule()
            .name(&name)
            .event_pattern(pattern.to_string())
            .tags(RuleTag::builder().key(TAG).value(&stage.run).build()?)
            .send()
            .await
            .context("PutRule")?;
        let rule_arn = rule.rule_arn().context("no rule ARN")?;
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            }],
        });
        clients
            .sqs
            .set_queue_attributes()
            .queue_url(&queue_url)
            .attributes(QueueAttributeName::Policy, policy.to_string())
            .send()
            .await
            .context("SetQueueAttributes")?;
        let target = Target::builder().id("queue").arn(queue_arn).build()?;
        let put = clients.events.put_targets().rule(&name).targets(target);
        put.send().await.context("PutTargets")?;
        Ok(Self { queue_url })
    }
}

impl Stage {
    /// The launch, made the first time that it is asked for.
    ///
    /// # Errors
    /// If a call fails that should not, or something does not happen in time.
    pub async fn story(&self) -> Result<&Story> {
        self.story.get(|| self.tell()).await
    }

    async fn tell(&self) -> Result<Story> {
        self.create_group().await?;
        let event = self.event("EC2 Instance-launch Lifecycle Action").await?;
        self.launch_no_more().await?;
        let detail = |key: &str| {
            let value = event.pointer(&format!("/detail/{key}"));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (instance, token) = (detail("EC2InstanceId"), detail("LifecycleActionToken"));
        let waiting_state = self.lifecycle_state(&instance, |state| state == "Pending:Wait");
        let waiting_state = waiting_state.await?;
        let tags = self.tags_of(&instance).await?;
        let heartbeat = refusal(self.heartbeat(&instance).await)?;
        let name = self.name();
        let unknown_hook = refusal(
            self.complete(&name, "no-such-hook", By::Instance(&instance))
                .await,
        )?;
        let unknown_group = self
            .complete("no-such-group", HOOK, By::Instance(&instance))
            .await;
        let unknown_group = refusal(unknown_group)?;
        let completion = refusal(self.complete(&name, HOOK, By::Token(&token)).await)?;
        let again_by_token = refusal(self.complete(&name, HOOK, By::Token(&token)).await)?;
        let again_by_instance = refusal(self.complete(&name, HOOK, By::Instance(&instance)).await)?;
        let late_heartbeat = refusal(self.heartbeat(&instance).await)?;
        let final_state = self.lifecycle_state(&instance, |state| state == "InService");
        let final_state = final_state.await?;
        let launched = self.event("EC2 Instance Launch Successful").await?;
        Ok(Story {
            event,
            launched,
            waiting_state,
            tags,
            heartbeat,
            unknown_hook,
            unknown_group,
            completion,
            again_by_token,
            again_by_instance,
            late_heartbeat,
            final_state,
        })
    }

    async fn create_group(&self) -> Result<()> {
        let name = self.name();
        let hook = LifecycleHookSpecification::builder()
            .lifecycle_hook_name(HOOK)
            .lifecycle_transition("autoscaling:EC2_INSTANCE_LAUNCHING")
            .heartbeat_timeout(300)
            .default_result("ABANDON")
            .notification_metadata(METADATA)
            .build();
        let template = LaunchTemplateSpecification::builder()
            .launch_template_name(&name)
            .version("$Latest")
            .build();
        let tag = Tag::builder()
            .key(TAG)
            .value(&self.run)
            .propagate_at_launch(true);
        self.clients
            .autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(&name)
            .launch_template(template)
            .min_size(0)
            .max_size(1)
            .desired_capacity(1)
            .vpc_zone_identifier(&self.main.id)
            .lifecycle_hook_specification_list(hook)
            .tags(tag.build())
            .send()
            .await
            .context("CreateAutoScalingGroup")?;
        Ok(())
    }

    /// Suspends the group's launches: the group of a run that was killed launches no replacement for
    /// an instance that the hook abandons.
    async fn launch_no_more(&self) -> Result<()> {
        let call = self.clients.autoscaling.suspend_processes();
        let call = call.auto_scaling_group_name(self.name());
        let suspended = call.scaling_processes("Launch").send().await;
        suspended.context("SuspendProcesses Launch")?;
        Ok(())
    }

    /// Waits for an event of the group with this detail type. Others are left out.
    async fn event(&self, detail_type: &str) -> Result<Value> {
        let queue = self.watch.as_ref().context("no queue")?.queue_url.as_str();
        until(LATER, &format!("the event {detail_type}"), async || {
            let received = self
                .clients
                .sqs
                .receive_message()
                .queue_url(queue)
                .max_number_of_messages(10)
                .wait_time_seconds(5)
                .send()
                .await
                .context("ReceiveMessage")?;
            for message in received.messages() {
                let handle = message.receipt_handle().unwrap_or_default();
                let delete = self.clients.sqs.delete_message().queue_url(queue);
                delete
                    .receipt_handle(handle)
                    .send()
                    .await
                    .context("DeleteMessage")?;
                let event: Value = serde_json::from_str(message.body().unwrap_or_default())?;
                if event.get("detail-type").and_then(Value::as_str) == Some(detail_type) {
                    return Ok(Some(event));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn lifecycle_state(
        &self,
        instance: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        until(LATER, &format!("the state of {instance}"), async || {
            let call = self.clients.autoscaling.describe_auto_scaling_instances();
            let found = call.instance_ids(instance).send().await;
            let found = found.context("DescribeAutoScalingInstances")?;
            let first = found.auto_scaling_instances().first();
            let state = first.and_then(|instance| instance.lifecycle_state());
            Ok(state.filter(|state| is_wanted(state)).map(str::to_owned))
        })
        .await
    }

    async fn tags_of(&self, instance: &str) -> Result<Vec<(String, String)>> {
        let call = self.clients.ec2.describe_tags();
        let found = call
            .filters(filter("resource-id", &[instance]))
            .send()
            .await;
        let found = found.context("DescribeTags")?;
        let pairs = found.tags().iter().filter_map(|tag| {
            Some((
                tag.key()?.to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            ))
        });
        Ok(pairs.collect())
    }

    async fn heartbeat(
        &self,
        instance: &str,
    ) -> Result<
        aws_sdk_autoscaling::operation::record_lifecycle_action_heartbeat::RecordLifecycleActionHeartbeatOutput,
        aws_sdk_autoscaling::error::SdkError<
            aws_sdk_autoscaling::operation::record_lifecycle_action_heartbeat::RecordLifecycleActionHeartbeatError,
        >,
    >{
        self.clients
            .autoscaling
            .record_lifecycle_action_heartbeat()
            .auto_scaling_group_name(self.name())
            .lifecycle_hook_name(HOOK)
            .instance_id(instance)
            .send()
            .await
    }

    /// Completes an action with CONTINUE.
    async fn complete(
        &self,
        group: &str,
        hook: &str,
        by: By<'_>,
    ) -> Result<
        aws_sdk_autoscaling::operation::complete_lifecycle_action::CompleteLifecycleActionOutput,
        aws_sdk_autoscaling::error::SdkError<
            aws_sdk_autoscaling::operation::complete_lifecycle_action::CompleteLifecycleActionError,
        >,
    > {
        let call = self
            .clients
            .autoscaling
            .complete_lifecycle_action()
            .auto_scaling_group_name(group)
            .lifecycle_hook_name(hook)
            .lifecycle_action_result("CONTINUE");
        match by {
            By::Instance(id) => call.instance_id(id),
            By::Token(token) => call.lifecycle_action_token(token),
        }
        .send()
        .await
    }
}
