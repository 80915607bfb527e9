//! The calls that the functions, the state machines and the rules make. Each must be allowed.

use hookline_domain::tags::own::{
    ADOPTED_AT, BRAKED_AT, BRAKED_BY, BRAKED_PROFILE, DEPLOYMENT, EXECUTION, INSTANCE_ID,
    LAUNCHED_AT, NETWORK, NO_MANAGE, RESUMED_AT, VERDICT,
};

use super::call::{Call, autoscaling, ec2, group_tags, tags};
use super::denied::{KEEPERS, attach, attack as call, create, delete, detach, keep_no_more};
use super::denied_others::{execution, hook, invoke, list, start};
use super::denied_tags::UNOWNED_SINCE;
use super::people::launches as processes;
use super::target::{BY_TAGS, MANAGED_GROUP, Target};
use super::{Attempt, CUSTOM_RESOURCE, people, queues, services};
use crate::deployment::functions_of_launches;
use crate::roles;

/// All of them.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    [
        reads(),
        launches(target),
        naming(target),
        rounds(target),
        starts(),
        people::allowed(target),
        custom_resource(),
        queues::allowed(target),
        services::allowed(target),
    ]
    .concat()
}

fn reads() -> Vec<Attempt> {
    let mut calls = Vec::new();
    for (by, actions) in [
        ("tag-node", vec!["DescribeInstances", "DescribeTags"]),
        (
            "plan-interfaces",
            vec![
                "DescribeInstanceTypes",
                "DescribeInstances",
                "DescribeNetworkInterfaces",
                "DescribeSubnets",
                "GetSubnetCidrReservations",
            ],
        ),
        (
            "attach-interfaces",
            vec!["DescribeInstances", "DescribeNetworkInterfaces"],
        ),
        ("complete-hook", vec!["DescribeInstances"]),
        ("remove-startup-taint", vec!["DescribeInstances"]),
        ("set-delete-on-termination", vec!["DescribeInstances"]),
        (
            "release-interfaces",
            vec!["DescribeInstances", "DescribeNetworkInterfaces"],
        ),
        (
            "reconcile",
            vec!["DescribeInstances", "DescribeNetworkInterfaces"],
        ),
        (
            "adopt",
            vec!["DescribeInstances", "DescribeNetworkInterfaces"],
        ),
        ("name-nodes", vec!["DescribeInstances", "DescribeTags"]),
    ] {
        for action in actions {
            calls.push(call(
                by,
                format!("calls ec2:{action}"),
                "looks",
                ec2(action, &[]),
            ));
        }
    }
    for (by, actions) in [
        ("complete-hook", vec!["DescribeAutoScalingInstances"]),
        (
            "reconcile",
            vec![
                "DescribeAutoScalingGroups",
                "DescribeAutoScalingInstances",
                "DescribeLifecycleHooks",
                "DescribeScalingActivities",
                "DescribeWarmPool",
            ],
        ),
        ("adopt", vec!["DescribeAutoScalingGroups"]),
    ] {
        for action in actions {
            let what = format!("calls autoscaling:{action}");
            calls.push(call(by, what, "looks", autoscaling(action, &[])));
        }
    }
    calls
}

