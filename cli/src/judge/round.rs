//! What a round of reconcile did, or would do, in sentences.

use hookline_functions::handlers::reconcile::Report;

use super::words::{count, list, list_of};

/// The most ids that a sentence lists.
const LISTED: usize = 10;

/// What a round changed, or would change: a sentence for each kind of change. Empty if it changes
/// nothing.
pub(crate) fn changes(report: &Report) -> Vec<String> {
    let of_launches = |number| count(number, "launch", "launches");
    let of_interfaces = |number| count(number, "interface", "interfaces");
    let say = |number: usize, what: String, did: [&str; 3], ids: String| {
        let did = match (report.dry_run, number) {
            (_, 0) => return None,
            (true, _) => did[0],
            (false, 1) => did[1],
            (false, _) => did[2],
        };
        Some(format!("{what} {did}: {ids}."))
    };
    let launches = |ids: &[_], did| say(ids.len(), of_launches(ids.len()), did, list(ids, LISTED));
    let interfaces =
        |ids: &[_], did| say(ids.len(), of_interfaces(ids.len()), did, list(ids, LISTED));
    let released: Vec<_> = report.released.iter().cloned().collect();
    let braked: Vec<String> = report
        .loops
        .iter()
        .filter(|it| is_braked(report, &it.group))
        .map(|it| format!("{} ({})", it.group, it.error))
        .collect();
    let said = [
        say(
            braked.len(),
            count(braked.len(), "group", "groups"),
            [
                "in a launch loop would be braked",
                "in a launch loop is braked",
                "in a launch loop are braked",
            ],
            list(&braked, LISTED),
        ),
        launches(
            &report.started,
            [
                "without an execution would get one",
                "without an execution has got one",
                "without an execution have got one each",
            ],
        ),
        launches(
            &report.abandoned,
            [
                "whose execution ended without completing the hook would be abandoned and replaced",
                "whose execution ended without completing the hook is abandoned",
                "whose execution ended without completing the hook are abandoned",
            ],
        ),
        interfaces(
            &released,
            [
                "of abandoned launches would be deleted",
                "of abandoned launches is deleted",
                "of abandoned launches are deleted",
            ],
        ),
        interfaces(
            &report.marked,
            [
                "that no launch needs would be marked, for a later round to delete",
                "that no launch needs is marked, for a later round to delete",
                "that no launch needs are marked, for a later round to delete",
            ],
        ),
        interfaces(
            &report.unmarked,
            [
                "in use again would lose the mark",
                "in use again has lost its mark",
                "in use again have lost their mark",
            ],
        ),
        interfaces(
            &report.deleted,
            [
                "that no launch needs would be deleted",
                "that no launch needs is deleted",
                "that no launch needs are deleted",
            ],
        ),
        interfaces(
            &report.settled,
            [
                "would get DeleteOnTermination",
                "has got DeleteOnTermination",
                "have got DeleteOnTermination",
            ],
        ),
    ];
    said.into_iter().flatten().collect()
}

/// What it looked at and did not change, with the reasons.
pub(crate) fn left(report: &Report) -> Vec<String> {
    let skipped = report.skipped.iter().chain(&report.refused_profiles);
    let mut said: Vec<String> = skipped
        .map(|skipped| format!("{}: {}", skipped.id, skipped.reason))
        .collect();
    let before = report
        .braked
        .iter()
        .filter(|it| !report.loops.iter().any(|found| found.group == it.group));
    said.extend(before.map(|it| {
        format!(
            "{}: it is braked, as its launches failed by {} (hookline resume)",
            it.group, it.error
        )
    }));
    let loops = report
        .loops
        .iter()
        .filter(|it| !is_braked(report, &it.group));
    said.extend(loops.map(|it| {
        format!(
            "{}: {} generations of launches failed by {}, and its profile has no brake",
            it.group, it.generations, it.error
        )
    }));
    said.extend(report.hook_problems.iter().map(|it| {
        format!(
            "{}: the launch hook {} {}",
            it.group,
            it.hook,
            it.problem.words()
        )
    }));
    said.extend(report.nodes_without_interfaces.iter().map(|it| {
        let older = match it.may_be_older {
            true => ", and may be older than it (hookline adopt)",
            false => "",
        };
        let nodes = match it.count {
            1 => "1 node lacks".to_owned(),
            many => format!("{many} nodes lack"),
        };
        let first = list_of(&it.instances, LISTED, it.count);
        format!(
            "{}: {nodes} interfaces of the profile {}{older}: {first}",
            it.group, it.profile
        )
    }));
    if let Some(overdue) = report.overdue.as_deref().filter(|ids| !ids.is_empty()) {
        let wait = match overdue.len() {
            1 => "1 launch waits",
            _ => "launches wait",
        };
        let number = match overdue.len() {
            1 => String::new(),
            many => format!("{many} "),
        };
        said.push(format!(
            "{number}{wait} for too long: {}",
            list(overdue, LISTED)
        ));
    }
    said
}

