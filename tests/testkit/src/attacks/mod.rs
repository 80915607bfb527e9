//! What the deployed roles allow and what they deny: the calls that the functions need, and attacks
//! with their credentials, each with the reason why it must be denied.
//!
//! An attack is a call with the credentials of a role, as somebody makes it who has got hold of
//! them: on what belongs to another owner or another cluster, with another kind of resource, or to
//! make a thing look like Hookline's own. It is sent to the fake AWS, which must refuse it. A call
//! to a service that the fake AWS does not have is only compared with the policies.
//!
//! - `target`: the account that is attacked;
//! - `call`: a call, and how it is made;
//! - `denied`, `denied_deployments`, `denied_tags`, `denied_selectors`, `denied_others`, `people`,
//!   `queues`, `services`, `allowed`, and `traffic` for the traffic stack: the tables;
//! - `mutations`: policies with one restriction less, or one action less;
//! - `deployed`: the tables for a deployment, with its own names.

mod allowed;
mod call;
mod denied;
mod denied_deployments;
mod denied_others;
mod denied_selectors;
mod denied_tags;
pub mod deployed;
pub mod mutations;
mod people;
mod queues;
mod services;
mod target;
mod traffic;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use hookline_local::iam::{
    AuthorizationRequest, Decision, Policy, ResourcePolicy, TemplateRoles, decide,
};
use hookline_local::{LocalAws, Settings};
use serde_json::Value;

pub use queues::{is_of_the_account, queue_allows, queue_of};
pub use target::Target;
pub use traffic::{LISTING, Listed, Reader, Things as TrafficThings};

use call::Call;

use crate::permissions::PEOPLE;
use crate::roles::{self, RoleLimit, Traffic};

/// A call of a role.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whose role: a function, a state machine, `rule of MACHINE`, or a policy for people. Of the policy
    /// of a queue, `queue of …`.
    pub by: &'static str,
    /// What the call does.
    pub what: String,
    /// Why it must be denied; for a call that must be allowed, what it is for.
    pub reason: &'static str,
    call: Call,
}

/// What became of an attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attempt.
    pub attempt: Attempt,
    /// What the call was authorised on.
    pub requests: Vec<AuthorizationRequest>,
    /// Whether the policies allow it.
    pub allowed: bool,
    /// For an attack that was made: the error of the fake AWS. `None` if it made no difference.
    pub error: Option<String>,
}

/// The errors of calls that are not allowed.
const DENIED: [&str; 3] = [
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
];

/// The calls that must be allowed, and the attacks that must be denied, with what became of them.
#[derive(Debug, Clone)]
pub struct Outcomes {
    /// The calls that must be allowed.
    pub allowed: Vec<Outcome>,
    /// The attacks that must be denied.
    pub denied: Vec<Outcome>,
    /// The roles.
    pub roles: TemplateRoles,
}

impl Outcomes {
    /// Builds the account, asks for the calls and makes the attacks.
    ///
    /// # Errors
    /// If the account cannot be built, or a call is not understood.
    pub async fn of_all() -> Result<Self> {
        Self::of_all_limited_by(RoleLimit::Ids).await
    }

    /// The same with a `networkLimit`, or with patterns of names. With patterns, groups that they leave out are
    /// attacked, too, and the group without a brake is another.
    ///
    /// # Errors
    /// As [`Outcomes::of_all`].
    pub async fn of_all_limited_by(limit: RoleLimit) -> Result<Self> {
        Self::of(Target::build(limit, None).await?).await
    }

    /// The same in a VPC that another account shares.
    ///
    /// # Errors
    /// As [`Outcomes::of_all`].
    pub async fn of_all_in_vpc_of(owner: &str, limit: RoleLimit) -> Result<Self> {
        Self::of(Target::build(limit, Some(owner)).await?).await
    }

    /// The calls and the attacks of the traffic stack.
    ///
    /// # Errors
    /// If the template cannot be read.
    pub async fn of_traffic(traffic: Traffic) -> Result<Self> {
        let roles = roles::of_traffic(traffic)?;
        let things = traffic::Things::of(&roles, traffic);
        let tables = [
            traffic::allowed::calls(&things),
            traffic::denied::attacks(&things),
        ];
        Self::of_tables(&LocalAws::new(Settings::for_tests()), roles, tables).await
    }

    async fn of(target: Target) -> Result<Self> {
        let tables = [allowed::table(&target), denied::table(&target)];
        Self::of_tables(&target.scene.local, target.roles.clone(), tables).await
    }

    async fn of_tables(
        local: &LocalAws,
        roles: TemplateRoles,
        [calls, attacks]: [Vec<Attempt>; 2],
    ) -> Result<Self> {
        let mut outcomes = Self {
            allowed: Vec::new(),
            denied: Vec::new(),
            roles,
        };
        let mut parsed = BTreeMap::new();
        for (arn, documents) in outcomes.documents() {
            parsed.insert(arn.clone(), Policies::parse(arn, documents)?);
        }
        let legitimate = calls.into_iter().map(|one| (one, false));
        let attacks = attacks.into_iter().map(|one| (one, true));
        for (attempt, attack) in legitimate.chain(attacks) {
            let arn = role_of(&outcomes.roles, attempt.by)?;
            let policies = parsed
                .get(&arn)
                .with_context(|| format!("no policy {arn}"))?;
            let requests = attempt.call.requests(local)?;
            ensure!(!requests.is_empty(), "{attempt:?} is authorised on nothing");
            let allows = requests.iter().all(|request| policies.allow(request));
            let error = match attack {
                true => attempt.call.make(local, &arn).await?,
                false => None,
            };
            let outcome = Outcome {
                attempt,
                requests,
                allowed: allows,
                error,
            };
            match attack {
                true => outcomes.denied.push(outcome),
                false => outcomes.allowed.push(outcome),
            }
        }
        Ok(outcomes)
    }

