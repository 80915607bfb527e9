//! The attacks on the interfaces of another deployment, and on those of which no tag says whose they
//! are. Each must be denied.

use hookline_domain::tags::own::{DEPLOYMENT, INSTANCE_ID, NO_MANAGE};

use super::Attempt;
use super::call::tags;
use super::denied::{KEEPERS, attach, attack, create, delete, detach, keep_no_more};
use super::denied_tags::UNOWNED_SINCE;
use super::target::Target;

const OWNERS: &str = "only interfaces with the tag of its deployment";
const CREATORS: &str = "only interfaces that were created for an instance";
const OPERATOR: &str = "only an operator may say whose it is";

/// All of them.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    [
        creates(target),
        removals(target),
        changes(target),
        marks(target),
        takeovers(target),
    ]
    .concat()
}

fn creates(target: &Target) -> Vec<Attempt> {
    let (subnet, group) = (target.subnet(), target.scene.security_group.as_str());
    let own = [(INSTANCE_ID, target.node.as_str()), (NO_MANAGE, "true")];
    let theirs = [own[0], own[1], (DEPLOYMENT, "another")];
    vec![
        attack(
            "create-interfaces",
            "creates an interface without the tag of its deployment",
            "no deployment would delete it",
            create(subnet, group, &own),
        ),
        attack(
            "create-interfaces",
            "creates an interface in the name of another deployment",
            OWNERS,
            create(subnet, group, &theirs),
        ),
    ]
}

fn removals(target: &Target) -> Vec<Attempt> {
    let mut attacks = Vec::new();
    for by in [
        "create-interfaces",
        "attach-interfaces",
        "release-interfaces",
        "reconcile",
        "repair",
    ] {
        attacks.extend([
            attack(
                by,
                "deletes another deployment's interface",
                OWNERS,
                delete(&target.theirs_unattached),
            ),
            attack(
                by,
                "deletes an interface without the tag of a deployment",
                OWNERS,
                delete(&target.untagged_unattached),
            ),
            attack(
                by,
                "deletes an interface that has only the tag of the deployment",
                CREATORS,
                delete(&target.with_deployment_tag),
            ),
        ]);
    }
    for by in ["release-interfaces", "reconcile"] {
        attacks.push(attack(
            by,
            "detaches another deployment's interface",
            OWNERS,
            detach(&target.theirs_attachment),
        ));
    }
    attacks
}

fn changes(target: &Target) -> Vec<Attempt> {
    let mut attacks = vec![attack(
        "attach-interfaces",
        "attaches another deployment's interface to a node",
        OWNERS,
        attach(&target.theirs_unattached, &target.node),
    )];
    for by in KEEPERS {
        attacks.push(attack(
            by,
            "sets DeleteOnTermination of another deployment's interface",
            OWNERS,
            keep_no_more(&target.theirs, &target.theirs_attachment),
        ));
    }
    attacks
}

fn marks(target: &Target) -> Vec<Attempt> {
    let mut attacks = Vec::new();
    for (action, what) in [("CreateTags", "marks"), ("DeleteTags", "unmarks")] {
        for (interface, whose, reason) in [
            (&target.theirs, "another deployment's interface", OWNERS),
            (
                &target.untagged_unattached,
                "an interface without the tag of a deployment",
                OWNERS,
            ),
            (
                &target.with_deployment_tag,
                "an interface that has only the tag of the deployment",
                CREATORS,
            ),
        ] {
            let what = format!("{what} {whose}");
            let call = tags(action, interface, &[UNOWNED_SINCE]);
            attacks.push(attack("reconcile", what, reason, call));
        }
    }
    attacks
}

fn takeovers(target: &Target) -> Vec<Attempt> {
    let mut attacks = Vec::new();
    for by in [
        "tag-node",
        "name-nodes",
        "create-interfaces",
        "reconcile",
        "release-interfaces",
    ] {
        for (interface, whose) in [
            (&target.theirs, "another deployment's interface"),
            (
                &target.untagged_unattached,
                "an interface without the tag of a deployment",
            ),
        ] {
            attacks.push(attack(
                by,
                format!("takes {whose} for its deployment"),
                OPERATOR,
                tags("CreateTags", interface, &[DEPLOYMENT]),
            ));
        }
    }
    attacks
}
