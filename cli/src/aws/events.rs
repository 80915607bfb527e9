//! The rules of EventBridge, and their targets.

use aws_sdk_eventbridge::types::{RuleState, Target as SdkTarget};

use super::{Aws, Error};
use crate::observed::rule::{Retry, Rule, Target};

/// The most pages of rules that are read. A bus has at most 300 rules by default (EventBridge
/// quotas, "Rules"), and a page has 100.
const MAX_PAGES: usize = 10;

impl Aws {
    /// The rules of the default bus, without their targets (ListRules).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn rules(&self) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let call = self.events.list_rules().limit(100).set_next_token(token);
            let page = self.answer("events:ListRules", call.send().await)?;
            rules.extend(
                page.rules
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|rule| {
                        let pattern = rule.event_pattern.as_deref().unwrap_or_default();
                        Some(Rule {
                            name: rule.name?,
                            enabled: rule.state != Some(RuleState::Disabled),
                            description: rule.description.unwrap_or_default(),
                            pattern: serde_json::from_str(pattern).unwrap_or_default(),
                            schedule: rule.schedule_expression,
                            targets: Vec::new(),
                            of_another: false,
                        })
                    }),
            );
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(rules)
    }

    /// The targets of a rule of the default bus (ListTargetsByRule). A rule has at most five.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn targets(&self, rule: &str) -> Result<Vec<Target>, Error> {
        let call = self.events.list_targets_by_rule().rule(rule);
        let answer = self.answer("events:ListTargetsByRule", call.send().await)?;
        Ok(answer
            .targets
            .unwrap_or_default()
            .into_iter()
            .map(target)
            .collect())
    }
}

fn target(target: SdkTarget) -> Target {
    let template = target.input_transformer.map(|input| input.input_template);
    let retry = target.retry_policy.map(|policy| Retry {
        attempts: policy.maximum_retry_attempts,
        event_age: policy.maximum_event_age_in_seconds,
    });
    Target {
        id: target.id,
        arn: target.arn,
        role_arn: target.role_arn,
        template,
        input: target.input,
        dead_letter_queue: target.dead_letter_config.and_then(|it| it.arn),
        retry,
    }
}
