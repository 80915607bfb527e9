//! The errors of the functions, by name.
//!
//! A variant's [`Error::error_type`] reaches the state machine's `ErrorEquals` through
//! `lambda_runtime::Diagnostic`, so these names are an interface.
//! `statemachine/launch-node.asl.json` retries and catches by them, and `docs/errors.md` explains
//! each. Tests compare the three.

use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};

/// The result of a function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A part of what a function was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The EventBridge event, `$.event` of the execution's input.
    Event,
    /// The profile, `$.profile` of the execution's input.
    Profile,
    /// A template of the profile that fails for this node. The event and the rest of the profile
    /// are valid.
    Template,
    /// Any other part of the payload, from earlier states.
    Payload,
}

/// What went wrong, and what a person can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the input is invalid. No call was made and nothing was created.
    #[error("{field}: {problem}. {remedy}")]
    Invalid {
        /// Which part of the input.
        input: Input,
        /// The path of the field, as `profile.slots[2].deviceIndex`.
        field: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it, as a sentence.
        remedy: String,
    },
    /// The profile needs more than the instance type has. This is checked before the first create.
    #[error("{field}: {problem}. {remedy}")]
    InstanceTypeTooSmall {
        /// The path of the field that asks for too much.
        field: String,
        /// What does not fit, with both numbers.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A subnet or security group of the profile, or the cluster of `startupTaint`, does not exist
    /// in this account and Region; or EC2 has no network information for the instance type.
    #[error("{problem}. {remedy}")]
    ResourceNotFound {
        /// What does not exist, in EC2's words or in Hookline's.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// None of a network's subnets in the node's AZ has a free address left, or a free block for a
    /// prefix.
    #[error(
        "network {network}: {} left in {}. {}",
        missing(*prefixes),
        list(subnets),
        remedy_for_full(*prefixes)
    )]
    SubnetsFull {
        /// The logical network.
        network: String,
        /// How many /28 prefixes each interface of the network needs.
        prefixes: u32,
        /// The subnets that were tried, in order.
        subnets: Vec<SubnetId>,
    },
    /// EC2 refused the addresses of every plan, because others had taken them first.
    #[error(
        "network {network}: {rounds} rounds of choosing addresses ended in a conflict. Something else takes addresses in these subnets as fast as Hookline: reserve a range for each (excludedRanges, CIDR reservations)"
    )]
    AddressContention {
        /// The logical network.
        network: String,
        /// How many plans failed.
        rounds: u32,
    },
    /// EC2 does not know the instance yet. DescribeInstances and CreateTags lag behind a launch.
    #[error("EC2 does not know instance {0} yet")]
    InstanceNotFoundYet(InstanceId),
    /// EC2 does not show all volumes or interfaces that get tags. Those that it shows are tagged.
    #[error("EC2 does not show {what} of instance {instance} yet")]
    DevicesNotShownYet {
        /// The instance.
        instance: InstanceId,
        /// `the root volume`, `a volume` or `an interface`.
        what: String,
    },
    /// Some nodes of one event could not be named; the others were. Its name is that of the
    /// decisive error: the first that a retry can mend, otherwise the first.
    #[error("{} of {of} nodes could not be named: {}", failures.len(), failures.join("; "))]
    NodesNotNamed {
        /// The error that gives this one its name.
        decisive: Box<Error>,
        /// How many nodes of the event the profile covers.
        of: usize,
        /// Each node that failed, and why.
        failures: Vec<String>,
    },
    /// The instance is shutting down or terminated.
    #[error("instance {instance} is {state}: there is nothing to prepare")]
    InstanceGone {
        /// The instance.
        instance: InstanceId,
        /// EC2's word for its state, or `unknown to Auto Scaling`.
        state: String,
    },
    /// The instance is still pending. Interfaces can be attached once it is running.
    #[error(
        "instance {0} is still pending. Look at its start: capacity, EBS encryption key, image"
    )]
    InstanceNotRunning(InstanceId),
    /// An interface that was created for this launch does not exist, although EC2 has had time to
    /// show it. Either someone deleted it, or an idempotent retry returned an interface that was
    /// deleted since.
    #[error("network {network}: {interface} was created for this launch and no longer exists")]
    InterfaceLost {
        /// The logical network.
        network: String,
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// All calls have succeeded, but EC2 does not show all interfaces as the profile asks yet.
    #[error(
        "EC2 does not show the interfaces as the profile asks yet: {}. Find who changes these tags or security groups",
        .0.join("; ")
    )]
    NotYetAttached(Vec<String>),
    /// An interface of this launch is still detaching, so it cannot be deleted yet.
    #[error(
        "still detaching: {}. Wait, or release them by hand (docs/operations/release-by-hand.md)",
        list(.0)
    )]
    StillDetaching(Vec<NetworkInterfaceId>),
    /// Another interface has the device index of a slot.
    #[error(
        "instance {instance}: device index {device_index} of network card {network_card} is taken by {by}, which Hookline did not create for this slot. Leave deviceIndex out of the slot, or remove that interface from the launch template; if it is the VPC CNI's (\"aws-K8S-…\"), let kubelet start after the interfaces are there (docs/node.md)"
    )]
    DeviceIndexTaken {
        /// The instance.
        instance: InstanceId,
        /// The device index.
        device_index: u32,
        /// The network card.
        network_card: u32,
        /// The interface that is there, in words.
        by: String,
    },
    /// The lifecycle action has ended and the instance is terminating, so CONTINUE came too late.
    #[error(
        "the lifecycle action of {instance} has ended and the instance is {state}: CONTINUE came too late. Compare the hook's HeartbeatTimeout with EventToContinue (docs/operations/hook-ends-early.md)"
    )]
    LaunchGone {
        /// The instance.
        instance: InstanceId,
        /// Auto Scaling's word for its lifecycle state.
        state: String,
    },
    /// The payload asks to complete a hook that Hookline does not own under the profile. No call
    /// was made.
    ///
    /// Only for executions that began under release 0.1: their state machine has no such outcome.
    #[error("Hookline does not own the lifecycle hook under this profile")]
    HookNotOurs,
    /// The node has a startup taint to remove, and has not registered in its cluster.
    #[error(
        "the node of {instance} has not registered in cluster {cluster} within {minutes} minutes: it is in service, and keeps its taint if it registers later. Look at kubelet's log on the node; then replay (docs/startup-taint.md)"
    )]
    NodeNotRegistered {
        /// The instance.
        instance: InstanceId,
        /// The cluster of the profile.
        cluster: String,
        /// How long it was waited for.
        minutes: i64,
    },
    /// AWS throttled the call, and the SDK's retries as well.
    #[error(
        "{action}: throttled ({code}). Scale out in smaller steps, or set requestRates (docs/operations/throttling.md)"
    )]
    Throttled {
        /// The API action.
        action: &'static str,
        /// AWS's error code.
        code: String,
    },
    /// AWS returned a server error, or did not respond.
    #[error("{action}: AWS is unavailable: {detail}")]
    AwsUnavailable {
        /// The API action.
        action: &'static str,
        /// The response, or why there is none.
        detail: String,
    },
    /// The function's role does not allow this.
    #[error("{action}: not allowed ({detail}). Grant the action to the role of this function")]
    AccessDenied {
        /// The API action.
        action: &'static str,
        /// AWS's words.
        detail: String,
    },
    /// A fault of Hookline itself: a task panicked, or a result cannot be written as JSON.
    #[error(
        "{doing} failed by a fault of Hookline: {detail}. Report it with the execution's input"
    )]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// What went wrong.
        detail: String,
    },
    /// AWS refused a call, and a retry would not change that.
    #[error("{action} was refused: {code}: {message}. Correct what AWS names")]
    AwsRefused {
        /// The API action.
        action: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
}

