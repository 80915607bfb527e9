//! The attacks on interfaces and instances. Each must be denied.

use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID, NO_MANAGE};

use super::call::{Call, ec2, tags};
use super::target::Target;
use super::{
    Attempt, denied_deployments, denied_others, denied_selectors, denied_tags, people, queues,
};
use crate::roles;

/// One attack.
pub(super) fn attack(
    by: &'static str,
    what: impl Into<String>,
    reason: &'static str,
    call: Call,
) -> Attempt {
    Attempt {
        by,
        what: what.into(),
        reason,
        call,
    }
}

/// All attacks.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    [
        creates(target),
        attaches(target),
        removals(target),
        changes(target),
        denied_deployments::table(target),
        denied_tags::table(target),
        denied_selectors::table(target),
        denied_others::table(target),
        people::denied(target),
        queues::denied(target),
    ]
    .concat()
}

fn creates(target: &Target) -> Vec<Attempt> {
    const BY: &str = "create-interfaces";
    const INSTANCE: (&str, &str) = (INSTANCE_ID, "i-0123456789abcdef0");
    const OF: (&str, &str) = (DEPLOYMENT, roles::STACK);
    const UNMANAGED: (&str, &str) = (NO_MANAGE, "true");
    let own = [INSTANCE, OF, UNMANAGED];
    let (subnet, group) = (target.subnet(), target.scene.security_group.as_str());
    let node = &target.node;
    vec![
        attack(
            BY,
            "creates an interface in another subnet",
            "only the subnets of the profiles",
            create(&target.other_subnet, group, &own),
        ),
        attack(
            BY,
            "creates an interface with another security group",
            "only the security groups of the profiles",
            create(subnet, &target.other_security_group, &own),
        ),
        attack(
            BY,
            "creates an interface without the tag of its instance",
            "nobody could find its owner and delete it",
            create(subnet, group, &[OF, UNMANAGED]),
        ),
        attack(
            BY,
            "creates an interface whose instance is no instance",
            "nobody could find its owner and delete it",
            create(subnet, group, &[(INSTANCE_ID, "none"), OF, UNMANAGED]),
        ),
        attack(
            BY,
            "creates an interface that the VPC CNI would manage",
            "the VPC CNI would give its addresses to pods",
            create(subnet, group, &[INSTANCE, OF]),
        ),
        attack(
            BY,
            "creates an interface with no_manage set to false",
            "the VPC CNI would give its addresses to pods",
            create(subnet, group, &[INSTANCE, OF, (NO_MANAGE, "false")]),
        ),
        attack(
            BY,
            "creates an interface without any tag",
            "nobody could find its owner and delete it",
            create(subnet, group, &[]),
        ),
        attack(
            BY,
            "tags another owner's interface as Hookline's",
            "it sets tags only as it creates",
            tags("CreateTags", &target.foreign, &[INSTANCE_ID]),
        ),
        attack(
            BY,
            "gives an own interface to another instance",
            "it sets tags only as it creates",
            tags("CreateTags", &target.own, &[INSTANCE_ID]),
        ),
        attack(
            BY,
            "tags a node",
            "it sets tags only as it creates",
            tags("CreateTags", node, &["Name"]),
        ),
        attack(
            BY,
            "launches an instance",
            "no function launches instances",
            ec2(
                "RunInstances",
                &[
                    ("ImageId", "ami-1"),
                    ("MinCount", "1"),
                    ("MaxCount", "1"),
                    ("SubnetId", subnet),
                ],
            ),
        ),
    ]
}

/// CreateNetworkInterface.
pub(super) fn create(subnet: &str, group: &str, tags: &[(&str, &str)]) -> Call {
    let mut call = ec2(
        "CreateNetworkInterface",
        &[("SubnetId", subnet), ("SecurityGroupId.1", group)],
    );
    if let Call::Form(_, pairs) = &mut call
        && !tags.is_empty()
    {
        let name = "TagSpecification.1";
        pairs.push((
            format!("{name}.ResourceType"),
            "network-interface".to_owned(),
        ));
        for (n, (key, value)) in (1..).zip(tags) {
            pairs.push((format!("{name}.Tag.{n}.Key"), (*key).to_owned()));
            pairs.push((format!("{name}.Tag.{n}.Value"), (*value).to_owned()));
        }
    }
    call
}

/// AttachNetworkInterface, at a free device index.
pub(super) fn attach(interface: &str, instance: &str) -> Call {
    ec2(
        "AttachNetworkInterface",
        &[
            ("NetworkInterfaceId", interface),
            ("InstanceId", instance),
            ("DeviceIndex", "5"),
        ],
    )
}

pub(super) fn detach(attachment: &str) -> Call {
    ec2("DetachNetworkInterface", &[("AttachmentId", attachment)])
}

pub(super) fn delete(interface: &str) -> Call {
    ec2(
        "DeleteNetworkInterface",
        &[("NetworkInterfaceId", interface)],
    )
}

/// Who sets DeleteOnTermination.
pub(super) const KEEPERS: [&str; 3] = [
    "attach-interfaces",
    "set-delete-on-termination",
    "reconcile",
];

/// Sets DeleteOnTermination.
pub(super) fn keep_no_more(interface: &str, attachment: &str) -> Call {
    ec2(
        "ModifyNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", interface),
            ("Attachment.AttachmentId", attachment),
            ("Attachment.DeleteOnTermination", "true"),
        ],
    )
}

