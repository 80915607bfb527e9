//! The group that a pod is counted under, besides its namespace: a label, its owner, or the
//! namespace alone.

use hookline_runtime::payload::shorten;

use crate::error::{Error, Result};
use crate::objects::Pod;

/// The labels that name a pod's group: the first label that the pod has. A pod with none of these
/// labels is counted under its owner. A pod without an owner is counted under its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    labels: Vec<String>,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            // Kubernetes documentation, "Recommended Labels". Most older manifests have `app`.
            labels: vec!["app.kubernetes.io/name".to_owned(), "app".to_owned()],
        }
    }
}

/// A group, and where its name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// A label's value, an owner's name, or a namespace.
    pub name: String,
    /// `Label`, the owner's kind, or `Namespace`.
    pub kind: String,
}

impl std::fmt::Display for Group {
    /// `KIND/NAME`. Neither has a slash: a kind is a word, and a label's value and an object's name
    /// cannot have one (Kubernetes documentation, "Labels and Selectors", "Object Names and IDs").
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl Grouping {
    /// Groups by these labels, in this order. Without labels, every pod is counted under its owner.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] for too many labels, and for a text that is not a valid label
    /// key.
    pub fn by_labels(labels: Vec<String>) -> Result<Self> {
        const MAX_LABELS: usize = 16;
        if labels.len() > MAX_LABELS {
            return Err(Error::invalid(
                "group.labels",
                format!("has {} labels", labels.len()),
                format!("Name {MAX_LABELS} at most"),
            ));
        }
        for (index, label) in labels.iter().enumerate() {
            if !is_label_key(label) {
                return Err(Error::invalid(
                    format!("group.labels[{index}]"),
                    format!(
                        "{:?} is not a key of a Kubernetes label",
                        shorten(label, 128)
                    ),
                    "Give a key such as app or app.kubernetes.io/name",
                ));
            }
        }
        Ok(Self { labels })
    }

    /// The group of `pod`.
    #[must_use]
    pub fn group(&self, pod: &Pod) -> Group {
        if let Some(value) = self.labels.iter().find_map(|label| pod.label(label)) {
            return Group::new(value, Group::LABEL);
        }
        owner(pod).unwrap_or_else(|| Group::new(&pod.metadata.namespace, "Namespace"))
    }
}

impl Group {
    /// The kind of a group that a label names.
    pub const LABEL: &str = "Label";

    /// The controller that made the pod, as people know it: a Deployment, a StatefulSet, … A label
    /// may name the group of its pods, and hide it. Returns `None` if nothing controls the pod.
    #[must_use]
    pub fn of_controller(pod: &Pod) -> Option<Self> {
        owner(pod)
    }

    fn new(name: &str, kind: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
        }
    }
}

/// The owner that people know: a Deployment instead of the ReplicaSet of one of its revisions, a
/// CronJob instead of the Job of one of its runs. Kubernetes' own controllers put the owner's name
/// into the name of a ReplicaSet or a Job, so neither has to be listed.
fn owner(pod: &Pod) -> Option<Group> {
    let owner = pod.controller().filter(|owner| !owner.name.is_empty())?;
    let above = match owner.kind.as_str() {
        "ReplicaSet" => deployment(pod, &owner.name).map(|name| Group::new(name, "Deployment")),
        "Job" => cron_job(pod, &owner.name).map(|name| Group::new(name, "CronJob")),
        _ => None,
    };
    Some(above.unwrap_or_else(|| Group::new(&owner.name, &owner.kind)))
}

/// The Deployment of a ReplicaSet. A Deployment names its ReplicaSets `NAME-HASH`, and labels their
/// pods with the hash.
fn deployment<'a>(pod: &Pod, replica_set: &'a str) -> Option<&'a str> {
    let hash = pod.label("pod-template-hash")?;
    let name = replica_set.strip_suffix(hash)?.strip_suffix('-')?;
    (!name.is_empty()).then_some(name)
}

