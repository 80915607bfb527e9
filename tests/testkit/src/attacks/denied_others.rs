//! The attacks on hooks, groups, state machines, functions, logs and queues. Each must be denied.

use hookline_domain::tags::own::BRAKED_AT;
use serde_json::json;

use super::call::{ACCOUNT, Call, autoscaling, compared, group_tags};
use super::denied::attack;
use super::people::launches;
use super::target::{
    BY_TAGS, MANAGED_GROUP, OTHER_GROUP, OTHER_MANAGED_GROUP, SELF_MANAGED_GROUP, Target,
};
use super::{Attempt, CUSTOM_RESOURCE};
use crate::deployment::FUNCTIONS;
use crate::scene::HOOK;

/// All of them.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    [
        hooks(target),
        machines(),
        functions(),
        clusters(),
        the_rest(),
    ]
    .concat()
}

/// A call about a lifecycle action or a hook.
pub(super) fn hook(action: &str, group: &str, instance: &str) -> Call {
    let mut parameters = vec![("AutoScalingGroupName", group), ("LifecycleHookName", HOOK)];
    if !instance.is_empty() {
        parameters.push(("InstanceId", instance));
    }
    if action == "CompleteLifecycleAction" {
        parameters.push(("LifecycleActionResult", "CONTINUE"));
    }
    autoscaling(action, &parameters)
}

/// With patterns of names: attacks on a group that they leave out.
fn left_out(group: &str, instance: &str) -> Vec<Attempt> {
    const GROUPS: &str = "only the groups whose names a pattern matches";
    let mut attacks = vec![
        attack(
            "reconcile",
            "suspends the process Launch of a group that the patterns leave out",
            GROUPS,
            launches("SuspendProcesses", group),
        ),
        attack(
            "reconcile",
            "tags a group that the patterns leave out",
            GROUPS,
            group_tags(group, &[BRAKED_AT]),
        ),
    ];
    for (by, action) in [
        ("complete-hook", "CompleteLifecycleAction"),
        ("reconcile", "CompleteLifecycleAction"),
        ("launch-node", "RecordLifecycleActionHeartbeat"),
        ("reconcile", "RecordLifecycleActionHeartbeat"),
    ] {
        attacks.push(attack(
            by,
            format!("calls {action} for a group that the patterns leave out"),
            GROUPS,
            hook(action, group, instance),
        ));
    }
    attacks
}

