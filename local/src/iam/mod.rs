//! IAM: the roles, and whether they allow a call.
//!
//! A call with the credentials of a role is authorised before it takes effect, on every resource
//! that AWS authorises it on, and refused with the service's own error if a policy of the role does
//! not allow it. Calls with any other credentials, such as those of tests and people, are not
//! restricted. The functions' programs get the credentials of their role in their environment, as
//! on Lambda.
//!
//! - `pattern`: texts with wildcards;
//! - `condition`: the Condition element;
//! - `policy`: documents, statements, and the verdict;
//! - `resource_policy`: the same for the policies of queues, which name principals;
//! - `actions`: what each action is authorised on;
//! - `context`: the ARNs and the condition keys of a call, from the fake's own books;
//! - `roles`: the roles, their credentials, and who makes a call;
//! - `template`: the roles of a CloudFormation template;
//! - `denied`: the errors;
//! - `api`: GetRole and ListRoles; `simulate`: SimulateCustomPolicy and SimulatePrincipalPolicy.

pub mod actions;
mod api;
mod condition;
mod context;
mod denied;
mod pattern;
mod policy;
mod resource_policy;
mod roles;
mod simulate;
mod template;

pub use condition::Context;
pub use pattern::{ArnPattern, Pattern, ResourcePattern};
pub use policy::{AuthorizationRequest, Decision, Policy, PolicyError, decide};
pub use resource_policy::{ResourcePolicy, SERVICE};
pub use roles::{Iam, InvokePermission, Role, credentials_of};
pub use template::{Stack, TemplateError, TemplateRoles, managed_policy};

pub(crate) use api::act;
pub(crate) use context::requests;
pub(crate) use denied::{denied, not_known, session_of, unknown_role};
pub(crate) use roles::{Caller, LOCAL_ROLE};
