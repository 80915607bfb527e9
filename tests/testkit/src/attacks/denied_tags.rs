//! The attacks by tags of interfaces, instances and volumes. Each must be denied.

use hookline_domain::tags::own::{ADOPTED_AT, INSTANCE_ID, LAUNCHED_AT, NO_MANAGE, VERDICT};

use super::Attempt;
use super::call::tags;
use super::denied::attack;
use super::target::Target;

/// The tag of reconcile's mark.
pub(super) const UNOWNED_SINCE: &str = "hookline:unowned-since";

/// All of them.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    [node_tags(target), interface_tags(target)].concat()
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
    let by_tags = ("by several tags", target.node_by_tags.as_str());
    let by_name = ("by its group", target.node.as_str());
    let plain = ("by its group", target.plain_node.as_str());
    for (by, key, others_key, nodes, others) in [
        (
            "tag-node",
            LAUNCHED_AT,
            ADOPTED_AT,
            vec![by_name, by_tag, by_tags],
            &target.plain_node,
        ),
        (
            "adopt",
            ADOPTED_AT,
            LAUNCHED_AT,
            vec![by_name, by_tag, by_tags],
            &target.plain_node,
        ),
        (
            "complete-hook",
            VERDICT,
            ADOPTED_AT,
            vec![by_name, by_tag, by_tags],
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
                "tags an interface that has the several tags of a selector",
                KIND,
                set(&target.with_selector_tags, &[key]),
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
                "names the interface of a slot",
                "the interfaces of slots have tags of their own",
                set(&target.own, &["Name"]),
            ),
            attack(
                by,
                "names a persistent volume",
                "a persistent volume is no part of a node",
                set(&target.persistent_volume, &["Name"]),
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
            "marks an instance that carries the tags of an interface",
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