    /// The policies of the roles, and of the queues, by ARN.
    fn documents(&self) -> impl Iterator<Item = (&String, &Vec<Value>)> {
        self.roles.documents.iter().chain(&self.roles.queues)
    }

    /// The policies of the role that makes an attempt. `None` if a queue's policy decides.
    ///
    /// # Errors
    /// If it has no role.
    pub fn policies(&self, outcome: &Outcome) -> Result<Option<&[Value]>> {
        let arn = role_of(&self.roles, outcome.attempt.by)?;
        if self.roles.queues.contains_key(&arn) {
            return Ok(None);
        }
        let documents = self.roles.documents.get(&arn);
        Ok(Some(documents.with_context(|| format!("no role {arn}"))?))
    }

    /// The policy of the queue that decides on an attempt, if one does.
    ///
    /// # Errors
    /// If the attempt is by nobody.
    pub fn queue_policy(&self, outcome: &Outcome) -> Result<Option<&Value>> {
        let arn = role_of(&self.roles, outcome.attempt.by)?;
        Ok(self.roles.queues.get(&arn).and_then(|all| all.first()))
    }

    /// What is not as it should be, a line for each.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for outcome in &self.allowed {
            if !outcome.allowed {
                wrong.push(format!("{} is denied", outcome.attempt.line()));
            }
        }
        for outcome in &self.denied {
            let refused = match &outcome.error {
                Some(error) => DENIED.contains(&error.as_str()),
                None => outcome.attempt.call.is_only_compared(),
            };
            if outcome.allowed || !refused {
                let error = outcome.error.as_deref().unwrap_or("no error");
                wrong.push(format!("{} is not denied: {error}", outcome.attempt.line()));
            }
        }
        wrong
    }
}

impl Attempt {
    /// The attempt in one line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{:<26} {}: {}", self.by, self.what, self.reason)
    }
}

/// The policies of a role, or of a queue.
enum Policies {
    Role(Vec<Policy>),
    Queue(Vec<ResourcePolicy>),
}

impl Policies {
    fn parse(arn: &str, documents: &[Value]) -> Result<Self> {
        let documents = documents.iter();
        Ok(match arn.contains(":sqs:") {
            true => Self::Queue(
                documents
                    .map(ResourcePolicy::parse)
                    .collect::<Result<_, _>>()?,
            ),
            false => Self::Role(documents.map(Policy::parse).collect::<Result<_, _>>()?),
        })
    }

    fn allow(&self, request: &AuthorizationRequest) -> bool {
        match self {
            Self::Role(policies) => decide(policies, request) == Decision::Allowed,
            // No queue has two policies.
            Self::Queue(policies) => policies.iter().all(|one| queue_allows(one, request)),
        }
    }
}

/// The ARN of the role of a function, a state machine, a rule or a schedule; for a policy for people, of
/// a role that has it. Of a queue, its own ARN.
fn role_of(roles: &TemplateRoles, by: &str) -> Result<String> {
    let found = if let Some(machine) = by.strip_prefix("rule of ") {
        roles.starters.get(machine)
    } else if let Some(schedule) = by.strip_prefix("schedule of ") {
        roles.schedules.get(schedule)
    } else if OF_CDK.iter().any(|(of, _)| *of == by) {
        let mut functions = roles.functions.iter();
        functions.find_map(|(name, role)| (function_of_cdk(name) == Some(by)).then_some(role))
    } else if by.starts_with("queue of ") {
        roles.queues.keys().find(|arn| queue_of(arn) == Some(by))
    } else if PEOPLE.contains(&by) {
        roles::person(roles, by)
    } else {
        roles.functions.get(by).or(roles.state_machines.get(by))
    };
    found
        .cloned()
        .with_context(|| format!("{by} has no role or policy"))
}

/// The function that puts the hook on the group of a managed node group.
const CUSTOM_RESOURCE: &str = "custom resource";
/// The function that creates the tables of the traffic.
const TRAFFIC_TABLE: &str = "traffic-table";
/// The CDK's function that invokes it.
const FRAMEWORK: &str = "framework";

/// The function whose name CloudFormation makes, by its name or its logical id.
#[must_use]
pub fn function_of_cdk(name: &str) -> Option<&'static str> {
    let mut functions = OF_CDK.iter();
    functions.find_map(|(by, part)| name.contains(part).then_some(*by))
}

/// Functions whose names CloudFormation makes, by a part of them.
const OF_CDK: [(&str, &str); 3] = [
    (CUSTOM_RESOURCE, "AWS679f"),
    (TRAFFIC_TABLE, "TrafficTableFunction"),
    (FRAMEWORK, "framework"),
];
