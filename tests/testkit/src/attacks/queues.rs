//! What the policies of the dead-letter queues allow and deny. The fake AWS has no principals of
//! other accounts, so these calls are only compared with the policies.
//!
//! EventBridge calls as a service, and names the rule in `aws:SourceArn` (EventBridge User Guide,
//! "Amazon SQS permissions").

use hookline_local::iam::{AuthorizationRequest, Decision, ResourcePolicy, SERVICE};

use super::Attempt;
use super::call::{ACCOUNT, Call, ROLE};
use super::denied::{attack, attack as call};
use super::target::Target;
use crate::roles::NETWORK_OWNER;

const EVENTS: &str = "events.amazonaws.com";
const OWN_ROLE: &str = "arn:aws:iam::123456789012:role/admin";
const SEND: &str = "sqs:SendMessage";

/// The queues, by whom they are of, and a part of their name.
pub(super) const QUEUES: [(&str, &str); 3] = [
    ("queue of launches", "OrchestratorDeadLetters"),
    ("queue of naming", "NamingDeadLetters"),
    ("queue of traffic", "TrafficDeadLetters"),
];

/// Whose queue this is, by its name or its logical id.
#[must_use]
pub fn queue_of(name: &str) -> Option<&'static str> {
    let mut queues = QUEUES.iter();
    queues.find_map(|(of, part)| name.contains(part).then_some(*of))
}

/// Whether the policy of a queue allows a request: what it says to a service, and what it denies a role of
/// the queue's account, whose own policies suffice otherwise (IAM User Guide, "Policy evaluation logic",
/// requests within one account).
#[must_use]
pub fn queue_allows(policy: &ResourcePolicy, request: &AuthorizationRequest) -> bool {
    match policy.decide(request) {
        Decision::Allowed => true,
        Decision::ImplicitlyDenied => is_of_the_account(request),
        Decision::ExplicitlyDenied => false,
    }
}

/// Whether a role of the queue's account makes a request.
#[must_use]
pub fn is_of_the_account(request: &AuthorizationRequest) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let mut callers = request.context.get(ROLE).iter();
    callers.any(|arn| account(arn) == account(&request.resource))
}

fn rule(of: &str) -> String {
    format!("arn:aws:events:{of}:rule/hookline-Launches")
}

/// A call to a queue: by whom, for which resource, and how.
struct Sent<'a> {
    action: &'static str,
    queue: &'a str,
    caller: (&'static str, &'a str),
    source: Option<&'a str>,
    secure: bool,
}

impl Sent<'_> {
    fn call(&self) -> Call {
        let mut keys = vec![
            (self.caller.0, self.caller.1.to_owned()),
            ("aws:SecureTransport", self.secure.to_string()),
        ];
        keys.extend(self.source.map(|arn| ("aws:SourceArn", arn.to_owned())));
        Call::Compared(self.action, self.queue.to_owned(), keys)
    }
}

/// As EventBridge sends a failed event.
fn sent<'a>(queue: &'a str, source: &'a str) -> Sent<'a> {
    Sent {
        action: SEND,
        queue,
        caller: (SERVICE, EVENTS),
        source: Some(source),
        secure: true,
    }
}

/// The calls that must be allowed.
pub(super) fn allowed(target: &Target) -> Vec<Attempt> {
    let own = rule(ACCOUNT);
    let of = |(by, queue): (&'static str, &String)| {
        call(
            by,
            "takes a failed event of a rule",
            "nobody loses it",
            sent(queue, &own).call(),
        )
    };
    target.queues().into_iter().map(of).collect()
}

/// The attacks that must be denied.
pub(super) fn denied(target: &Target) -> Vec<Attempt> {
    const RULES: &str = "only rules of its account and Region";
    const EVENTBRIDGE: &str = "only EventBridge sends";
    const SENDS: &str = "EventBridge only sends";
    let own = rule(ACCOUNT);
    let elsewhere = rule(&format!("us-west-2:{NETWORK_OWNER}"));
    let other_region = rule("elsewhere-1:123456789012");
    let bus = format!("arn:aws:events:{ACCOUNT}:event-bus/default");
    let topic = format!("arn:aws:sns:{ACCOUNT}:rule/topic");
    let role = format!("arn:aws:iam::{NETWORK_OWNER}:role/admin");
    let mut attacks = Vec::new();
    for (by, queue) in target.queues() {
        let from = |what: &str, why, sent: Sent<'_>| attack(by, what, why, sent.call());
        let by_events = || sent(queue, &own);
        attacks.extend([
            from(
                "takes a message for a rule of another account",
                RULES,
                sent(queue, &elsewhere),
            ),
            from(
                "takes a message for a rule of another Region",
                RULES,
                sent(queue, &other_region),
            ),
            from(
                "takes a message for what is no rule",
                RULES,
                sent(queue, &bus),
            ),
            from(
                "takes a message for a topic that is named like a rule",
                RULES,
                sent(queue, &topic),
            ),
            from(
                "takes a message that is for nobody's rule",
                RULES,
                Sent {
                    source: None,
                    ..by_events()
                },
            ),
            from(
                "takes a message of another service",
                EVENTBRIDGE,
                Sent {
                    caller: (SERVICE, "s3.amazonaws.com"),
                    ..by_events()
                },
            ),
            from(
                "takes a message of a role of another account",
                EVENTBRIDGE,
                Sent {
                    caller: (ROLE, &role),
                    ..by_events()
                },
            ),
            from(
                "takes a message without TLS",
                "no call without TLS",
                Sent {
                    secure: false,
                    ..by_events()
                },
            ),
            from(
                "takes a message of a role of its account without TLS",
                "no call without TLS",
                Sent {
                    caller: (ROLE, OWN_ROLE),
                    secure: false,
                    ..by_events()
                },
            ),
            from(
                "gives a message to EventBridge",
                SENDS,
                Sent {
                    action: "sqs:ReceiveMessage",
                    ..by_events()
                },
            ),
            from(
                "is emptied by EventBridge",
                SENDS,
                Sent {
                    action: "sqs:PurgeQueue",
                    ..by_events()
                },
            ),
        ]);
    }
    attacks
}
