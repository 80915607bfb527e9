//! Roles and their policies.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use aws_smithy_runtime_api::client::result::SdkError;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Aws, Error};
use crate::observed::role::Role;

/// The most roles and policies of a page (IAM API Reference, GetAccountAuthorizationDetails,
/// ListRoles).
const PAGE: i32 = 1_000;
/// The most pages that are read. A role that is not on them is looked up by its name.
const MAX_PAGES: usize = 3;

impl Aws {
    /// The roles on the first pages of all with their policies, by ARN, and whether these are all
    /// (GetAccountAuthorizationDetails). Policies of AWS's own come without their documents.
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn roles(&self) -> Result<(BTreeMap<String, Role>, bool), Error> {
        let (mut roles, mut managed) = (Vec::new(), BTreeMap::new());
        let mut marker = None;
        let mut all = false;
        for _ in 0..MAX_PAGES {
            let call = self
                .iam
                .get_account_authorization_details()
                .filter(EntityType::Role)
                .filter(EntityType::LocalManagedPolicy)
                .max_items(PAGE)
                .set_marker(marker);
            let page = self.answer("iam:GetAccountAuthorizationDetails", call.send().await)?;
            roles.extend(page.role_detail_list.unwrap_or_default());
            let policies = page.policies.unwrap_or_default().into_iter();
            managed.extend(policies.filter_map(default_document));
            marker = page.marker.filter(|_| page.is_truncated);
            all = marker.is_none();
            if all {
                break;
            }
        }
        let roles = roles.into_iter().filter_map(|detail| {
            let arn = detail.arn.clone()?;
            Some((arn, role(detail, &managed)))
        });
        Ok((roles.collect(), all))
    }

    /// The ARNs of the roles on the first pages of all, and whether these are all (ListRoles).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn role_arns(&self) -> Result<(BTreeSet<String>, bool), Error> {
        let mut found = BTreeSet::new();
        let mut marker = None;
        for _ in 0..MAX_PAGES {
            let call = self.iam.list_roles().max_items(PAGE).set_marker(marker);
            let page = self.answer("iam:ListRoles", call.send().await)?;
            found.extend(page.roles.into_iter().map(|role| role.arn));
            marker = page.marker.filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }

    /// Whether there is a role of this name (GetRole).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn has_role(&self, name: &str) -> Result<bool, Error> {
        let answer = self.iam.get_role().role_name(name).send().await;
        if let Err(SdkError::ServiceError(error)) = &answer
            && error.err().is_no_such_entity_exception()
        {
            return Ok(false);
        }
        self.answer("iam:GetRole", answer)?;
        Ok(true)
    }
}

fn role(detail: RoleDetail, managed: &BTreeMap<String, Value>) -> Role {
    let trust = detail.assume_role_policy_document.as_deref();
    let mut role = Role {
        trust: trust.and_then(document),
        ..Role::default()
    };
    for inline in detail.role_policy_list.unwrap_or_default() {
        match inline.policy_document.as_deref().and_then(document) {
            Some(document) => role.policies.push(document),
            None => role.unknown.extend(inline.policy_name),
        }
    }
    let attached = detail.attached_managed_policies.unwrap_or_default();
    for arn in attached.into_iter().filter_map(|policy| policy.policy_arn) {
        match managed.get(&arn) {
            Some(document) => role.policies.push(document.clone()),
            None => role.unknown.push(arn),
        }
    }
    let boundary = detail.permissions_boundary;
    if let Some(arn) = boundary.and_then(|it| it.permissions_boundary_arn) {
        // Of one that is not known, it is not told what it does not allow.
        role.boundary = managed.get(&arn).cloned();
    }
    role
}

/// A customer managed policy with the document that is in force.
fn default_document(policy: ManagedPolicyDetail) -> Option<(String, Value)> {
    let versions = policy.policy_version_list.unwrap_or_default();
    let version = versions.into_iter().find(|it| it.is_default_version)?;
    Some((policy.arn?, document(&version.document?)?))
}

/// A document of IAM's answers, which is URL-encoded by RFC 3986.
fn document(encoded: &str) -> Option<Value> {
    let text: Vec<u8> = percent_decode_str(encoded).collect();
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{
        AttachedPermissionsBoundary, AttachedPolicy, PolicyDetail, PolicyVersion,
    };
    use serde_json::json;

    use super::*;

    const ENCODED: &str = "%7B%22Statement%22%3A%5B%5D%2C%22Id%22%3A%22a+b%26c%20d%22%7D";

    #[test]
    fn documents_are_decoded_and_what_has_none_is_not_known() {
        let read = json!({"Statement": [], "Id": "a+b&c d"});
        assert_eq!(document(ENCODED), Some(read.clone()));
        assert_eq!(document("%7B"), None);
        let version = |is_default| {
            let version = PolicyVersion::builder().is_default_version(is_default);
            version
                .document(if is_default { ENCODED } else { "%7B%7D" })
                .build()
        };
        let own = ManagedPolicyDetail::builder()
            .arn("arn:own")
            .policy_version_list(version(false))
            .policy_version_list(version(true))
            .build();
        let managed = BTreeMap::from_iter(default_document(own));
        let attached = |arn: &str| AttachedPolicy::builder().policy_arn(arn).build();
        let inline = |name: &str, document: &str| {
            let policy = PolicyDetail::builder().policy_name(name);
            policy.policy_document(document).build()
        };
        let boundary = AttachedPermissionsBoundary::builder();
        let detail = RoleDetail::builder()
            .assume_role_policy_document(ENCODED)
            .role_policy_list(inline("inline", ENCODED))
            .role_policy_list(inline("cut off", "%7B"))
            .attached_managed_policies(attached("arn:own"))
            .attached_managed_policies(attached("arn:of-aws"))
            .permissions_boundary(boundary.permissions_boundary_arn("arn:own").build())
            .build();
        let role = role(detail, &managed);
        assert_eq!(role.policies, [read.clone(), read.clone()]);
        assert_eq!(role.unknown, ["cut off", "arn:of-aws"]);
        assert_eq!(role.boundary.as_ref(), Some(&read));
        assert_eq!(role.trust, Some(read));
    }
}