impl Error {
    /// Every name that [`Error::error_type`] can give.
    pub const TYPES: &'static [&'static str] = &[
        "Hookline.InvalidEvent",
        "Hookline.InvalidProfile",
        "Hookline.InvalidTemplate",
        "Hookline.InvalidPayload",
        "Hookline.InstanceTypeTooSmall",
        "Hookline.ResourceNotFound",
        "Hookline.SubnetsFull",
        "Hookline.AddressContention",
        "Hookline.InstanceNotFoundYet",
        "Hookline.DevicesNotShownYet",
        "Hookline.InstanceGone",
        "Hookline.InstanceNotRunning",
        "Hookline.InterfaceLost",
        "Hookline.NotYetAttached",
        "Hookline.StillDetaching",
        "Hookline.DeviceIndexTaken",
        "Hookline.LaunchGone",
        "Hookline.HookNotOurs",
        "Hookline.NodeNotRegistered",
        "Hookline.Throttled",
        "Hookline.AwsUnavailable",
        "Hookline.AccessDenied",
        "Hookline.AwsRefused",
        "Hookline.Internal",
    ];

    /// The names of the errors that do not pass: the next launch of the group fails by the same one,
    /// until a person mends the cause. The others can be mended by time: throttling, an instance that
    /// EC2 does not show yet, a subnet that is full, what the VPC CNI took before. A refusal of AWS that
    /// has no name of its own may pass, too: a quota, a state. `docs/operations/launch-loop.md` lists these.
    pub const PERMANENT: &'static [&'static str] = &[
        "Hookline.InvalidEvent",
        "Hookline.InvalidProfile",
        "Hookline.InvalidTemplate",
        "Hookline.InvalidPayload",
        "Hookline.InstanceTypeTooSmall",
        "Hookline.ResourceNotFound",
        "Hookline.AccessDenied",
        "Hookline.Internal",
    ];

    /// Whether an error of this name is one of [`Error::PERMANENT`].
    #[must_use]
    pub fn is_permanent(error_type: &str) -> bool {
        Self::PERMANENT.contains(&error_type)
    }

    /// The name by which the state machine retries or catches this error.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Invalid {
                input: Input::Event,
                ..
            } => "Hookline.InvalidEvent",
            Self::Invalid {
                input: Input::Profile,
                ..
            } => "Hookline.InvalidProfile",
            Self::Invalid {
                input: Input::Template,
                ..
            } => "Hookline.InvalidTemplate",
            Self::Invalid {
                input: Input::Payload,
                ..
            } => "Hookline.InvalidPayload",
            Self::InstanceTypeTooSmall { .. } => "Hookline.InstanceTypeTooSmall",
            Self::ResourceNotFound { .. } => "Hookline.ResourceNotFound",
            Self::SubnetsFull { .. } => "Hookline.SubnetsFull",
            Self::AddressContention { .. } => "Hookline.AddressContention",
            Self::InstanceNotFoundYet(_) => "Hookline.InstanceNotFoundYet",
            Self::DevicesNotShownYet { .. } => "Hookline.DevicesNotShownYet",
            Self::NodesNotNamed { decisive, .. } => decisive.error_type(),
            Self::InstanceGone { .. } => "Hookline.InstanceGone",
            Self::InstanceNotRunning(_) => "Hookline.InstanceNotRunning",
            Self::InterfaceLost { .. } => "Hookline.InterfaceLost",
            Self::NotYetAttached(_) => "Hookline.NotYetAttached",
            Self::StillDetaching(_) => "Hookline.StillDetaching",
            Self::DeviceIndexTaken { .. } => "Hookline.DeviceIndexTaken",
            Self::LaunchGone { .. } => "Hookline.LaunchGone",
            Self::HookNotOurs => "Hookline.HookNotOurs",
            Self::NodeNotRegistered { .. } => "Hookline.NodeNotRegistered",
            Self::Throttled { .. } => "Hookline.Throttled",
            Self::AwsUnavailable { .. } => "Hookline.AwsUnavailable",
            Self::AccessDenied { .. } => "Hookline.AccessDenied",
            Self::AwsRefused { .. } => "Hookline.AwsRefused",
            Self::Internal { .. } => "Hookline.Internal",
        }
    }

    /// An invalid field of `input`. `remedy` is a sentence without its full stop.
    pub fn invalid(
        input: Input,
        field: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            input,
            field: field.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl Error {
    /// Something that the profile names and that does not exist: [`Error::ResourceNotFound`].
    pub fn not_found(problem: impl Into<String>) -> Self {
        Self::ResourceNotFound {
            problem: problem.into(),
            remedy: "Correct the profile, or create what it names in this account and Region",
        }
    }

    /// The same error with another remedy, for input that does not come from the state machine.
    #[must_use]
    pub fn with_remedy(mut self, words: &str) -> Self {
        if let Self::Invalid { remedy, .. } = &mut self {
            words.clone_into(remedy);
        }
        self
    }
}

fn missing(prefixes: u32) -> String {
    match prefixes {
        0 => "no free address".to_owned(),
        _ => format!("no room for an address and {prefixes} /28 prefixes"),
    }
}

fn remedy_for_full(prefixes: u32) -> &'static str {
    match prefixes {
        0 => "Free some, add a subnet of this AZ to the slot, or narrow excludedRanges",
        _ => {
            "A prefix needs 16 free addresses in a row that begin at a multiple of 16: free such a block, reserve blocks for prefixes (CreateSubnetCidrReservation, type prefix), or add a subnet of this AZ to the slot"
        }
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_passes_or_does_not() {
        let passing = [
            "Hookline.SubnetsFull",
            "Hookline.AddressContention",
            "Hookline.InstanceNotFoundYet",
            "Hookline.DevicesNotShownYet",
            "Hookline.InstanceGone",
            "Hookline.InstanceNotRunning",
            "Hookline.InterfaceLost",
            "Hookline.NotYetAttached",
            "Hookline.StillDetaching",
            "Hookline.LaunchGone",
            // The launch was not abandoned.
            "Hookline.HookNotOurs",
            "Hookline.NodeNotRegistered",
            "Hookline.Throttled",
            "Hookline.AwsUnavailable",
            // The VPC CNI may have been first on this node only.
            "Hookline.DeviceIndexTaken",
            // A quota, a state, or anything else.
            "Hookline.AwsRefused",
        ];
        for name in Error::TYPES {
            assert_ne!(Error::is_permanent(name), passing.contains(name), "{name}");
        }
        assert_eq!(passing.len() + Error::PERMANENT.len(), Error::TYPES.len());
    }

    #[test]
    fn page_about_launch_loops_lists_the_errors_that_do_not_pass() {
        let page = include_str!("../../../docs/operations/launch-loop.md");
        let (_, section) = page.split_once("\n## The brake\n").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let mut said: Vec<&str> = section
            .split('`')
            .filter(|word| word.starts_with("Hookline."))
            .collect();
        let mut all = Error::PERMANENT.to_vec();
        said.sort_unstable();
        all.sort_unstable();
        assert_eq!(said, all);
    }

    /// The state machine abandons the launch by it, or the launch goes on by itself.
    #[test]
    fn refusal_of_aws_advises_no_replay() {
        let error = Error::AwsRefused {
            action: "ec2:CreateNetworkInterface",
            code: "Some".to_owned(),
            message: "its words".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "ec2:CreateNetworkInterface was refused: Some: its words. Correct what AWS names"
        );
    }

    #[test]
    fn error_of_full_subnets_says_what_is_missing_and_how_to_get_it() {
        let words = |prefixes| {
            let error = Error::SubnetsFull {
                network: "signaling".to_owned(),
                subnets: vec!["subnet-0000000000000001a".parse().unwrap()],
                prefixes,
            };
            error.to_string()
        };
        assert_eq!(
            words(0),
            "network signaling: no free address left in subnet-0000000000000001a. \
             Free some, add a subnet of this AZ to the slot, or narrow excludedRanges"
        );
        assert!(words(2).starts_with(
            "network signaling: no room for an address and 2 /28 prefixes left in \
             subnet-0000000000000001a. A prefix needs 16 free addresses in a row"
        ));
    }
}