fn hooks(target: &Target) -> Vec<Attempt> {
    const GROUPS: &str = "only the groups of the profiles";
    const BRAKE: &str = "only the groups of profiles with a brake";
    let (node, other) = (target.node.as_str(), target.other_node.as_str());
    let of_left_out = target.left_out.map(|group| left_out(group, other));
    let mut attacks = of_left_out.unwrap_or_default();
    for by in ["complete-hook", "reconcile"] {
        attacks.push(attack(
            by,
            "completes the hook of another cluster's node",
            GROUPS,
            hook("CompleteLifecycleAction", OTHER_GROUP, other),
        ));
        attacks.push(attack(
            by,
            "completes the hook of a group that has only a naming profile",
            GROUPS,
            hook("CompleteLifecycleAction", "plain", &target.plain_node),
        ));
    }
    for by in ["launch-node", "reconcile"] {
        attacks.push(attack(
            by,
            "extends the hook of another cluster's node",
            GROUPS,
            hook("RecordLifecycleActionHeartbeat", OTHER_GROUP, other),
        ));
    }
    let group = ("AutoScalingGroupName", "upf");
    attacks.extend([
        attack(
            "complete-hook",
            "extends a hook",
            "only the state machine and reconcile extend",
            hook("RecordLifecycleActionHeartbeat", "upf", node),
        ),
        attack(
            "launch-node",
            "completes a hook",
            "a function completes, after it has looked whose hook it is",
            hook("CompleteLifecycleAction", "upf", node),
        ),
        attack(
            "name-node",
            "extends a hook",
            "the naming of nodes has no hook",
            hook("RecordLifecycleActionHeartbeat", "upf", node),
        ),
        attack(
            "complete-hook",
            "removes the hook of a group",
            "no function changes hooks",
            hook("DeleteLifecycleHook", "upf", ""),
        ),
        attack(
            "complete-hook",
            "changes the hook of a group",
            "no function changes hooks",
            hook("PutLifecycleHook", "upf", ""),
        ),
        attack(
            "reconcile",
            "suspends the process Launch of a group without a brake",
            BRAKE,
            launches("SuspendProcesses", target.unbraked),
        ),
        attack(
            "reconcile",
            "suspends the process Launch of another cluster's group",
            BRAKE,
            launches("SuspendProcesses", OTHER_GROUP),
        ),
        attack(
            "reconcile",
            "resumes a group",
            "only a person resumes a group",
            launches("ResumeProcesses", "upf"),
        ),
        attack(
            "reconcile",
            "tags another cluster's group",
            BRAKE,
            group_tags(OTHER_GROUP, &[BRAKED_AT]),
        ),
        attack(
            "reconcile",
            "tags a group with the tag of a selector",
            "a tag can give a group to a profile",
            group_tags("upf", &[BRAKED_AT, "multus"]),
        ),
        attack(
            "reconcile",
            "tags a group that several tags select with one of these tags",
            "a tag can give a group to a profile",
            group_tags(BY_TAGS, &[BRAKED_AT, "pool"]),
        ),
        attack(
            "reconcile",
            "scales a group",
            "no function scales",
            autoscaling("SetDesiredCapacity", &[group, ("DesiredCapacity", "0")]),
        ),
        attack(
            "reconcile",
            "terminates a node by its group",
            "no function terminates instances",
            autoscaling(
                "TerminateInstanceInAutoScalingGroup",
                &[
                    ("InstanceId", node),
                    ("ShouldDecrementDesiredCapacity", "true"),
                ],
            ),
        ),
        attack(
            CUSTOM_RESOURCE,
            "changes the hook of a group that EKS does not manage",
            "EKS names the groups of managed node groups eks-…",
            hook("PutLifecycleHook", OTHER_GROUP, ""),
        ),
        attack(
            CUSTOM_RESOURCE,
            "removes the hook of a group that EKS does not manage",
            "EKS names the groups of managed node groups eks-…",
            hook("DeleteLifecycleHook", OTHER_GROUP, ""),
        ),
        attack(
            CUSTOM_RESOURCE,
            "changes the hook of a self-managed group of its cluster",
            "EKS names the groups of managed node groups eks-…",
            hook("PutLifecycleHook", SELF_MANAGED_GROUP, ""),
        ),
        attack(
            CUSTOM_RESOURCE,
            "changes the hook of a managed node group of another cluster",
            "EKS tags its groups with their cluster",
            hook("PutLifecycleHook", OTHER_MANAGED_GROUP, ""),
        ),
        attack(
            CUSTOM_RESOURCE,
            "removes the hook of a managed node group of another cluster",
            "EKS tags its groups with their cluster",
            hook("DeleteLifecycleHook", OTHER_MANAGED_GROUP, ""),
        ),
        attack(
            CUSTOM_RESOURCE,
            "completes a hook",
            "it only puts and deletes hooks",
            hook("CompleteLifecycleAction", MANAGED_GROUP, node),
        ),
    ]);
    attacks
}

/// Calls of Step Functions.
fn clusters() -> Vec<Attempt> {
    vec![attack(
        "remove-startup-taint",
        "looks up another cluster",
        "only the clusters of the profiles",
        Call::DescribeCluster("other"),
    )]
}

pub(super) fn start(machine: &str) -> Call {
    let arn = format!("arn:aws:states:{ACCOUNT}:stateMachine:{machine}");
    Call::States(
        "StartExecution",
        json!({"stateMachineArn": arn, "input": "{}"}),
    )
}

pub(super) fn list(machine: &str) -> Call {
    let arn = format!("arn:aws:states:{ACCOUNT}:stateMachine:{machine}");
    Call::States("ListExecutions", json!({"stateMachineArn": arn}))
}

