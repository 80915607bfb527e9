//! What the policies for people allow and deny. Whoever may operate may start executions and pause
//! groups; the right to replay includes neither delete nor abandon. Whoever may repair may delete
//! interfaces that nobody uses, and run what abandons launches.

use hookline_domain::tags::own::{DEPLOYMENT, RESUMED_AT};
use serde_json::json;

use super::Attempt;
use super::call::{ACCOUNT, Call, autoscaling, ec2, group_tags, tags};
use super::denied::{attack, attack as call, delete, detach};
use super::denied_others::{execution, hook, invoke, list, of_another_machine, start};
use super::target::{BY_TAGS, OTHER_GROUP, Target};

/// The calls of the commands that only look, which both policies allow.
fn looks(by: &'static str) -> Vec<Attempt> {
    let mut calls = Vec::new();
    for action in [
        "DescribeInstanceTypes",
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "GetSubnetCidrReservations",
    ] {
        let what = format!("calls ec2:{action}");
        calls.push(call(by, what, "status and explain", ec2(action, &[])));
    }
    for action in [
        "DescribeAutoScalingGroups",
        "DescribeAutoScalingInstances",
        "DescribeLifecycleHooks",
        "DescribeScalingActivities",
    ] {
        let what = format!("calls autoscaling:{action}");
        calls.push(call(
            by,
            what,
            "status and explain",
            autoscaling(action, &[]),
        ));
    }
    for machine in ["launch-node", "name-node"] {
        calls.extend([
            call(
                by,
                format!("lists the executions of {machine}"),
                "status and explain",
                list(machine),
            ),
            call(
                by,
                format!("reads an execution of {machine}"),
                "status and explain",
                execution("DescribeExecution", machine),
            ),
            call(
                by,
                format!("reads the history of an execution of {machine}"),
                "explain",
                execution("GetExecutionHistory", machine),
            ),
        ]);
    }
    calls.extend([
        call(
            by,
            "reads the versions of a launch template",
            "plan",
            ec2("DescribeLaunchTemplateVersions", &[]),
        ),
        call(
            by,
            "lists the state machines",
            "it finds the deployment",
            Call::States("ListStateMachines", json!({})),
        ),
        call(
            by,
            "lists the rules",
            "it finds the profiles",
            Call::Events("ListRules", json!({})),
        ),
        call(
            by,
            "lists the targets of a rule",
            "it finds the profiles",
            Call::Events("ListTargetsByRule", json!({"Rule": "any"})),
        ),
        call(
            by,
            "reads metrics",
            "status shows throttled calls",
            Call::CloudWatch("GetMetricData"),
        ),
    ]);
    calls
}

/// The calls that must be allowed.
pub(super) fn allowed(target: &Target) -> Vec<Attempt> {
    let mut calls = looks("look");
    for by in ["operate", "repair"] {
        calls.extend(looks(by));
        for machine in ["launch-node", "name-node"] {
            let what = format!("starts an execution of {machine}");
            calls.push(call(by, what, "a replay", start(machine)));
        }
        calls.push(call(by, "invokes adopt", "existing nodes", invoke("adopt")));
        for group in ["upf", "smf", BY_TAGS] {
            calls.extend([
                call(
                    by,
                    format!("pauses the group {group}"),
                    "a launch loop",
                    launches("SuspendProcesses", group),
                ),
                call(
                    by,
                    format!("resumes the group {group}"),
                    "the cause is mended",
                    launches("ResumeProcesses", group),
                ),
                call(
                    by,
                    format!("tags the resumed group {group}"),
                    "its launches count anew",
                    group_tags(group, &[RESUMED_AT]),
                ),
            ]);
        }
    }
    let by = "repair";
    for machine in ["launch-node", "name-node"] {
        let what = format!("stops an execution of {machine}");
        let stop = execution("StopExecution", machine);
        calls.push(call(by, what, "a replay that replaces it", stop));
    }
    calls.extend([
        call(
            by,
            "deletes an own interface",
            "a release",
            delete(&target.own_unattached),
        ),
        call(by, "invokes reconcile", "a round now", invoke("reconcile")),
    ]);
    calls
}

/// Suspends or resumes the process Launch of a group.
pub(super) fn launches(action: &'static str, group: &str) -> Call {
    let process = ("ScalingProcesses.member.1", "Launch");
    autoscaling(action, &[("AutoScalingGroupName", group), process])
}

