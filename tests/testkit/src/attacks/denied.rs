//! The attacks on interfaces, instances, volumes and their tags. Each must be denied.

use hookline_domain::tags::own::{ADOPTED_AT, INSTANCE_ID, LAUNCHED_AT, NO_MANAGE};

use super::call::{Call, ec2, tags};
use super::target::Target;
use super::{Attempt, denied_others};

/// The tag of reconcile's mark.
pub(super) const UNOWNED_SINCE: &str = "hookline:unowned-since";

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
        node_tags(target),
        interface_tags(target),
        denied_others::table(target),
    ]
    .concat()
}

fn creates(target: &Target) -> Vec<Attempt> {
    const BY: &str = "create-interfaces";
    let own = [(INSTANCE_ID, "i-0123456789abcdef0"), (NO_MANAGE, "true")];
    let create = |subnet: &str, group: &str, tags: &[(&str, &str)]| create(subnet, group, tags);
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
            create(subnet, group, &[(NO_MANAGE, "true")]),
        ),
        attack(
            BY,
            "creates an interface whose instance is no instance",
            "nobody could find its owner and delete it",
            create(subnet, group, &[(INSTANCE_ID, "none"), (NO_MANAGE, "true")]),
        ),
        attack(
            BY,
            "creates an interface that the VPC CNI would manage",
            "the VPC CNI would give its addresses to pods",
            create(subnet, group, &[(INSTANCE_ID, node)]),
        ),
        attack(
            BY,
            "creates an interface with no_manage set to false",
            "the VPC CNI would give its addresses to pods",
            create(subnet, group, &[(INSTANCE_ID, node), (NO_MANAGE, "false")]),
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
    for by in [
        "attach-interfaces",
        "set-delete-on-termination",
        "reconcile",
    ] {
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

/// The functions that tag nodes, each with a key that it may set, one of another function, and a
/// node of the other's.
fn node_tags(target: &Target) -> Vec<Attempt> {
    const GROUPS: &str = "only instances that its profiles select";
    const KEYS: &str = "only the keys of its profiles and its own mark";
    const KIND: &str = "it sets this key on instances only";
    const ANY: &str = "a call without keys is not limited to keys";
    let mut attacks = Vec::new();
    let by_tag = ("by its tag", target.node_by_tag.as_str());
    let by_name = ("by its group", target.node.as_str());
    let plain = ("by its group", target.plain_node.as_str());
    for (by, key, others_key, nodes, others) in [
        (
            "tag-node",
            LAUNCHED_AT,
            ADOPTED_AT,
            vec![by_name, by_tag],
            &target.plain_node,
        ),
        (
            "adopt",
            ADOPTED_AT,
            LAUNCHED_AT,
            vec![by_name, by_tag],
            &target.plain_node,
        ),
        ("name-nodes", "Zone", LAUNCHED_AT, vec![plain], &target.node),
    ] {
        let set = |resource: &str, keys: &[&str]| tags("CreateTags", resource, keys);
        attacks.extend([
            attack(
                by,
                "tags another cluster's node",
                GROUPS,
                set(&target.other_node, &[key]),
            ),
            attack(
                by,
                "tags a node of the other kind of profile",
                GROUPS,
                set(others, &[key]),
            ),
            attack(by, "tags a subnet", KIND, set(target.subnet(), &[key])),
            attack(by, "tags the VPC", KIND, set(&target.scene.vpc, &[key])),
            attack(
                by,
                "tags an interface that has the group's tag",
                KIND,
                set(&target.with_group_tag, &[key]),
            ),
            attack(
                by,
                "tags an interface that has the tag of a group with a naming profile",
                KIND,
                set(&target.with_plain_group_tag, &[key]),
            ),
            attack(
                by,
                "tags an interface that has the selector's tag",
                KIND,
                set(&target.with_selector_tag, &[key]),
            ),
            attack(
                by,
                "takes a tag from a node",
                "it only sets tags",
                tags(
                    "DeleteTags",
                    nodes.first().map_or("", |node| node.1),
                    &[key],
                ),
            ),
        ]);
        for (how, node) in nodes {
            attacks.extend([
                attack(
                    by,
                    format!("sets another function's mark on a node that is selected {how}"),
                    KEYS,
                    set(node, &[others_key]),
                ),
                attack(
                    by,
                    format!("moves a node that is selected {how} to another cluster, by its tag"),
                    KEYS,
                    set(node, &["eks:cluster-name", key]),
                ),
                attack(
                    by,
                    format!("sets no key at all on a node that is selected {how}"),
                    ANY,
                    set(node, &[]),
                ),
            ]);
        }
    }
    attacks
}

fn interface_tags(target: &Target) -> Vec<Attempt> {
    const KEYS: &str = "only the keys of its profiles";
    const ANY: &str = "a call without keys is not limited to keys";
    const OWNERS: &str = "only interfaces with Hookline's tag";
    const MARK: &str = "only its own mark";
    let set = |resource: &str, keys: &[&str]| tags("CreateTags", resource, keys);
    let unset = |resource: &str, keys: &[&str]| tags("DeleteTags", resource, keys);
    let mut attacks = Vec::new();
    for by in ["tag-node", "name-nodes"] {
        attacks.extend([
            attack(
                by,
                "tags another owner's interface as Hookline's",
                KEYS,
                set(&target.foreign, &[INSTANCE_ID]),
            ),
            attack(
                by,
                "makes the VPC CNI leave its interface alone",
                KEYS,
                set(&target.cni, &[NO_MANAGE, "Name"]),
            ),
            attack(
                by,
                "gives a volume to another cluster",
                KEYS,
                set(&target.volume, &["kubernetes.io/cluster/other"]),
            ),
            attack(
                by,
                "sets no key at all on an interface",
                ANY,
                set(&target.cni, &[]),
            ),
            attack(
                by,
                "sets no key at all on a volume",
                ANY,
                set(&target.volume, &[]),
            ),
            attack(
                by,
                "names a security group",
                "only interfaces and volumes",
                set(&target.other_security_group, &["Name"]),
            ),
        ]);
    }
    let by = "reconcile";
    attacks.extend([
        attack(
            by,
            "marks another owner's interface",
            OWNERS,
            set(&target.foreign, &[UNOWNED_SINCE]),
        ),
        attack(
            by,
            "marks an instance that carries Hookline's tag",
            "only interfaces",
            set(&target.other_node, &[UNOWNED_SINCE]),
        ),
        attack(
            by,
            "gives an own interface to another instance",
            MARK,
            set(&target.own, &[INSTANCE_ID]),
        ),
        attack(
            by,
            "sets no key at all on an own interface",
            ANY,
            set(&target.own, &[]),
        ),
        attack(
            by,
            "takes a mark from another owner's interface",
            OWNERS,
            unset(&target.foreign, &[UNOWNED_SINCE]),
        ),
        attack(
            by,
            "takes an own interface from its instance",
            MARK,
            unset(&target.own, &[INSTANCE_ID]),
        ),
        attack(
            by,
            "takes every tag from an own interface",
            ANY,
            unset(&target.own, &[]),
        ),
        attack(
            "release-interfaces",
            "tags another owner's interface as Hookline's",
            "it sets no tags",
            set(&target.foreign, &[INSTANCE_ID]),
        ),
    ]);
    attacks
}
