//! The attacks on nodes and groups that carry some of the tags of a selector which has several. Each must
//! be denied: a node is selected only if it carries each of them.

use hookline_domain::tags::own::{ADOPTED_AT, BRAKED_AT, LAUNCHED_AT, RESUMED_AT, VERDICT};

use super::Attempt;
use super::call::{group_tags, tags};
use super::denied::{KEEPERS, attach, attack, detach, keep_no_more};
use super::denied_others::hook;
use super::people::launches;
use super::target::{Partly, Target};

const EACH: &str = "a selector of several tags needs each of them";

/// All of them.
pub(super) fn table(target: &Target) -> Vec<Attempt> {
    let partly = target.partly.iter();
    partly
        .flat_map(|partly| [nodes(target, partly), groups(partly)].concat())
        .collect()
}

fn nodes(target: &Target, partly: &Partly) -> Vec<Attempt> {
    let Partly { lacks, node, .. } = partly;
    let mut attacks = vec![attack(
        "attach-interfaces",
        format!("attaches an own interface to a node {lacks}"),
        EACH,
        attach(&target.own_unattached, node),
    )];
    for (by, key) in [
        ("tag-node", LAUNCHED_AT),
        ("adopt", ADOPTED_AT),
        ("complete-hook", VERDICT),
    ] {
        attacks.push(attack(
            by,
            format!("tags a node {lacks}"),
            EACH,
            tags("CreateTags", node, &[key]),
        ));
    }
    for by in ["release-interfaces", "reconcile"] {
        attacks.push(attack(
            by,
            format!("detaches an own interface from a node {lacks}"),
            EACH,
            detach(&partly.attachment),
        ));
    }
    for by in KEEPERS {
        attacks.push(attack(
            by,
            format!("sets DeleteOnTermination on a node {lacks}"),
            EACH,
            keep_no_more(&partly.own, &partly.attachment),
        ));
    }
    attacks
}

fn groups(partly: &Partly) -> Vec<Attempt> {
    let Partly {
        lacks, node, group, ..
    } = partly;
    let mut attacks = Vec::new();
    for (by, action, what) in [
        ("complete-hook", "CompleteLifecycleAction", "completes"),
        ("reconcile", "CompleteLifecycleAction", "completes"),
        ("launch-node", "RecordLifecycleActionHeartbeat", "extends"),
        ("reconcile", "RecordLifecycleActionHeartbeat", "extends"),
    ] {
        let what = format!("{what} the hook of a group {lacks}");
        attacks.push(attack(by, what, EACH, hook(action, group, node)));
    }
    attacks.extend([
        attack(
            "reconcile",
            format!("suspends the process Launch of a group {lacks}"),
            EACH,
            launches("SuspendProcesses", group),
        ),
        attack(
            "reconcile",
            format!("tags a group {lacks}"),
            EACH,
            group_tags(group, &[BRAKED_AT]),
        ),
    ]);
    for by in ["operate", "repair"] {
        attacks.extend([
            attack(
                by,
                format!("pauses a group {lacks}"),
                EACH,
                launches("SuspendProcesses", group),
            ),
            attack(
                by,
                format!("resumes a group {lacks}"),
                EACH,
                launches("ResumeProcesses", group),
            ),
            attack(
                by,
                format!("tags a group {lacks}"),
                EACH,
                group_tags(group, &[RESUMED_AT]),
            ),
        ]);
    }
    attacks
}
