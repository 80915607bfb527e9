//! The names of executions, and how an execution tells its instance.
//!
//! No API looks a lifecycle action token up. So an execution that reconcile starts is named after
//! the instance and the hook: Step Functions takes each name once in 90 days (Step Functions API
//! Reference, *StartExecution*), and so starts it exactly once.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Input, Result};
use crate::ids::InstanceId;

/// What the executions that reconcile starts are named by; the instance's id, its group and a digest of
/// the hook's name follow.
const RECONCILE_NAME: &str = "reconcile-";
/// The same for those that `adopt` starts; the instance's id, its group, a digest of the profile's name and
/// a number follow.
const ADOPT_NAME: &str = "adopt-";
/// The same for those with which a person replays a launch; the instance's id, its group and a digest of
/// what is replayed follow.
const REPLAY_NAME: &str = "replay-";
/// The most characters of a group's name that a name has room for, of 80: the longest prefix has 10, an
/// instance's id 19, a digest 12, and there are separators and the number of an adoption.
const MAX_GROUP: usize = 34;

/// The most executions that `adopt` starts for a node and a profile in the 90 days for which Step
/// Functions keeps a name.
pub const MAX_ADOPTIONS: u32 = 20;

/// The ARN of a state machine, read into what is needed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachine {
    arn: String,
    region: String,
    account: String,
}

impl StateMachine {
    /// Reads `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME`, in any partition.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything else, the ARN of a version or an alias included: executions
    /// are named within the state machine.
    pub fn read(arn: &str) -> Result<Self> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "states", region, account, "stateMachine", name] if !name.is_empty() => {
                Ok(Self {
                    arn: arn.to_owned(),
                    region: (*region).to_owned(),
                    account: (*account).to_owned(),
                })
            }
            _ => Err(Error::invalid(
                Input::Payload,
                "stateMachineArn",
                format!(
                    "expected arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, found {:?}",
                    arn.chars().take(200).collect::<String>()
                ),
                "Give the ARN of the state machine",
            )),
        }
    }

    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account that it is in, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region that it is in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ARN of its execution of this name.
    #[must_use]
    pub fn execution(&self, name: &str) -> String {
        let machine = self.arn.replacen(":stateMachine:", ":execution:", 1);
        format!("{machine}:{name}")
    }
}

/// Whether an execution can have this name (Step Functions API Reference, StartExecution): 1 to 80
/// ASCII letters, digits, `-` and `_`.
#[must_use]
pub fn is_execution_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=80).contains(&name.len()) && name.bytes().all(allowed)
}

/// The name of the execution that reconcile starts for a launch: the same one whenever it looks.
#[must_use]
pub fn execution_name(instance: &InstanceId, group: &str, hook: &str) -> String {
    format!(
        "{RECONCILE_NAME}{}-{}",
        place(instance, group),
        digest(hook)
    )
}

/// The instance and its group, as a name tells them: of the group as much as there is room for, with `-`
/// for each character that a name cannot have.
fn place(instance: &InstanceId, group: &str) -> String {
    let group: String = group
        .chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() {
                sign
            } else {
                '-'
            }
        })
        .take(MAX_GROUP)
        .collect();
    format!("{instance}-{group}")
}

/// Twelve characters for a name that may be longer than an execution's, and holds characters that
/// those must not.
fn digest(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(6).fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// The name of the execution that replays `execution`, an ARN, with `input`. It is the same for the
/// same replay, so that a replay that is repeated starts nothing twice.
#[must_use]
pub fn replay_name(instance: &InstanceId, execution: &str, input: &str) -> String {
    let replayed = digest(&format!("{execution} {input}"));
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    let group = input.pointer("/event/detail/AutoScalingGroupName");
    let group = group.and_then(Value::as_str).unwrap_or_default();
    format!("{REPLAY_NAME}{}-{replayed}", place(instance, group))
}

/// The instance of an execution that reconcile, `adopt` or a replay started, by the execution's name.
#[must_use]
pub fn instance_of_name(name: &str) -> Option<InstanceId> {
    let rest = [RECONCILE_NAME, REPLAY_NAME, ADOPT_NAME]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix)?.strip_prefix("i-"))?;
    let (digits, _) = rest.split_once('-')?;
    format!("i-{digits}").parse().ok()
}

