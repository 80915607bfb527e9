//! Who may assume the roles of a deployment. IAM's simulator takes no trust policy: a simulation is
//! of what a caller may do, and a service cannot be the caller. So the policies are read, and
//! compared.

use anyhow::{Context as _, Result};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Deployment;
use crate::clients::Clients;
use crate::simulator::Policies;

impl Deployment {
    /// Reads the trust policy of each role.
    pub(super) async fn read_trust(&mut self, clients: &Clients) -> Result<()> {
        for policies in self.policies.values().flatten() {
            let Policies::OfRole(arn) = policies else {
                continue;
            };
            if !self.trust.contains_key(arn) {
                let name = arn.rsplit('/').next().unwrap_or_default();
                let (_, document) = role(clients, name).await?;
                self.trust.insert(arn.clone(), document);
            }
        }
        Ok(())
    }
}

/// The ARN and the trust policy of a role.
pub(super) async fn role(clients: &Clients, name: &str) -> Result<(String, Value)> {
    let found = clients.iam.get_role().role_name(name).send().await;
    let found = found.with_context(|| format!("GetRole {name}"))?;
    let role = found.role().context("no role")?;
    let document = role.assume_role_policy_document();
    let document = document.with_context(|| format!("{name} has no trust policy"))?;
    let document: Vec<u8> = percent_decode_str(document).collect();
    let document = serde_json::from_slice(&document);
    Ok((role.arn().to_owned(), document.context("a trust policy")?))
}

/// The only statement of the trust policy of a role of the tables: one service may assume it. The
/// roles of schedules are for those of the account's own group of schedules, against the confused
/// deputy (EventBridge Scheduler User Guide, "Confused deputy prevention in EventBridge
/// Scheduler").
#[must_use]
pub fn expected(by: &str, deployment: &Deployment) -> Value {
    let things = &deployment.things;
    let is_machine = ["launch-node", "name-node", "cross-az-traffic"].contains(&by);
    let service = match by.split_once(" of ") {
        Some(("rule", _)) => "events",
        Some(("schedule", _)) => "scheduler",
        _ if is_machine => "states",
        _ => "lambda",
    };
    let principal = json!({"Service": format!("{service}.amazonaws.com")});
    if !by.starts_with("schedule of ") {
        return json!({"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": principal});
    }
    let (partition, region, account) = (&things.partition, &things.region, &things.account);
    let group = format!("arn:{partition}:scheduler:{region}:{account}:schedule-group/default");
    json!({
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": principal,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account, "aws:SourceArn": group},
        },
    })
}