fn attaches(target: &Target) -> Vec<Attempt> {
    const BY: &str = "attach-interfaces";
    const OWNERS: &str = "only interfaces with Hookline's tag";
    const NODES: &str = "only instances that a profile selects";
    let own = &target.own_unattached;
    vec![
        attack(
            BY,
            "attaches another owner's interface to a node",
            OWNERS,
            attach(&target.foreign, &target.node),
        ),
        attack(
            BY,
            "attaches an interface that has only the group's tag",
            OWNERS,
            attach(&target.with_group_tag, &target.node),
        ),
        attack(
            BY,
            "attaches an interface that has only the selector's tag",
            OWNERS,
            attach(&target.with_selector_tag, &target.node),
        ),
        attack(
            BY,
            "attaches an interface that has only the several tags of a selector",
            OWNERS,
            attach(&target.with_selector_tags, &target.node),
        ),
        attack(
            BY,
            "attaches an own interface to another cluster's node",
            NODES,
            attach(own, &target.other_node),
        ),
        attack(
            BY,
            "attaches an own interface to a node of a naming profile",
            NODES,
            attach(own, &target.plain_node),
        ),
        attack(
            BY,
            "attaches an own interface to an instance that is not there",
            NODES,
            attach(own, "i-0123456789abcdef0"),
        ),
        attack(
            BY,
            "detaches an own interface",
            "only the release of a launch detaches",
            detach(&target.own_attachment),
        ),
        attack(
            BY,
            "gives an own interface another security group",
            "no function changes security groups",
            ec2(
                "ModifyNetworkInterfaceAttribute",
                &[
                    ("NetworkInterfaceId", own),
                    ("SecurityGroupId.1", &target.other_security_group),
                ],
            ),
        ),
        attack(
            BY,
            "gives another owner's interface more addresses",
            "no function assigns addresses later",
            ec2(
                "AssignPrivateIpAddresses",
                &[
                    ("NetworkInterfaceId", &target.foreign),
                    ("SecondaryPrivateIpAddressCount", "1"),
                ],
            ),
        ),
    ]
}

fn removals(target: &Target) -> Vec<Attempt> {
    const OWNERS: &str = "only interfaces with Hookline's tag";
    const NODES: &str = "only from instances that a profile selects";
    let mut attacks = Vec::new();
    for by in [
        "create-interfaces",
        "attach-interfaces",
        "release-interfaces",
        "reconcile",
        "repair",
    ] {
        attacks.push(attack(
            by,
            "deletes another owner's interface",
            OWNERS,
            delete(&target.foreign),
        ));
    }
    for by in ["release-interfaces", "reconcile"] {
        attacks.extend([
            attack(
                by,
                "detaches the VPC CNI's interface from a node",
                OWNERS,
                detach(&target.cni_attachment),
            ),
            attack(
                by,
                "detaches an interface that has only the group's tag",
                OWNERS,
                detach(&target.with_group_tag_attachment),
            ),
            attack(
                by,
                "detaches an interface that has only the selector's tag",
                OWNERS,
                detach(&target.with_selector_tag_attachment),
            ),
            attack(
                by,
                "detaches an interface that has only the several tags of a selector",
                OWNERS,
                detach(&target.with_selector_tags_attachment),
            ),
            attack(
                by,
                "detaches an interface from another cluster's node",
                NODES,
                detach(&target.own_on_other_attachment),
            ),
            attack(
                by,
                "detaches an attachment that is not there",
                "what is not there has no tags",
                detach("eni-attach-0123456789abcdef0"),
            ),
            attack(
                by,
                "terminates a node",
                "no function terminates instances",
                ec2("TerminateInstances", &[("InstanceId.1", &target.node)]),
            ),
        ]);
    }
    attacks.push(attack(
        "set-delete-on-termination",
        "deletes an own interface",
        "it only sets an attribute",
        delete(&target.own_unattached),
    ));
    attacks
}

fn changes(target: &Target) -> Vec<Attempt> {
    const OWNERS: &str = "only interfaces with Hookline's tag";
    let mut attacks = Vec::new();
    for by in KEEPERS {
        attacks.extend([
            attack(
                by,
                "sets DeleteOnTermination of the VPC CNI's interface",
                OWNERS,
                keep_no_more(&target.cni, &target.cni_attachment),
            ),
            attack(
                by,
                "sets DeleteOnTermination of an interface that has only the group's tag",
                OWNERS,
                keep_no_more(&target.with_group_tag, &target.with_group_tag_attachment),
            ),
            attack(
                by,
                "sets DeleteOnTermination of an interface that has only the selector's tag",
                OWNERS,
                keep_no_more(
                    &target.with_selector_tag,
                    &target.with_selector_tag_attachment,
                ),
            ),
            attack(
                by,
                "sets DeleteOnTermination of an interface that has only the several tags of a selector",
                OWNERS,
                keep_no_more(
                    &target.with_selector_tags,
                    &target.with_selector_tags_attachment,
                ),
            ),
            attack(
                by,
                "sets DeleteOnTermination on another cluster's node",
                "only on instances that a profile selects",
                keep_no_more(&target.own_on_other, &target.own_on_other_attachment),
            ),
        ]);
    }
    attacks.push(attack(
        "attach-interfaces",
        "turns off SourceDestCheck of another owner's interface",
        OWNERS,
        ec2(
            "ModifyNetworkInterfaceAttribute",
            &[
                ("NetworkInterfaceId", &target.foreign),
                ("SourceDestCheck.Value", "false"),
            ],
        ),
    ));
    attacks
}