/// The instance of an execution, by its input.
#[must_use]
pub fn instance_of_input(input: &str) -> Option<InstanceId> {
    let input: Value = serde_json::from_str(input).ok()?;
    let id = input.pointer("/event/detail/EC2InstanceId")?;
    id.as_str()?.parse().ok()
}

/// The name of the n-th execution for a node and a profile, from 1. Rounds at the same time come to
/// the same name, and Step Functions takes each only once.
#[must_use]
pub fn adoption_name(instance: &InstanceId, group: &str, profile: &str, n: u32) -> String {
    let of_profile = digest(profile);
    format!("{ADOPT_NAME}{}-{of_profile}-{n}", place(instance, group))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:launch-node";
    const A: &str = "i-0123456789abcdef0";

    fn input_of(group: &str) -> String {
        json!({"event": {"detail": {"AutoScalingGroupName": group}}}).to_string()
    }

    #[test]
    fn names_are_step_functions_and_tell_the_instance() {
        let instance: InstanceId = A.parse().unwrap();
        let hook = format!("{}/hook_é", "h".repeat(240));
        for (group, shown) in [
            ("upf", "-upf-"),
            ("Zürich/1 b", "-Z-rich-1-b-"),
            (&"g".repeat(255), "gggg-"),
            ("", "f0--"),
        ] {
            for name in [
                execution_name(&instance, group, &hook),
                adoption_name(&instance, group, &hook, MAX_ADOPTIONS),
                replay_name(&instance, "arn", &input_of(group)),
            ] {
                assert!(is_execution_name(&name), "{name}");
                assert!(name.contains(shown), "{name}");
                assert_eq!(instance_of_name(&name), Some(instance.clone()), "{name}");
            }
        }
        assert_ne!(
            execution_name(&instance, "upf", "a"),
            execution_name(&instance, "upf", "b")
        );
        // Of an earlier release.
        for name in [
            format!("reconcile-{A}-0123456789ab"),
            format!("adopt-{A}-0123456789ab-1"),
        ] {
            assert_eq!(instance_of_name(&name), Some(instance.clone()), "{name}");
        }
        assert_eq!(instance_of_name("5e-4_77"), None);
        assert_eq!(instance_of_name("reconcile-by-hand"), None);
    }

    #[test]
    fn execution_name_is_short_and_plain() {
        for name in ["a", "5e-4_77", &"x".repeat(80)] {
            assert!(is_execution_name(name), "{name}");
        }
        for name in ["", "a b", "a:b", "é", "a.b", &"x".repeat(81)] {
            assert!(!is_execution_name(name), "{name}");
        }
    }

    #[test]
    fn replay_of_the_same_execution_with_the_same_input_has_the_same_name() {
        let instance: InstanceId = A.parse().unwrap();
        let name = |execution, input| replay_name(&instance, execution, input);
        assert_eq!(name("arn:1", "{}"), name("arn:1", "{}"));
        assert_ne!(name("arn:1", "{}"), name("arn:2", "{}"));
        assert_ne!(name("arn:1", "{}"), name("arn:1", "[]"));
        assert!(name("arn:1", "{}").len() <= 80);
        assert_eq!(
            instance_of_name(&name("arn:1", "{}")),
            Some(instance.clone())
        );
    }

    #[test]
    fn the_instance_of_an_input() {
        let input = json!({"event": {"detail": {"EC2InstanceId": A}}}).to_string();
        assert_eq!(instance_of_input(&input), Some(A.parse().unwrap()));
        for other in ["", "7", "{}", r#"{"event":{"detail":{"EC2InstanceId":7}}}"#] {
            assert_eq!(instance_of_input(other), None);
        }
    }

    #[test]
    fn arns() {
        let machine = StateMachine::read(MACHINE).unwrap();
        assert_eq!(machine.arn(), MACHINE);
        assert_eq!(machine.account(), "123456789012");
        assert_eq!(machine.region(), "us-west-2");
        assert_eq!(
            machine.execution("n"),
            "arn:aws:states:us-west-2:123456789012:execution:launch-node:n"
        );
        for bad in [
            "",
            "launch-node",
            &format!("{MACHINE}:3"),
            "arn:aws:states:r:a:stateMachine:",
        ] {
            let error = StateMachine::read(bad).unwrap_err();
            assert!(
                error.to_string().starts_with("stateMachineArn: "),
                "{error}"
            );
        }
    }
}
