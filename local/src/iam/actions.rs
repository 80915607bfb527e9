//! What IAM authorises each action on (Service Authorization Reference, "Actions, resources, and
//! condition keys", of each service).
//!
//! The table is held against AWS's own by a test: an action that changes something covers every
//! resource type that AWS requires, and an action without resource types is authorised on `*`.

/// A resource that a call is authorised on, by where the call names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// No resource in particular: `*`.
    All,
    /// An EC2 resource that the call creates. Its ARN ends with `/*`, as its id is not known yet.
    /// Its tags are in the request.
    New(&'static str),
    /// The EC2 resources of a type whose ids are in a parameter, or in a list of that name.
    Named(&'static str, &'static str),
    /// The resources to tag or to untag: `ResourceId.N`.
    Tagged,
    /// The network interface and the instance of `AttachmentId`.
    Attachment,
    /// The instance of `Attachment.AttachmentId`, for a change of the attachment.
    AttachmentChange,
    /// The group in `AutoScalingGroupName`.
    Group,
    /// The group of the instance in `InstanceId`.
    GroupOfInstance,
    /// The groups in `Tags.member.N.ResourceId`.
    TaggedGroups,
    /// A state machine or an execution, whose ARN is in a parameter.
    States(&'static str, &'static str),
    /// The state machine that the call creates under `name`.
    NewStateMachine,
    /// The function in `FunctionName`.
    Function,
    /// The cluster in `name`.
    Cluster,
    /// The rule of the default event bus in a parameter.
    Rule(&'static str),
    /// The default event bus.
    EventBus,
}

impl Target {
    /// AWS's names for the types of these resources. [`Target::Tagged`] has those that the fake AWS
    /// has.
    #[must_use]
    pub fn resource_types(self) -> &'static [&'static str] {
        match self {
            Self::All => &[],
            Self::New(kind) | Self::Named(kind, _) => match kind {
                "image" => &["image"],
                "instance" => &["instance"],
                "launch-template" => &["launch-template"],
                "network-interface" => &["network-interface"],
                "security-group" => &["security-group"],
                "subnet" => &["subnet"],
                "volume" => &["volume"],
                "vpc" => &["vpc"],
                _ => &[],
            },
            Self::Tagged => &[
                "instance",
                "launch-template",
                "network-interface",
                "security-group",
                "subnet",
                "subnet-cidr-reservation",
                "volume",
                "vpc",
            ],
            Self::Attachment => &["network-interface", "instance"],
            Self::AttachmentChange => &["instance"],
            Self::Group | Self::GroupOfInstance | Self::TaggedGroups => &["autoScalingGroup"],
            Self::States("execution", _) => &["execution"],
            Self::States(..) | Self::NewStateMachine => &["statemachine"],
            Self::Function => &["function"],
            Self::Cluster => &["cluster"],
            Self::Rule(_) => &["rule-on-default-event-bus"],
            Self::EventBus => &["event-bus"],
        }
    }
}

/// An action of the fake AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The service's name, which is also the prefix of its actions: `ec2`.
    pub service: &'static str,
    /// The action as the call names it: `Invoke`.
    pub call: &'static str,
    /// The action as IAM names it: `InvokeFunction`.
    pub name: &'static str,
    /// What it is authorised on.
    pub targets: &'static [Target],
}

const fn action(service: &'static str, name: &'static str, targets: &'static [Target]) -> Action {
    Action {
        service,
        call: name,
        name,
        targets,
    }
}

const ALL: &[Target] = &[Target::All];
const INTERFACE: Target = Target::Named("network-interface", "NetworkInterfaceId");
const INSTANCE: Target = Target::Named("instance", "InstanceId");
const SECURITY_GROUPS: Target = Target::Named("security-group", "SecurityGroupId");
const SUBNET: Target = Target::Named("subnet", "SubnetId");
const GROUP: &[Target] = &[Target::Group];
const MACHINE: &[Target] = &[Target::States("statemachine", "stateMachineArn")];
const EXECUTION: &[Target] = &[Target::States("execution", "executionArn")];

