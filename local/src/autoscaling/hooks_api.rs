//! The calls about lifecycle hooks and lifecycle actions.

use std::time::Duration;

use super::group::{Hook, Transition, Verdict};
use super::lifecycle::{self, ActionRef};
use super::{AutoScaling, Context, invalid};
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

const MAX_HOOKS: usize = 50;

pub(super) fn put(autoscaling: &mut AutoScaling, params: &mut Params) -> Result<String, ApiError> {
    let group_name = params.required_str("AutoScalingGroupName")?;
    let hook_request = HookRequest::read(params)?;
    params.finish()?;
    let group = autoscaling.group_mut(&group_name)?;
    let hook = hook_request.resolve(group.hooks.get(&hook_request.name))?;
    if group.hooks.len() >= MAX_HOOKS && !group.hooks.contains_key(&hook_request.name) {
        return Err(ApiError::new(
            "LimitExceeded",
            "You have reached the limit of lifecycle hooks for this group",
        ));
    }
    group.hooks.insert(hook_request.name, hook);
    Ok(String::new())
}

/// The parameters of a hook. What is missing stays as it is in an existing hook, else it is the
/// default.
pub(super) struct HookRequest {
    pub(super) name: String,
    transition: Option<Transition>,
    default_result: Option<Verdict>,
    heartbeat_timeout: Option<u32>,
    notification_metadata: Option<String>,
    notification_target_arn: Option<String>,
    role_arn: Option<String>,
}

impl HookRequest {
    /// Reads the parameters of `PutLifecycleHook`, which are also those of a
    /// `LifecycleHookSpecification`.
    pub(super) fn read(params: &mut Params) -> Result<Self, ApiError> {
        let name = params.required_str("LifecycleHookName")?;
        let fits = name.len() <= 255
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/'));
        if !fits {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'lifecycleHookName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [A-Za-z0-9\\-_\\/]+"
            )));
        }
        let transition = match params.str("LifecycleTransition") {
            Some(text) => Some(Transition::parse(&text).ok_or_else(|| {
                invalid(
                    "Lifecycle Transition must be one of autoscaling:EC2_INSTANCE_LAUNCHING or \
                     autoscaling:EC2_INSTANCE_TERMINATING",
                )
            })?),
            None => None,
        };
        let default_result = match params.str("DefaultResult") {
            Some(text) => Some(
                Verdict::parse(&text)
                    .ok_or_else(|| invalid("Default Result must be either CONTINUE or ABANDON"))?,
            ),
            None => None,
        };
        let heartbeat_timeout = params.u32("HeartbeatTimeout")?;
        if heartbeat_timeout.is_some_and(|seconds| !(30..=7200).contains(&seconds)) {
            return Err(invalid(
                "Heartbeat timeout must be between 30 and 7200 seconds",
            ));
        }
        Ok(Self {
            name,
            transition,
            default_result,
            heartbeat_timeout,
            notification_metadata: params.str("NotificationMetadata"),
            notification_target_arn: params.str("NotificationTargetARN"),
            role_arn: params.str("RoleARN"),
        })
    }

    pub(super) fn resolve(&self, known: Option<&Hook>) -> Result<Hook, ApiError> {
        let Some(transition) = self.transition.or(known.map(|hook| hook.transition)) else {
            return Err(invalid(
                "LifecycleTransition is a required parameter when creating a lifecycle hook",
            ));
        };
        if known.is_some_and(|hook| hook.transition != transition) {
            return Err(invalid(
                "The lifecycle transition of a lifecycle hook cannot be changed",
            ));
        }
        let text = |requested: &Option<String>, known: Option<&Option<String>>| {
            requested
                .clone()
                .or_else(|| known.cloned().flatten())
                .filter(|text| !text.is_empty())
        };
        Ok(Hook {
            transition,
            default_result: self
                .default_result
                .or(known.map(|hook| hook.default_result))
                .unwrap_or(Verdict::Abandon),
            heartbeat_timeout: self
                .heartbeat_timeout
                .map(|seconds| Duration::from_secs(seconds.into()))
                .or(known.map(|hook| hook.heartbeat_timeout))
                .unwrap_or(Duration::from_secs(3600)),
            notification_metadata: text(
                &self.notification_metadata,
                known.map(|hook| &hook.notification_metadata),
            ),
            notification_target_arn: text(
                &self.notification_target_arn,
                known.map(|hook| &hook.notification_target_arn),
            ),
            role_arn: text(&self.role_arn, known.map(|hook| &hook.role_arn)),
        })
    }
}

