//! What a pod is counted under, beside its namespace: a label, its owner, or nothing but the namespace.

use hookline_runtime::payload::shorten;

use crate::error::{Error, Result};
use crate::objects::Pod;

/// Which labels name a pod's group, the first that a pod has. A pod that has none of them is counted under its owner,
/// and one without an owner under its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    labels: Vec<String>,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            // Kubernetes documentation, "Recommended Labels"; and what most manifests have from before them.
            labels: vec!["app.kubernetes.io/name".to_owned(), "app".to_owned()],
        }
    }
}

/// A group and where its name is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// A label's value, an owner's name, or a namespace.
    pub name: String,
    /// `Label`, the owner's kind, or `Namespace`.
    pub kind: String,
}

impl Grouping {
    /// By these labels, in this order. None at all: every pod is counted under its owner.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that no label can have as its key.
    pub fn by_labels(labels: Vec<String>) -> Result<Self> {
        const MOST: usize = 16;
        if labels.len() > MOST {
            return Err(Error::invalid(
                "group.labels",
                format!("has {} labels", labels.len()),
                format!("Name {MOST} at most"),
            ));
        }
        for (index, label) in labels.iter().enumerate() {
            if !is_label_key(label) {
                return Err(Error::invalid(
                    format!("group.labels[{index}]"),
                    format!("{:?} is no key of a Kubernetes label", shorten(label, 128)),
                    "Give one as app or app.kubernetes.io/name",
                ));
            }
        }
        Ok(Self { labels })
    }

    /// The group of `pod`.
    #[must_use]
    pub fn group(&self, pod: &Pod) -> Group {
        if let Some(value) = self.labels.iter().find_map(|label| pod.label(label)) {
            return Group::new(value, "Label");
        }
        owner(pod).unwrap_or_else(|| Group::new(&pod.metadata.namespace, "Namespace"))
    }
}

impl Group {
    fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
        }
    }
}

/// The owner that a person knows: a Deployment rather than the ReplicaSet of one of its revisions, a CronJob rather
/// than the Job of one of its runs. Both are read from the names that Kubernetes' own controllers give, so that no
/// ReplicaSet or Job need be listed.
fn owner(pod: &Pod) -> Option<Group> {
    let owner = pod.controller().filter(|owner| !owner.name.is_empty())?;
    let above = match owner.kind.as_str() {
        "ReplicaSet" => deployment(pod, &owner.name).map(|name| Group::new(name, "Deployment")),
        "Job" => cron_job(pod, &owner.name).map(|name| Group::new(name, "CronJob")),
        _ => None,
    };
    Some(above.unwrap_or_else(|| Group::new(&owner.name, &owner.kind)))
}

/// A Deployment names its ReplicaSets `NAME-HASH`, and puts the hash on their pods as a label.
fn deployment<'a>(pod: &Pod, replica_set: &'a str) -> Option<&'a str> {
    let hash = pod.label("pod-template-hash")?;
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!name.is_empty()).then_some(name)
}

/// A CronJob names its Jobs `NAME-MINUTES`, the time a run was due in minutes since the epoch. A Job that was only
/// named with a number at its end was not due shortly before its pod was made.
fn cron_job<'a>(pod: &Pod, job: &'a str) -> Option<&'a str> {
    /// A run that is due may start late, and its Job may make pods again for long; this is generous.
    const DAYS: i64 = 30;
    let (name, minutes) = job.rsplit_once('-')?;
    if name.is_empty() || !minutes.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let due = minutes.parse::<i64>().ok()?;
    let made = pod.metadata.creation_timestamp.as_second() / 60;
    let since = made.checked_sub(due)?;
    (0..=DAYS * 24 * 60).contains(&since).then_some(name)
}