pub(super) fn execution(action: &'static str, machine: &str) -> Call {
    let arn = format!("arn:aws:states:{ACCOUNT}:execution:{machine}:one");
    Call::States(action, json!({"executionArn": arn}))
}

/// What nobody may do to a state machine that is not the deployment's.
pub(super) fn of_another_machine(by: &'static str, why: &'static str) -> [Attempt; 3] {
    [
        attack(by, "starts another state machine", why, start("payroll")),
        attack(
            by,
            "lists the executions of another state machine",
            why,
            list("payroll"),
        ),
        attack(
            by,
            "reads an execution of another state machine",
            why,
            execution("DescribeExecution", "payroll"),
        ),
    ]
}

fn machines() -> Vec<Attempt> {
    const OWN: &str = "only the state machine of launches";
    let mut attacks = Vec::new();
    for by in ["reconcile", "adopt"] {
        attacks.extend(of_another_machine(by, OWN));
        attacks.extend([
            attack(
                by,
                "starts the state machine that names nodes",
                OWN,
                start("name-node"),
            ),
            attack(
                by,
                "stops an execution",
                "no function stops executions",
                execution("StopExecution", "launch-node"),
            ),
        ]);
    }
    for (by, other) in [
        ("rule of launch-node", "name-node"),
        ("rule of name-node", "launch-node"),
    ] {
        attacks.extend([
            attack(
                by,
                "starts the other state machine",
                "only its own",
                start(other),
            ),
            attack(
                by,
                "starts somebody else's state machine",
                "only its own",
                start("payroll"),
            ),
        ]);
    }
    attacks.push(attack(
        "launch-node",
        "starts itself",
        "a rule, reconcile or adopt starts executions",
        start("launch-node"),
    ));
    attacks
}

/// Invoke.
pub(super) fn invoke(function: &str) -> Call {
    Call::Invoke(format!("arn:aws:lambda:{ACCOUNT}:function:{function}"))
}

fn functions() -> Vec<Attempt> {
    const OWN: &str = "only the functions of its states";
    vec![
        attack(
            "launch-node",
            "invokes somebody else's function",
            OWN,
            invoke("payroll"),
        ),
        attack("launch-node", "invokes reconcile", OWN, invoke("reconcile")),
        attack(
            "launch-node",
            "invokes the function that names nodes",
            OWN,
            invoke("name-nodes"),
        ),
        attack(
            "name-node",
            "invokes somebody else's function",
            OWN,
            invoke("payroll"),
        ),
        attack(
            "name-node",
            "invokes a function of launches",
            OWN,
            invoke("release-interfaces"),
        ),
        attack(
            "tag-node",
            "invokes another function",
            "only state machines invoke functions",
            invoke("release-interfaces"),
        ),
    ]
}

/// Services that the fake AWS does not have.
fn the_rest() -> Vec<Attempt> {
    let logs = format!("arn:aws:logs:{ACCOUNT}:log-group:/aws/lambda/payroll:*");
    let queue = format!("arn:aws:sqs:{ACCOUNT}:payroll");
    let nodegroup = format!("arn:aws:eks:{ACCOUNT}:nodegroup/other/other/0");
    let mut attacks = Vec::new();
    let of_state_machines = FUNCTIONS.iter().map(|(name, _)| *name);
    for by in of_state_machines.chain(["reconcile", "adopt"]) {
        attacks.push(attack(
            by,
            "writes another function's log",
            "only its own log group",
            compared("logs:PutLogEvents", logs.clone()),
        ));
    }
    for by in ["reconcile", "adopt"] {
        attacks.push(attack(
            by,
            "sends a message to another queue",
            "only its dead-letter queue",
            compared("sqs:SendMessage", queue.clone()),
        ));
    }
    attacks.push(attack(
        CUSTOM_RESOURCE,
        "reads a node group of another cluster",
        "only the clusters of the configuration",
        compared("eks:DescribeNodegroup", nodegroup),
    ));
    attacks.push(attack(
        "plan-interfaces",
        "assumes another role",
        "no function assumes a role",
        compared(
            "sts:AssumeRole",
            "arn:aws:iam::123456789012:role/admin".to_owned(),
        ),
    ));
    attacks
}