/// Every action whose resources are known. A role may call no other.
///
/// - A new interface is authorised on itself, on its subnet and on each security group that the
///   call names. That a call without one is authorised on the VPC's default group is not said.
/// - ModifyNetworkInterfaceAttribute is authorised on the instance for a change of the attachment.
///   The reference says that this type is optional, and not when it counts; this is the strict
///   reading.
pub const ACTIONS: &[Action] = &[
    action("ec2", "AssignPrivateIpAddresses", &[INTERFACE]),
    action("ec2", "AssociateSubnetCidrBlock", &[SUBNET]),
    action("ec2", "AttachNetworkInterface", &[INTERFACE, INSTANCE]),
    action(
        "ec2",
        "CreateLaunchTemplate",
        &[Target::New("launch-template")],
    ),
    action(
        "ec2",
        "CreateNetworkInterface",
        &[Target::New("network-interface"), SUBNET, SECURITY_GROUPS],
    ),
    action(
        "ec2",
        "CreateSecurityGroup",
        &[Target::New("security-group"), Target::Named("vpc", "VpcId")],
    ),
    action(
        "ec2",
        "CreateSubnet",
        &[Target::New("subnet"), Target::Named("vpc", "VpcId")],
    ),
    action("ec2", "CreateSubnetCidrReservation", &[SUBNET]),
    action("ec2", "CreateTags", &[Target::Tagged]),
    action("ec2", "CreateVpc", &[Target::New("vpc")]),
    action("ec2", "DeleteNetworkInterface", &[INTERFACE]),
    action(
        "ec2",
        "DeleteSecurityGroup",
        &[Target::Named("security-group", "GroupId")],
    ),
    action("ec2", "DeleteSubnetCidrReservation", ALL),
    action("ec2", "DeleteTags", &[Target::Tagged]),
    action("ec2", "DescribeAvailabilityZones", ALL),
    action("ec2", "DescribeInstanceAttribute", &[INSTANCE]),
    action("ec2", "DescribeInstanceTypeOfferings", ALL),
    action("ec2", "DescribeInstanceTypes", ALL),
    action("ec2", "DescribeInstances", ALL),
    action("ec2", "DescribeLaunchTemplateVersions", ALL),
    action("ec2", "DescribeLaunchTemplates", ALL),
    action("ec2", "DescribeNetworkInterfaceAttribute", ALL),
    action("ec2", "DescribeNetworkInterfaces", ALL),
    action("ec2", "DescribeSecurityGroups", ALL),
    action("ec2", "DescribeSubnets", ALL),
    action("ec2", "DescribeTags", ALL),
    action("ec2", "DescribeVpcs", ALL),
    action("ec2", "DetachNetworkInterface", &[Target::Attachment]),
    action("ec2", "GetSubnetCidrReservations", ALL),
    action(
        "ec2",
        "ModifyNetworkInterfaceAttribute",
        &[INTERFACE, Target::AttachmentChange, SECURITY_GROUPS],
    ),
    action("ec2", "ModifySubnetAttribute", &[SUBNET]),
    action(
        "ec2",
        "RunInstances",
        &[
            Target::New("instance"),
            Target::New("network-interface"),
            Target::New("volume"),
            Target::Named("image", "ImageId"),
            SUBNET,
            SECURITY_GROUPS,
        ],
    ),
    action("ec2", "StartInstances", &[INSTANCE]),
    action("ec2", "StopInstances", &[INSTANCE]),
    action("ec2", "TerminateInstances", &[INSTANCE]),
    action("ec2", "UnassignPrivateIpAddresses", &[INTERFACE]),
    action("autoscaling", "CompleteLifecycleAction", GROUP),
    action("autoscaling", "CreateAutoScalingGroup", GROUP),
    action("autoscaling", "CreateOrUpdateTags", &[Target::TaggedGroups]),
    action("autoscaling", "DeleteAutoScalingGroup", GROUP),
    action("autoscaling", "DeleteLifecycleHook", GROUP),
    action("autoscaling", "DeleteWarmPool", GROUP),
    action("autoscaling", "DeleteTags", &[Target::TaggedGroups]),
    action("autoscaling", "DescribeAutoScalingGroups", ALL),
    action("autoscaling", "DescribeAutoScalingInstances", ALL),
    action("autoscaling", "DescribeLifecycleHooks", ALL),
    action("autoscaling", "DescribeScalingActivities", ALL),
    action("autoscaling", "DescribeTags", ALL),
    action("autoscaling", "DescribeWarmPool", ALL),
    action("autoscaling", "EnterStandby", GROUP),
    action("autoscaling", "ExitStandby", GROUP),
    action("autoscaling", "PutLifecycleHook", GROUP),
    action("autoscaling", "PutWarmPool", GROUP),
    action("autoscaling", "RecordLifecycleActionHeartbeat", GROUP),
    action("autoscaling", "ResumeProcesses", GROUP),
    action("autoscaling", "SetDesiredCapacity", GROUP),
    action("autoscaling", "SuspendProcesses", GROUP),
    action(
        "autoscaling",
        "TerminateInstanceInAutoScalingGroup",
        &[Target::GroupOfInstance],
    ),
    action("autoscaling", "UpdateAutoScalingGroup", GROUP),
    action("states", "CreateStateMachine", &[Target::NewStateMachine]),
    action("states", "DeleteStateMachine", MACHINE),
    action("states", "DescribeExecution", EXECUTION),
    action("states", "DescribeStateMachine", MACHINE),
    action("states", "DescribeStateMachineForExecution", EXECUTION),
    action("states", "GetExecutionHistory", EXECUTION),
    action("states", "ListExecutions", MACHINE),
    action("states", "ListStateMachines", ALL),
    action("states", "StartExecution", MACHINE),
    action("states", "StopExecution", EXECUTION),
    action("states", "UpdateStateMachine", MACHINE),
    action("lambda", "DeleteFunction", &[Target::Function]),
    action("lambda", "GetAccountSettings", ALL),
    action("lambda", "GetFunction", &[Target::Function]),
    action("lambda", "GetFunctionConcurrency", &[Target::Function]),
    Action {
        service: "lambda",
        call: "Invoke",
        name: "InvokeFunction",
        targets: &[Target::Function],
    },
    action("lambda", "ListFunctions", ALL),
    action("lambda", "ListVersionsByFunction", &[Target::Function]),
    action("cloudwatch", "GetMetricData", ALL),
    action("servicequotas", "GetAWSDefaultServiceQuota", ALL),
    action("eks", "DescribeCluster", &[Target::Cluster]),
    action("events", "DeleteRule", &[Target::Rule("Name")]),
    action("events", "DescribeRule", &[Target::Rule("Name")]),
    action("events", "DisableRule", &[Target::Rule("Name")]),
    action("events", "EnableRule", &[Target::Rule("Name")]),
    action("events", "ListRules", ALL),
    action("events", "ListTargetsByRule", &[Target::Rule("Rule")]),
    action("events", "PutEvents", &[Target::EventBus]),
    action("events", "PutRule", &[Target::Rule("Name")]),
    action("events", "PutTargets", &[Target::Rule("Rule")]),
    action("events", "RemoveTargets", &[Target::Rule("Rule")]),
];

/// The row of a call.
pub(super) fn find(service: &str, call: &str) -> Option<&'static Action> {
    ACTIONS
        .iter()
        .find(|action| action.service == service && action.call == call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_action_has_two_rows() {
        for (n, action) in ACTIONS.iter().enumerate() {
            let same =
                |other: &Action| (other.service, other.call) == (action.service, action.call);
            assert_eq!(ACTIONS.iter().position(same), Some(n), "{action:?}");
        }
    }

    #[test]
    fn every_target_has_a_type_or_is_everything() {
        for action in ACTIONS {
            for target in action.targets {
                let none = target.resource_types().is_empty();
                assert_eq!(none, *target == Target::All, "{action:?}");
            }
        }
    }
}