/// A group of each kind of selector: by names, by a tag, by several tags; and a node of each.
fn groups(target: &Target) -> [(&'static str, &String); 3] {
    [
        ("upf", &target.node),
        ("smf", &target.node_by_tag),
        (BY_TAGS, &target.node_by_tags),
    ]
}

fn set(resource: &str, keys: &[&str]) -> Call {
    tags("CreateTags", resource, keys)
}

fn launches(target: &Target) -> Vec<Attempt> {
    let own = [
        (INSTANCE_ID, target.node.as_str()),
        (DEPLOYMENT, roles::STACK),
        (NETWORK, "signaling"),
        (NO_MANAGE, "true"),
    ];
    let mut calls = vec![
        call(
            "create-interfaces",
            "creates a tagged interface in a subnet of the profile",
            "the slots of the profile",
            create(target.subnet(), &target.scene.security_group, &own),
        ),
        call(
            "create-interfaces",
            "deletes an own interface",
            "one that was created twice",
            delete(&target.own_unattached),
        ),
        call(
            "attach-interfaces",
            "deletes an own interface",
            "one that was created twice",
            delete(&target.own_unattached),
        ),
        call(
            "attach-interfaces",
            "attaches an interface of an earlier release",
            "a launch that began before the update",
            attach(&target.untagged_unattached, &target.node),
        ),
        call(
            "release-interfaces",
            "deletes an own interface",
            "an abandoned launch",
            delete(&target.own_unattached),
        ),
        call(
            "remove-startup-taint",
            "looks up the cluster of the profile",
            "startupTaint of the profile",
            Call::DescribeCluster("prod"),
        ),
        call(
            "tag-node",
            "names a volume of a node",
            "volumeTags",
            set(&target.volume, &["Name"]),
        ),
        call(
            "tag-node",
            "names an interface of a node",
            "interfaceTags",
            set(&target.cni, &["Name"]),
        ),
        call(
            "attach-interfaces",
            "turns off SourceDestCheck of an own interface",
            "sourceDestCheck of the slot",
            ec2(
                "ModifyNetworkInterfaceAttribute",
                &[
                    ("NetworkInterfaceId", &target.own),
                    ("SourceDestCheck.Value", "false"),
                ],
            ),
        ),
    ];
    for (group, node) in groups(target) {
        calls.extend([
            call(
                "tag-node",
                format!("tags a node of {group}"),
                "nodeTags",
                set(node, &["Name", LAUNCHED_AT]),
            ),
            call(
                "attach-interfaces",
                format!("attaches an own interface to a node of {group}"),
                "the slots of the profile",
                attach(&target.own_unattached, node),
            ),
            call(
                "complete-hook",
                format!("completes the hook of {group}"),
                "the node is ready, or given up",
                hook("CompleteLifecycleAction", group, node),
            ),
            call(
                "complete-hook",
                format!("notes the verdict on a node of {group}"),
                "links from an instance to its execution",
                set(node, &[EXECUTION, VERDICT]),
            ),
            call(
                "complete-hook",
                format!("ends the mark of a node of {group}"),
                "a node that runs on without its interfaces is no launch in flight",
                set(node, &[EXECUTION, LAUNCHED_AT, VERDICT]),
            ),
            call(
                "launch-node",
                format!("extends the hook of {group}"),
                "a launch that waits for its turn",
                hook("RecordLifecycleActionHeartbeat", group, node),
            ),
        ]);
    }
    for by in KEEPERS {
        calls.extend([
            call(
                by,
                "sets DeleteOnTermination of an own interface",
                "the interface ends with its node",
                keep_no_more(&target.own, &target.own_attachment),
            ),
            call(
                by,
                "sets DeleteOnTermination on a node that several tags select",
                "the interface ends with its node",
                keep_no_more(&target.own_by_tags, &target.own_by_tags_attachment),
            ),
            call(
                by,
                "sets DeleteOnTermination of an interface of an earlier release",
                "a launch that began before the update",
                keep_no_more(&target.untagged, &target.untagged_attachment),
            ),
        ]);
    }
    for by in ["release-interfaces", "reconcile"] {
        calls.extend([
            call(
                by,
                "detaches an own interface",
                "an abandoned launch",
                detach(&target.own_attachment),
            ),
            call(
                by,
                "detaches an own interface from a node that several tags select",
                "an abandoned launch",
                detach(&target.own_by_tags_attachment),
            ),
            call(
                by,
                "detaches an interface of an earlier release",
                "an abandoned launch that began before the update",
                detach(&target.untagged_attachment),
            ),
        ]);
    }
    calls.push(call(
        "launch-node",
        "invokes an earlier version of tag-node",
        "an execution that began before an update",
        invoke("tag-node:1"),
    ));
    for function in functions_of_launches() {
        calls.push(call(
            "launch-node",
            format!("invokes {function}"),
            "a state",
            invoke(function),
        ));
    }
    calls
}

fn naming(target: &Target) -> Vec<Attempt> {
    let keys = ["Name", "Team"];
    vec![
        call(
            "name-nodes",
            "tags a node of plain",
            "nodeTags",
            set(&target.plain_node, &keys),
        ),
        call(
            "name-nodes",
            "tags a volume of a node",
            "volumeTags",
            set(&target.volume, &keys),
        ),
        call(
            "name-nodes",
            "tags an interface of a node",
            "interfaceTags",
            set(&target.cni, &keys),
        ),
        call(
            "name-node",
            "invokes name-nodes",
            "a state",
            invoke("name-nodes"),
        ),
    ]
}

fn rounds(target: &Target) -> Vec<Attempt> {
    let mark = [UNOWNED_SINCE];
    let mut calls = vec![
        call(
            "reconcile",
            "marks an own interface",
            "it has no owner",
            set(&target.own, &mark),
        ),
        call(
            "reconcile",
            "takes a mark back",
            "its owner is back",
            tags("DeleteTags", &target.own, &mark),
        ),
        call(
            "reconcile",
            "deletes an own interface",
            "it has no owner",
            delete(&target.own_unattached),
        ),
    ];
    calls.extend([
        call(
            "reconcile",
            "suspends the process Launch of a group with a brake",
            "a launch loop",
            processes("SuspendProcesses", "upf"),
        ),
        call(
            "reconcile",
            "suspends the process Launch of a group with a brake that several tags select",
            "a launch loop",
            processes("SuspendProcesses", BY_TAGS),
        ),
        call(
            "reconcile",
            "tags a group that it brakes",
            "since when and why",
            group_tags("upf", &[BRAKED_AT, BRAKED_BY, BRAKED_PROFILE]),
        ),
        call(
            "reconcile",
            "tags a group with a brake that several tags select",
            "since when and why",
            group_tags(BY_TAGS, &[BRAKED_AT, BRAKED_BY, BRAKED_PROFILE]),
        ),
        call(
            "reconcile",
            "tags a group that was resumed",
            "its launches count anew",
            group_tags("upf", &[RESUMED_AT]),
        ),
    ]);
    for (group, node) in groups(target) {
        calls.push(call(
            "adopt",
            format!("marks a node of {group}"),
            "its adoption",
            set(node, &[ADOPTED_AT]),
        ));
        for action in ["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"] {
            let what = format!("calls {action} for {group}");
            calls.push(call(
                "reconcile",
                what,
                "a lost launch",
                hook(action, group, node),
            ));
        }
    }
    calls
}

/// The hook of a managed node group.
fn custom_resource() -> Vec<Attempt> {
    let hook = |action| hook(action, MANAGED_GROUP, "");
    vec![
        call(
            CUSTOM_RESOURCE,
            "puts the hook on a group of its cluster",
            "the deployment",
            hook("PutLifecycleHook"),
        ),
        call(
            CUSTOM_RESOURCE,
            "removes the hook of a group of its cluster",
            "the deployment is removed",
            hook("DeleteLifecycleHook"),
        ),
    ]
}

fn starts() -> Vec<Attempt> {
    let mut calls = Vec::new();
    for by in ["reconcile", "adopt"] {
        calls.extend([
            call(
                by,
                "starts an execution",
                "a launch without one",
                start("launch-node"),
            ),
            call(
                by,
                "lists the executions",
                "whether a launch has one",
                list("launch-node"),
            ),
            call(
                by,
                "reads an execution",
                "whether it runs",
                execution("DescribeExecution", "launch-node"),
            ),
        ]);
    }
    for (by, machine) in [
        ("rule of launch-node", "launch-node"),
        ("rule of name-node", "name-node"),
    ] {
        calls.push(call(
            by,
            "starts an execution",
            "the event of a launch",
            start(machine),
        ));
    }
    calls
}
