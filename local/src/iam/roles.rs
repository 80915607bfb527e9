//! The roles, the credentials of each, and who makes a call.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_credential_types::Credentials;
use serde_json::Value;

use super::policy::{AuthorizationRequest, Decision, Policy, decide};

/// A role with its policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN: `arn:aws:iam::123456789012:role/NAME`.
    pub arn: String,
    /// Its identity-based policies.
    pub policies: Vec<Policy>,
}

impl Role {
    /// The name, without the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The verdict of the role's policies on a request.
    #[must_use]
    pub fn decide(&self, request: &AuthorizationRequest) -> Decision {
        decide(&self.policies, request)
    }
}

/// The role that functions are described with which were registered without one.
pub(crate) const LOCAL_ROLE: &str = "arn:aws:iam::123456789012:role/local";

/// The beginning of the access key ids of temporary credentials (IAM User Guide, "IAM identifiers").
const TEMPORARY: &str = "ASIA";

/// The credentials of a role. The access key id carries the role's ARN, so that whoever knows the
/// one can make the other. Secret key and session token are public: no signature is checked.
#[must_use]
pub fn credentials_of(role_arn: &str) -> Credentials {
    const SECRET: &str = "test";
    Credentials::new(
        access_key_of(role_arn),
        SECRET,
        Some(SECRET.to_owned()),
        None,
        "hookline-local",
    )
}

fn access_key_of(role_arn: &str) -> String {
    let hex: String = role_arn.bytes().map(|byte| format!("{byte:02X}")).collect();
    format!("{TEMPORARY}{hex}")
}

/// The ARN in an access key id of [`access_key_of`].
fn role_of_access_key(access_key: &str) -> Option<String> {
    let hex = access_key.strip_prefix(TEMPORARY)?;
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes: Option<Vec<u8>> = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect();
    String::from_utf8(bytes?)
        .ok()
        .filter(|arn| arn.starts_with("arn:"))
}

/// Who makes a call.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// A test or a person: nothing is refused.
    Anyone,
    /// A role.
    Role(Arc<Role>),
    /// A role that does not exist, while others do.
    UnknownRole(String),
}

impl Caller {
    /// The ARN of the role, if the call is made with one.
    pub(crate) fn role_arn(&self) -> Option<&str> {
        match self {
            Self::Anyone => None,
            Self::Role(role) => Some(&role.arn),
            Self::UnknownRole(arn) => Some(arn),
        }
    }
}

/// A statement of a function's resource-based policy: a service may invoke the function for one
/// resource of its own (Lambda API Reference, AddPermission).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokePermission {
    /// The function.
    pub function_arn: String,
    /// The service: `events.amazonaws.com`.
    pub principal: String,
    /// The resource on whose behalf the service calls, such as a rule.
    pub source_arn: String,
}

/// The roles of the account. As long as there is none, no call is authorised.
#[derive(Debug, Default)]
pub struct Iam {
    roles: RwLock<BTreeMap<String, Arc<Role>>>,
    /// The trust policies of roles, by the role's ARN.
    trust: RwLock<BTreeMap<String, Value>>,
    /// The documents of the managed policies that no role has, by ARN.
    policies: RwLock<BTreeMap<String, Value>>,
    invoke_permissions: RwLock<Vec<InvokePermission>>,
}

impl Iam {
    /// Creates a role, or replaces the one with its ARN.
    pub fn put_role(&self, role: Role) {
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        roles.insert(role.arn.clone(), Arc::new(role));
    }

    /// Deletes a role. A call with its credentials is refused from now on, as long as there are others.
    pub fn delete_role(&self, arn: &str) {
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        roles.remove(arn);
    }

    /// Puts the trust policy of a role. It is shown, and not enforced: no call of STS is authorised.
    pub fn put_trust(&self, arn: impl Into<String>, document: Value) {
        let mut trust = self.trust.write().unwrap_or_else(PoisonError::into_inner);
        trust.insert(arn.into(), document);
    }

    /// The trust policy of a role, by the role's ARN.
    #[must_use]
    pub fn trust(&self, arn: &str) -> Option<Value> {
        let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner);
        trust.get(arn).cloned()
    }

    /// Creates a managed policy that no role has, or replaces the one with its ARN.
    pub fn put_policy(&self, arn: impl Into<String>, document: Value) {
        let mut policies = self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        policies.insert(arn.into(), document);
    }

    /// The document of a managed policy that no role has, by its ARN.
    #[must_use]
    pub fn policy(&self, arn: &str) -> Option<Value> {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        policies.get(arn).cloned()
    }

    /// Adds a statement to the resource-based policy of a function.
    pub fn add_permission(&self, permission: InvokePermission) {
        let permissions = self.invoke_permissions.write();
        permissions
            .unwrap_or_else(PoisonError::into_inner)
            .push(permission);
    }

    /// Whether a service may invoke a function for one of its resources.
    pub(crate) fn may_invoke(&self, principal: &str, source_arn: &str, function_arn: &str) -> bool {
        let permissions = self.invoke_permissions.read();
        let permissions = permissions.unwrap_or_else(PoisonError::into_inner);
        !self.authorises()
            || permissions.iter().any(|permission| {
                permission.principal == principal
                    && permission.source_arn == source_arn
                    && permission.function_arn == function_arn
            })
    }

    /// Whether calls are authorised: there is a role.
    pub(crate) fn authorises(&self) -> bool {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        !roles.is_empty()
    }

    /// A role, by its ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<Arc<Role>> {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.get(arn).cloned()
    }

    /// All roles.
    #[must_use]
    pub fn roles(&self) -> Vec<Arc<Role>> {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.values().cloned().collect()
    }

    pub(crate) fn caller(&self, access_key: &str) -> Caller {
        let Some(arn) = role_of_access_key(access_key) else {
            return Caller::Anyone;
        };
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        match roles.get(&arn) {
            _ if roles.is_empty() => Caller::Anyone,
            Some(role) => Caller::Role(Arc::clone(role)),
            None => Caller::UnknownRole(arn),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:role/hookline-tag-node";

    #[test]
    fn credentials_of_a_role_name_it_while_there_are_roles() {
        let key = credentials_of(ARN).access_key_id().to_owned();
        let iam = Iam::default();
        assert!(matches!(iam.caller(&key), Caller::Anyone));
        iam.put_role(Role {
            arn: "arn:aws:iam::123456789012:role/other".to_owned(),
            policies: Vec::new(),
        });
        assert!(matches!(iam.caller(&key), Caller::UnknownRole(arn) if arn == ARN));
        iam.put_role(Role {
            arn: ARN.to_owned(),
            policies: Vec::new(),
        });
        let caller = iam.caller(&key);
        assert!(matches!(&caller, Caller::Role(role) if role.name() == "hookline-tag-node"));
        assert_eq!(caller.role_arn(), Some(ARN));
        iam.delete_role(ARN);
        assert!(matches!(iam.caller(&key), Caller::UnknownRole(arn) if arn == ARN));
    }

    #[test]
    fn other_access_keys_name_no_role() {
        let iam = Iam::default();
        iam.put_role(Role {
            arn: ARN.to_owned(),
            policies: Vec::new(),
        });
        for key in [
            "",
            "test",
            "ak",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "ASIA6",
        ] {
            assert!(matches!(iam.caller(key), Caller::Anyone), "{key}");
        }
    }

    proptest! {
        #[test]
        fn access_key_gives_its_role_back(name in ".{0,64}") {
            let arn = format!("arn:aws:iam::123456789012:role/{name}");
            prop_assert_eq!(role_of_access_key(&access_key_of(&arn)), Some(arn));
        }
    }
}