/// The attacks that must be denied.
pub(super) fn denied(target: &Target) -> Vec<Attempt> {
    const OWN: &str = "only the state machines of the deployment";
    const ABANDON: &str = "the right to replay includes no right to abandon";
    const DELETE: &str = "the right to replay includes no right to delete";
    const CHANGES: &str = "a deployment changes it";
    const GROUPS: &str = "only the groups of the profiles";
    let mut attacks = Vec::new();
    for by in ["look", "operate", "repair"] {
        attacks.extend(of_another_machine(by, OWN));
        attacks.extend([
            attack(
                by,
                "reads the history of an execution of another state machine",
                OWN,
                execution("GetExecutionHistory", "payroll"),
            ),
            attack(
                by,
                "stops an execution of another state machine",
                OWN,
                execution("StopExecution", "payroll"),
            ),
            attack(
                by,
                "completes a hook",
                ABANDON,
                hook("CompleteLifecycleAction", "upf", &target.node),
            ),
            attack(
                by,
                "removes a hook, which abandons the launches that wait at it",
                ABANDON,
                hook("DeleteLifecycleHook", "upf", ""),
            ),
            attack(
                by,
                "terminates a node",
                ABANDON,
                ec2("TerminateInstances", &[("InstanceId.1", &target.node)]),
            ),
            attack(
                by,
                "invokes the function that completes hooks",
                ABANDON,
                invoke("complete-hook"),
            ),
            attack(
                by,
                "invokes the function that deletes interfaces",
                DELETE,
                invoke("release-interfaces"),
            ),
            attack(
                by,
                "detaches an own interface",
                DELETE,
                detach(&target.own_attachment),
            ),
            attack(
                by,
                "gives an interface to the deployment",
                "reconcile would then delete it",
                tags("CreateTags", &target.foreign, &[DEPLOYMENT]),
            ),
            attack(
                by,
                "changes the state machine",
                CHANGES,
                Call::States(
                    "UpdateStateMachine",
                    json!({
                        "stateMachineArn": format!("arn:aws:states:{ACCOUNT}:stateMachine:launch-node"),
                        "definition": "{}",
                    }),
                ),
            ),
            attack(
                by,
                "disables a rule",
                CHANGES,
                Call::Events("DisableRule", json!({"Name": "any"})),
            ),
        ]);
    }
    for by in ["look", "operate"] {
        attacks.extend([
            attack(
                by,
                "stops an execution of a launch",
                "reconcile abandons the launch of a stopped execution",
                execution("StopExecution", "launch-node"),
            ),
            attack(
                by,
                "stops an execution that names nodes",
                "a replay needs no execution to be stopped",
                execution("StopExecution", "name-node"),
            ),
            attack(
                by,
                "invokes a round of reconcile",
                "a round abandons launches and deletes interfaces",
                invoke("reconcile"),
            ),
            attack(
                by,
                "deletes an own interface",
                DELETE,
                delete(&target.own_unattached),
            ),
        ]);
    }
    for by in ["operate", "repair"] {
        let left_out = target
            .left_out
            .map(|group| (group, "that the patterns leave out"));
        let groups = [
            (OTHER_GROUP, "of another cluster"),
            ("plain", "that has only a naming profile"),
        ];
        for (group, what) in groups.into_iter().chain(left_out) {
            attacks.extend([
                attack(
                    by,
                    format!("pauses a group {what}"),
                    GROUPS,
                    launches("SuspendProcesses", group),
                ),
                attack(
                    by,
                    format!("resumes a group {what}"),
                    GROUPS,
                    launches("ResumeProcesses", group),
                ),
                attack(
                    by,
                    format!("tags a group {what}"),
                    GROUPS,
                    group_tags(group, &[RESUMED_AT]),
                ),
            ]);
        }
        for group in ["upf", "smf", BY_TAGS] {
            attacks.push(attack(
                by,
                format!("tags the group {group} with the tag of a selector"),
                "a tag can give a group to a profile",
                group_tags(group, &[RESUMED_AT, "multus"]),
            ));
        }
    }
    for (what, attempted) in [
        ("starts an execution", start("launch-node")),
        ("invokes adopt", invoke("adopt")),
        ("pauses a group", launches("SuspendProcesses", "upf")),
        ("resumes a group", launches("ResumeProcesses", "upf")),
    ] {
        attacks.push(attack("look", what, "it only looks", attempted));
    }
    attacks
}
