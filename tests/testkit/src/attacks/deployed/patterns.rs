//! The groups that the roles of a deployment may touch by their names alone, whatever their tags
//! (`autoScalingGroupNamePatterns`).

use hookline_local::iam::{AuthorizationRequest, Decision, Policy, decide};
use serde_json::json;

use super::Deployed;
use crate::attacks::Outcomes;

/// The key with the tag keys of a request.
const TAG_KEYS: &str = "aws:TagKeys";

impl Deployed {
    /// Whether a pattern of the deployment matches the name of a group, as IAM compares it.
    #[must_use]
    pub fn has_pattern_for(&self, group: &str) -> bool {
        if self.group_patterns.is_empty() {
            return false;
        }
        let action = "autoscaling:CompleteLifecycleAction";
        let patterns = self.group_patterns.iter();
        let resources: Vec<_> = patterns.map(|pattern| self.group_arn(pattern)).collect();
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": resources}],
        });
        let request = AuthorizationRequest {
            action: action.to_owned(),
            resource: self.group_arn(group),
            context: hookline_local::iam::Context::default(),
        };
        // One that the evaluator does not understand may match.
        Policy::parse(&document).map_or(true, |policy| {
            decide(&[policy], &request) == Decision::Allowed
        })
    }

    fn group_arn(&self, name: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!(
            "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}"
        )
    }
}

/// Whether an attack is denied for the group that it is about, and for nothing else: the role may make the
/// same call on a group of the deployment.
pub(super) fn is_about_its_group(
    outcomes: &Outcomes,
    by: &str,
    attack: &AuthorizationRequest,
) -> bool {
    let own = outcomes.allowed.iter().filter(|one| one.attempt.by == by);
    own.flat_map(|one| &one.requests).any(|allowed| {
        let keys = allowed.context.get(TAG_KEYS);
        let mut of_attack = attack.context.get(TAG_KEYS).iter();
        allowed.action == attack.action && of_attack.all(|key| keys.contains(key))
    })
}
