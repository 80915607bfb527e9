//! A startup taint: kubelet registers its node with it, so that no pod is scheduled there, and
//! Hookline removes it when the node is wired (`docs/startup-taint.md`).
//!
//! A node may not change its own taints (Kubernetes, "NodeRestriction" admission plugin), so
//! Hookline calls the cluster's API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission::wait::{MAX_SECONDS_AFTER_CONTINUE, growing_pause};
use crate::ids::InstanceId;

/// The key of the taint, unless the profile has another.
pub const DEFAULT_KEY: &str = "hookline.io/not-ready";

/// How long a launch waits for its node to register, in seconds after CONTINUE: a machine of bare metal
/// boots for ten minutes and more. EKS gives up a node of a managed node group after fifteen minutes.
pub const MAX_WAIT_SECONDS: i64 = MAX_SECONDS_AFTER_CONTINUE;

/// The shortest and the longest pause between two looks, in seconds.
const PAUSES: (i64, i64) = (5, 30);

/// A taint of a node, as Kubernetes has it (core/v1 Taint). Hookline removes by the key alone,
/// whatever value and effect the taint has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartupTaint {
    /// The name of the EKS cluster that the node joins.
    #[schemars(
        length(min = 1, max = 100),
        regex(pattern = "^[0-9A-Za-z][0-9A-Za-z_-]*$")
    )]
    pub cluster: String,
    /// The taint's key.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 317), regex(pattern = KEY))]
    pub key: String,
}

/// The pattern of a taint's key: a qualified name, with a DNS subdomain as prefix or without
/// (Kubernetes, "Labels and Selectors", syntax).
pub const KEY: &str =
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

fn default_key() -> String {
    DEFAULT_KEY.to_owned()
}

/// What is wrong with the name of a cluster, if anything (EKS API Reference, CreateCluster, `name`).
#[must_use]
pub fn problem_of_cluster(name: &str) -> Option<&'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let is_valid = first && name.len() <= 100 && name.bytes().all(allowed);
    (!is_valid).then_some(
        "is no name of a cluster: 1 to 100 letters, digits, hyphens and underscores, the first a letter or a digit",
    )
}

/// What is wrong with the key of a taint, if anything.
#[must_use]
pub fn problem_of_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let ends_well = |text: &str, edge: fn(u8) -> bool| {
        let bytes = text.as_bytes();
        bytes.first().copied().is_some_and(edge) && bytes.last().copied().is_some_and(edge)
    };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_prefix = |prefix: &str| {
        prefix.len() <= 253
            && ends_well(prefix, lower)
            && prefix.bytes().all(|b| lower(b) || matches!(b, b'-' | b'.'))
    };
    let is_name = name.len() <= 63
        && ends_well(name, |b| b.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (!is_name || !prefix.is_none_or(is_prefix)).then_some(
        "is no key of a taint: a name of 1 to 63 letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it or without",
    )
}

/// Whether the node with this `spec.providerID` is the instance's, as in
/// `aws:///us-west-2a/i-0123456789abcdef0`. The name of a node tells nothing: one made from an
/// address can be of an earlier instance.
#[must_use]
pub fn is_node_of(provider_id: Option<&str>, instance: &InstanceId) -> bool {
    provider_id.and_then(|id| id.rsplit('/').next()) == Some(instance.as_str())
}

/// How long to wait until the next look for a node that has not registered, in seconds; `None` if it
/// was waited for long enough. `waited` is in seconds since CONTINUE. `jitter` differs from launch
/// to launch.
#[must_use]
pub fn until_next_look(waited: i64, jitter: u32) -> Option<u32> {
    let pause = growing_pause(waited, PAUSES);
    let seconds = u32::try_from(pause).unwrap_or(u32::MAX) + jitter % 3;
    (waited.saturating_add(seconds.into()) <= MAX_WAIT_SECONDS).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_found_by_its_provider_id() {
        let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
        for (id, is) in [
            (Some("aws:///us-west-2a/i-0123456789abcdef0"), true),
            (Some("i-0123456789abcdef0"), true),
            (Some("aws:///us-west-2a/i-0123456789abcdef1"), false),
            (Some("aws:///us-west-2a/xi-0123456789abcdef0"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(is_node_of(id, &instance), is, "{id:?}");
        }
    }

    #[test]
    fn absent_key_is_that_of_the_documents() {
        let read: StartupTaint = serde_json::from_str(r#"{"cluster": "prod"}"#).unwrap();
        assert_eq!(read.key, "hookline.io/not-ready");
    }

    #[test]
    fn pauses_grow_and_end_after_fourteen_minutes() {
        for jitter in 0..3 {
            let (mut waited, mut looks) = (0, 0);
            while let Some(pause) = until_next_look(waited, jitter) {
                assert!((5..=32).contains(&pause), "{pause}");
                waited += i64::from(pause);
                looks += 1;
            }
            assert!((808..=840).contains(&waited), "{waited}");
            assert!((28..=36).contains(&looks), "{looks}");
        }
        assert_eq!(until_next_look(0, 0), Some(5));
        assert_eq!(until_next_look(50, 1), Some(16));
        assert_eq!(until_next_look(300, 2), Some(32));
        assert_eq!(until_next_look(810, 0), Some(30));
        assert_eq!(until_next_look(811, 0), None);
    }

    #[test]
    fn names_of_clusters_and_keys_of_taints_are_checked() {
        for name in ["prod", "1", "a_b-C", &"x".repeat(100)] {
            assert_eq!(problem_of_cluster(name), None, "{name}");
        }
        for name in ["", "-a", "_a", "a.b", "a b", &"x".repeat(101)] {
            assert!(problem_of_cluster(name).is_some(), "{name}");
        }
        for key in [DEFAULT_KEY, "a", "a/b", "A_b.C-d", "x.y-z/A", "a--b/c"] {
            assert_eq!(problem_of_key(key), None, "{key}");
        }
        let (long_name, long_prefix) = ("n".repeat(64), format!("{}/n", "p".repeat(254)));
        for key in [
            "",
            "/a",
            "a/",
            "a/b/c",
            "A/b",
            ".a/b",
            "a./b",
            "-a",
            "a-",
            "a b",
            "a_b/c",
            "ä",
            &long_name,
            &long_prefix,
        ] {
            assert!(problem_of_key(key).is_some(), "{key}");
        }
        let longest = format!("{}/{}", "p".repeat(253), "n".repeat(63));
        assert_eq!(problem_of_key(&longest), None);
    }
}