fn is_braked(report: &Report, group: &str) -> bool {
    report.braked.iter().any(|it| it.group == group)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn in_loop(group: &str) -> Value {
        json!({
            "group": group, "profile": "core", "error": "Hookline.AccessDenied",
            "generations": 4, "since": 1_767_323_045,
        })
    }

    fn braked(group: &str) -> Value {
        json!({"group": group, "profile": "core", "error": "Hookline.AccessDenied"})
    }

    fn report(dry_run: bool) -> Report {
        let (launch, interface) = ("i-0123456789abcdef0", "eni-0123456789abcdef0");
        serde_json::from_value(json!({
            "dryRun": dry_run,
            "started": [launch], "abandoned": [launch, launch],
            "released": [interface], "marked": [interface, interface], "unmarked": [interface],
            "deleted": [interface], "settled": [interface],
            "left": [{"id": launch, "reason": "its execution is running"}],
            "overdue": [launch],
            "refusedProfiles": [{"id": "profiles[0]", "reason": "no"}],
            "loops": [in_loop("upf"), in_loop("smf")],
            "braked": [braked("upf"), braked("amf")],
            "hookProblems": [{
                "group": "upf", "hook": "drain", "profile": "core", "problem": "UNANSWERED",
                "defaultResult": "CONTINUE", "heartbeatSeconds": 300,
            }],
            "nodesWithoutInterfaces": [
                {"group": "upf", "profile": "core", "mayBeOlder": false, "count": 1, "instances": [launch]},
                {"group": "smf", "profile": "core", "mayBeOlder": true, "count": 30, "instances": [launch]},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn each_change_has_its_sentence_and_a_dry_run_says_would() {
        let dry = changes(&report(true));
        assert_eq!(dry.len(), 8);
        assert!(dry.iter().all(|said| said.contains(" would ")), "{dry:#?}");
        let real = changes(&report(false));
        assert_eq!(real.len(), 8);
        assert!(!real.iter().any(|said| said.contains("would")), "{real:#?}");
        assert_eq!(
            real[..2],
            [
                "1 group in a launch loop is braked: upf (Hookline.AccessDenied).",
                "1 launch without an execution has got one: i-0123456789abcdef0.",
            ]
        );
        assert!(real[2].starts_with("2 launches "), "{real:#?}");
        assert_eq!(changes(&Report::default()), Vec::<String>::new());
    }

    #[test]
    fn what_is_left_is_told_with_its_reason() {
        assert_eq!(
            left(&report(false)),
            [
                "i-0123456789abcdef0: its execution is running",
                "profiles[0]: no",
                "amf: it is braked, as its launches failed by Hookline.AccessDenied (hookline resume)",
                "smf: 4 generations of launches failed by Hookline.AccessDenied, and its profile has no brake",
                "upf: the launch hook drain is answered by no profile",
                "upf: 1 node lacks interfaces of the profile core: i-0123456789abcdef0",
                "smf: 30 nodes lack interfaces of the profile core, and may be older than it (hookline adopt): i-0123456789abcdef0 and 29 more",
                "1 launch waits for too long: i-0123456789abcdef0",
            ]
        );
        assert_eq!(left(&Report::default()), Vec::<String>::new());
    }
}