/// Kubernetes documentation, "Labels and Selectors": an optional DNS subdomain and a slash, then up to 63 letters,
/// digits, `-`, `_` and `.`, with a letter or a digit at both ends.
fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let inner = |text: &str, others: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    let ends = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let name_fits = name.len() <= 63 && inner(name, "-_.") && ends(name);
    name_fits && prefix.is_none_or(|p| p.len() <= 253 && inner(p, "-.") && ends(p))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const MADE: &str = "2026-05-04T11:01:20Z";
    const MADE_MINUTE: i64 = 29_631_541;

    fn pod(labels: Value, owner: Option<(&str, &str)>) -> Pod {
        let owners: Vec<Value> = owner
            .into_iter()
            .map(|(kind, name)| json!({"kind": kind, "name": name, "controller": true}))
            .collect();
        serde_json::from_value(json!({
            "metadata": {
                "name": "pod", "namespace": "shop", "uid": "u", "creationTimestamp": MADE,
                "labels": labels, "ownerReferences": owners,
            },
        }))
        .unwrap()
    }

    fn group(grouping: &Grouping, pod: &Pod) -> (String, String) {
        let group = grouping.group(pod);
        (group.kind, group.name)
    }

    fn is(kind: &str, name: &str) -> (String, String) {
        (kind.to_owned(), name.to_owned())
    }

    #[test]
    fn the_recommended_label_goes_before_app() {
        let by = Grouping::default();
        let both = json!({"app": "old", "app.kubernetes.io/name": "cart"});
        assert_eq!(group(&by, &pod(both, None)), is("Label", "cart"));
        let app = json!({"app": "old"});
        assert_eq!(
            group(&by, &pod(app, Some(("DaemonSet", "x")))),
            is("Label", "old")
        );
    }

    #[test]
    fn an_empty_label_is_none() {
        let empty = json!({"app.kubernetes.io/name": "", "app": "cart"});
        assert_eq!(
            group(&Grouping::default(), &pod(empty, None)),
            is("Label", "cart")
        );
    }

    #[test]
    fn any_label_can_be_the_group() {
        let by = Grouping::by_labels(vec!["team".to_owned()]).unwrap();
        let labels = json!({"team": "checkout", "app": "cart"});
        assert_eq!(group(&by, &pod(labels, None)), is("Label", "checkout"));
        // Not app: what was not asked for does not name a group.
        let other = pod(json!({"app": "cart"}), Some(("StatefulSet", "cart-db")));
        assert_eq!(group(&by, &other), is("StatefulSet", "cart-db"));
    }

    #[test]
    fn without_labels_every_pod_is_counted_under_its_owner() {
        let by = Grouping::by_labels(Vec::new()).unwrap();
        let labels = json!({"app": "cart", "pod-template-hash": "6f7c9d8b5"});
        let pod = pod(labels, Some(("ReplicaSet", "cart-6f7c9d8b5")));
        assert_eq!(group(&by, &pod), is("Deployment", "cart"));
    }

    #[test]
    fn an_owner_that_a_person_knows() {
        let by = Grouping::default();
        let hash = json!({"pod-template-hash": "6f7c9d8b5"});
        for (labels, owner, expected) in [
            (
                &hash,
                ("ReplicaSet", "my-app-6f7c9d8b5"),
                is("Deployment", "my-app"),
            ),
            // Made by hand: no Deployment names it.
            (
                &json!({}),
                ("ReplicaSet", "my-app-6f7c9d8b5"),
                is("ReplicaSet", "my-app-6f7c9d8b5"),
            ),
            (&hash, ("ReplicaSet", "my-app"), is("ReplicaSet", "my-app")),
            (
                &hash,
                ("ReplicaSet", "-6f7c9d8b5"),
                is("ReplicaSet", "-6f7c9d8b5"),
            ),
            (&hash, ("StatefulSet", "db"), is("StatefulSet", "db")),
            (
                &json!({}),
                ("DaemonSet", "aws-node"),
                is("DaemonSet", "aws-node"),
            ),
            (&json!({}), ("Job", "import"), is("Job", "import")),
            (&json!({}), ("Workflow", "etl"), is("Workflow", "etl")),
            (
                &json!({}),
                ("Node", "ip-10-0-1-10"),
                is("Node", "ip-10-0-1-10"),
            ),
        ] {
            assert_eq!(group(&by, &pod(labels.clone(), Some(owner))), expected);
        }
    }

    #[test]
    fn the_runs_of_a_cron_job_are_one_group() {
        let made = MADE.parse::<jiff::Timestamp>().unwrap().as_second() / 60;
        assert_eq!(made, MADE_MINUTE);
        let by = Grouping::default();
        let of = |job: &str| group(&by, &pod(json!({}), Some(("Job", job))));
        for due in [MADE_MINUTE, MADE_MINUTE - 1, MADE_MINUTE - 60 * 24] {
            assert_eq!(of(&format!("report-{due}")), is("CronJob", "report"));
        }
        // Numbers that are no time before this pod was made, or far from it.
        for job in [
            format!("report-{}", MADE_MINUTE + 1),
            format!("report-{}", MADE_MINUTE - 60 * 24 * 31),
            "report-2026".to_owned(),
            "report-99999999999999999999".to_owned(),
            "report-".to_owned(),
            format!("-{MADE_MINUTE}"),
        ] {
            assert_eq!(of(&job), is("Job", &job));
        }
    }

    #[test]
    fn a_pod_that_nobody_owns_is_counted_under_its_namespace() {
        assert_eq!(
            group(&Grouping::default(), &pod(Value::Null, None)),
            is("Namespace", "shop")
        );
    }

    #[test]
    fn keys_of_labels() {
        for key in ["app", "app.kubernetes.io/name", "a", "A_b.c-9", "x/y"] {
            assert!(is_label_key(key), "{key}");
        }
        let long = format!("a/{}", "n".repeat(64));
        for key in [
            "", "/", "a/", "/a", "a b", "-a", "a-", "a/b/c", "\u{e4}", &long,
        ] {
            assert!(!is_label_key(key), "{key}");
        }
    }

    #[test]
    fn more_labels_than_anybody_has_are_refused() {
        let error = Grouping::by_labels(vec!["a".to_owned(); 17]).unwrap_err();
        assert!(error.to_string().starts_with("group.labels: "), "{error}");
    }
}