/// The CronJob of a Job. A CronJob names its Jobs `NAME-MINUTES`: when the run was due, in minutes
/// since the Unix epoch. The name of another Job may also end in a number, but not in a time
/// shortly before its pod was created.
fn cron_job<'a>(pod: &Pod, job: &'a str) -> Option<&'a str> {
    /// A run may start late, and its Job may create pods for a long time after. This bound is
    /// generous.
    const DAYS: i64 = 30;
    let (name, minutes) = job.rsplit_once('-')?;
    if name.is_empty() || !minutes.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let due = minutes.parse::<i64>().ok()?;
    let created = pod.metadata.creation_timestamp.as_second() / 60;
    let since = created.checked_sub(due)?;
    (0..=DAYS * 24 * 60).contains(&since).then_some(name)
}

/// Returns `true` for a valid label key (Kubernetes documentation, "Labels and Selectors"):
/// optionally a DNS subdomain and a slash, then up to 63 letters, digits, `-`, `_` and `.`, with a
/// letter or a digit at both ends.
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

    const CREATED: &str = "2026-05-04T11:01:20Z";
    const CREATED_MINUTE: i64 = 29_631_541;

    fn pod(labels: Value, owner: Option<(&str, &str)>) -> Pod {
        let owners: Vec<Value> = owner
            .into_iter()
            .map(|(kind, name)| json!({"kind": kind, "name": name, "controller": true}))
            .collect();
        serde_json::from_value(json!({
            "metadata": {
                "name": "pod", "namespace": "shop", "uid": "u", "creationTimestamp": CREATED,
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
    fn the_recommended_label_takes_precedence_over_app() {
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
    fn an_empty_label_is_ignored() {
        let empty = json!({"app.kubernetes.io/name": "", "app": "cart"});
        assert_eq!(
            group(&Grouping::default(), &pod(empty, None)),
            is("Label", "cart")
        );
    }

    #[test]
    fn a_label_of_the_payload_names_the_group() {
        let by = Grouping::by_labels(vec!["team".to_owned()]).unwrap();
        let labels = json!({"team": "checkout", "app": "cart"});
        assert_eq!(group(&by, &pod(labels, None)), is("Label", "checkout"));
        // `app` is not in the list, so it does not name a group.
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
    fn the_owner_of_a_replica_set_is_its_deployment() {
        let by = Grouping::default();
        let hash = json!({"pod-template-hash": "6f7c9d8b5"});
        for (labels, owner, expected) in [
            (
                &hash,
                ("ReplicaSet", "my-app-6f7c9d8b5"),
                is("Deployment", "my-app"),
            ),
            // Created by hand: no Deployment owns it.
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
    fn the_jobs_of_a_cron_job_are_one_group() {
        let created = CREATED.parse::<jiff::Timestamp>().unwrap().as_second() / 60;
        assert_eq!(created, CREATED_MINUTE);
        let by = Grouping::default();
        let of = |job: &str| group(&by, &pod(json!({}), Some(("Job", job))));
        for due in [CREATED_MINUTE, CREATED_MINUTE - 1, CREATED_MINUTE - 60 * 24] {
            assert_eq!(of(&format!("report-{due}")), is("CronJob", "report"));
        }
        // Numbers that are not a time before this pod was created, or a time long before.
        for job in [
            format!("report-{}", CREATED_MINUTE + 1),
            format!("report-{}", CREATED_MINUTE - 60 * 24 * 31),
            "report-2026".to_owned(),
            "report-99999999999999999999".to_owned(),
            "report-".to_owned(),
            format!("-{CREATED_MINUTE}"),
        ] {
            assert_eq!(of(&job), is("Job", &job));
        }
    }

    #[test]
    fn a_pod_without_an_owner_is_counted_under_its_namespace() {
        assert_eq!(
            group(&Grouping::default(), &pod(Value::Null, None)),
            is("Namespace", "shop")
        );
    }

    #[test]
    fn label_keys_are_checked() {
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
    fn more_than_16_labels_are_refused() {
        let error = Grouping::by_labels(vec!["a".to_owned(); 17]).unwrap_err();
        assert!(error.to_string().starts_with("group.labels: "), "{error}");
    }
}