pub(super) fn delete(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let group = params.required_str("AutoScalingGroupName")?;
    let hook = params.required_str("LifecycleHookName")?;
    params.finish()?;
    let group_state = context.autoscaling.group_mut(&group)?;
    if group_state.hooks.remove(&hook).is_none() {
        return Err(invalid(format!("No Lifecycle Hook found with name {hook}")));
    }
    // AWS completes the outstanding actions first: ABANDON for launching instances, CONTINUE for
    // terminating ones (Auto Scaling API Reference, DeleteLifecycleHook).
    let waiting: Vec<_> = group_state
        .members
        .iter()
        .flat_map(|member| member.actions.iter())
        .filter(|action| action.hook_name == hook)
        .map(|action| (action.token.clone(), action.hook.transition))
        .collect();
    for (token, transition) in waiting {
        let verdict = match transition {
            Transition::Launching => Verdict::Abandon,
            Transition::Terminating => Verdict::Continue,
        };
        let action = ActionRef {
            group: group.clone(),
            hook: hook.clone(),
            token: Some(token),
            instance: None,
        };
        lifecycle::complete(context, &action, verdict)?;
    }
    Ok(String::new())
}

pub(super) fn describe(autoscaling: &AutoScaling, params: &mut Params) -> Result<String, ApiError> {
    let group_name = params.required_str("AutoScalingGroupName")?;
    let names = params.list("LifecycleHookNames.member");
    params.finish()?;
    let group = autoscaling.group(&group_name)?;
    for name in &names {
        if !group.hooks.contains_key(name) {
            return Err(invalid(format!("No Lifecycle Hook found with name {name}")));
        }
    }
    let hooks = group
        .hooks
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let mut xml = Xml::new();
    xml.members("LifecycleHooks", hooks, |xml, (name, hook)| {
        xml.text("AutoScalingGroupName", &group.name);
        xml.text("LifecycleHookName", name);
        xml.text("LifecycleTransition", hook.transition);
        xml.text("DefaultResult", hook.default_result);
        xml.text("HeartbeatTimeout", hook.heartbeat_timeout.as_secs());
        xml.text("GlobalTimeout", hook.global_timeout().as_secs());
        xml.optional("NotificationMetadata", hook.notification_metadata.as_ref());
        xml.optional(
            "NotificationTargetARN",
            hook.notification_target_arn.as_ref(),
        );
        xml.optional("RoleARN", hook.role_arn.as_ref());
    });
    Ok(xml.into_string())
}

fn action_ref(params: &mut Params) -> Result<ActionRef, ApiError> {
    let action = ActionRef {
        group: params.required_str("AutoScalingGroupName")?,
        hook: params.required_str("LifecycleHookName")?,
        token: params.str("LifecycleActionToken"),
        instance: params.str("InstanceId"),
    };
    if let Some(token) = action.token.as_ref().filter(|token| token.len() != 36) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{}' at 'lifecycleActionToken' failed to satisfy constraint: Member \
             must have length equal to 36",
            token.chars().take(256).collect::<String>()
        )));
    }
    Ok(action)
}

pub(super) fn complete(context: &mut Context<'_>, params: &mut Params) -> Result<String, ApiError> {
    let action = action_ref(params)?;
    let result = params.required_str("LifecycleActionResult")?;
    params.finish()?;
    let verdict = Verdict::parse(&result)
        .ok_or_else(|| invalid("Lifecycle Action Result must be either CONTINUE or ABANDON"))?;
    lifecycle::complete(context, &action, verdict)?;
    Ok(String::new())
}

pub(super) fn heartbeat(
    autoscaling: &mut AutoScaling,
    kernel: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let action = action_ref(params)?;
    params.finish()?;
    lifecycle::heartbeat(autoscaling, kernel, &action)?;
    Ok(String::new())
}
