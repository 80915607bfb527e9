//! Everything that can go wrong in a function, by name.
//!
//! A variant's [`Error::error_type`] reaches the state machine's `ErrorEquals` through
//! `lambda_runtime::Diagnostic`, so these names are an interface: `statemachine/launch-node.asl.json`
//! retries and catches by them, and `docs/errors.md` says what each means and what happens then.
//! Tests hold the three together.

use crate::ids::{InstanceId, NetworkInterfaceId, SubnetId};

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A part of what a function was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The EventBridge event, `$.event` of the execution's input.
    Event,
    /// The profile, `$.profile` of the execution's input.
    Profile,
    /// A template of the profile, which fails on this node alone: whose launch it is is clear by then.
    Template,
    /// Anything else in the payload: what earlier states put there.
    Payload,
}

/// What went wrong, with what a person needs to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field of the input does not hold what it must. Nothing has been called or made.
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
    /// The profile asks for more than the instance type has. Known before the first create.
    #[error("{field}: {problem}. {remedy}")]
    InstanceTypeTooSmall {
        /// The path of the field that asks for too much.
        field: String,
        /// What does not fit, with both numbers.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A subnet or security group of the profile does not exist in this account and region.
    #[error("{problem}. Correct the profile, or create what it names in this account and region")]
    ResourceNotFound {
        /// What does not exist, in EC2's words or ours.
        problem: String,
    },
    /// None of a network's subnets in the node's AZ has a free address left.
    #[error(
        "network {network}: no free address left in {}. Free some, add a subnet of this AZ to the slot, or narrow excludedRanges",
        list(subnets)
    )]
    SubnetsFull {
        /// The logical network.
        network: String,
        /// The subnets that were tried, in order.
        subnets: Vec<SubnetId>,
    },
    /// Every address tried was taken by somebody else first, many times over.
    #[error(
        "network {network}: {rounds} rounds of choosing an address all ended in a conflict. Something else takes addresses in these subnets as fast as Hookline does: reserve a range for each (excludedRanges, CIDR reservations)"
    )]
    AddressContention {
        /// The logical network.
        network: String,
        /// How many plans were made.
        rounds: u32,
    },
    /// EC2 does not know the instance (yet): describe and tagging lag behind a launch.
    #[error("EC2 does not know instance {0} yet")]
    InstanceNotFoundYet(InstanceId),
    /// The instance's root volume or its interfaces are not shown yet, and are to have tags: what is shown has them.
    #[error("EC2 does not show {what} of instance {instance} yet")]
    DevicesNotShownYet {
        /// The instance.
        instance: InstanceId,
        /// `the root volume`, `an interface`, or an id that it does not know yet.
        what: String,
    },
    /// Nodes of one event could not be named; the rest of them were. It has the name of the error that decides: the first that
    /// another try can mend, else the first.
    #[error("{} of {of} nodes could not be named: {}", failures.len(), failures.join("; "))]
    NodesNotNamed {
        /// The error that decides.
        decisive: Box<Error>,
        /// How many nodes of the event the profile is for.
        of: usize,
        /// Each node that failed, and why.
        failures: Vec<String>,
    },
    /// The instance is shutting down or terminated: there is nothing left to prepare.
    #[error("instance {instance} is {state}: nothing is left to prepare")]
    InstanceGone {
        /// The instance.
        instance: InstanceId,
        /// EC2's word for its state, or `unknown to Auto Scaling`.
        state: String,
    },
    /// The instance is still pending; interfaces attach once it runs.
    #[error("instance {0} is still pending")]
    InstanceNotRunning(InstanceId),
    /// An interface that had been made for this launch is not there: EC2 has had the time to show it. Somebody deleted it,
    /// or a create with a token of before gave what had been deleted since.
    #[error("network {network}: {interface} was made for this launch and is gone")]
    InterfaceLost {
        /// The logical network.
        network: String,
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// What was asked of the interfaces has been done, but EC2 does not show it yet.
    #[error("EC2 does not show the interfaces as asked yet: {}", .0.join("; "))]
    NotYetAttached(Vec<String>),
    /// An interface made for this launch is still being detached and cannot be deleted yet.
    #[error("still detaching: {}", list(.0))]
    StillDetaching(Vec<NetworkInterfaceId>),
    /// Another interface sits at the device index that a slot asks for.
    #[error(
        "instance {instance}: device index {device_index} of network card {network_card} is taken by an interface that Hookline did not make. Choose another deviceIndex in the profile, or take that interface out of the launch template"
    )]
    DeviceIndexTaken {
        /// The instance.
        instance: InstanceId,
        /// The device index.
        device_index: u32,
        /// The network card.
        network_card: u32,
    },
    /// The lifecycle action is over and the instance is on its way out, so CONTINUE came too late.
    #[error(
        "the lifecycle action of {instance} is over and the instance is {state}: CONTINUE came too late"
    )]
    LaunchGone {
        /// The instance.
        instance: InstanceId,
        /// Auto Scaling's word for its lifecycle state.
        state: String,
    },
    /// The payload asks to complete a hook that the profile does not give to Hookline. Nothing was called.
    ///
    /// Only for executions that began under release 0.1: their state machine knows no outcome for it.
    #[error("the lifecycle hook is not Hookline's to complete under this profile")]
    HookNotOurs,
    /// The API's token bucket is empty; the SDK's own retries did not help.
    #[error("{action}: throttled ({code})")]
    Throttled {
        /// The API action.
        action: &'static str,
        /// AWS's error code.
        code: String,
    },
    /// AWS answered with a server error, or did not answer.
    #[error("{action}: AWS did not answer as it should: {detail}")]
    AwsUnavailable {
        /// The API action.
        action: &'static str,
        /// What came back, or did not.
        detail: String,
    },
    /// The function's role may not do this.
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
    /// AWS refused a call for a reason that trying again does not change.
    #[error("{action} was refused: {code}: {message}")]
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
        "Hookline.Throttled",
        "Hookline.AwsUnavailable",
        "Hookline.AccessDenied",
        "Hookline.AwsRefused",
        "Hookline.Internal",
    ];

    /// The stable name by which the state machine retries or catches this.
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
    /// The same with another remedy, for input that comes from elsewhere than from the state machine.
    #[must_use]
    pub fn with_remedy(mut self, words: &str) -> Self {
        if let Self::Invalid { remedy, .. } = &mut self {
            words.clone_into(remedy);
        }
        self
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}
