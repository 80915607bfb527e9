//! What kubelet is given: labels, taints, maxPods. Flags win over its configuration (Kubernetes
//! documentation, "Set kubelet parameters via a configuration file").

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::findings::Findings;
use crate::setting::Candidates;
use crate::show;

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it is from.
    pub from: String,
}

/// A taint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; it may be empty.
    pub value: String,
    /// Its effect, as `NoSchedule`.
    pub effect: String,
    /// Where it is from.
    pub from: String,
}

/// What kubelet is given.
#[derive(Debug, Default)]
pub(crate) struct Kubelet {
    labels: BTreeMap<String, (String, String)>,
    taints: Vec<Taint>,
    pub(crate) max_pods: Candidates,
    pub(crate) cluster_dns: Candidates,
}

impl Kubelet {
    /// Takes a configuration, which wins over what was before.
    pub(crate) fn configuration(&mut self, config: &Value, place: &str, findings: &mut Findings) {
        if let Some(value) = config.get("maxPods") {
            match value.as_u64() {
                Some(pods) => self.max_pods.add(&pods.to_string(), place),
                None if value.is_null() => {}
                None => findings.problem("max-pods", Some(place), "maxPods is not a number"),
            }
        }
        match config.get("clusterDNS") {
            Some(Value::Array(addresses)) => {
                let addresses: Vec<_> = addresses.iter().filter_map(Value::as_str).collect();
                self.cluster_dns.add(&addresses.join(","), place);
            }
            Some(Value::Null) | None => {}
            Some(_) => findings.problem(
                "cluster-dns",
                Some(place),
                "clusterDNS is not a list of addresses",
            ),
        }
        if let Some(taints) = config.get("registerWithTaints").and_then(Value::as_array) {
            let field = |taint: &Value, name: &str| {
                let value = taint.get(name).and_then(Value::as_str);
                value.unwrap_or_default().to_owned()
            };
            let texts = taints.iter().map(|taint| {
                format!(
                    "{}={}:{}",
                    field(taint, "key"),
                    field(taint, "value"),
                    field(taint, "effect")
                )
            });
            let texts: Vec<_> = texts.collect();
            self.register_with(texts.iter().map(String::as_str), place, findings);
        }
    }

    /// Takes flags, such as `--node-labels=a=b`. Later ones win.
    pub(crate) fn flags<'a>(
        &mut self,
        flags: impl Iterator<Item = &'a str>,
        place: &str,
        findings: &mut Findings,
    ) {
        let mut flags = flags.peekable();
        while let Some(flag) = flags.next() {
            let Some(flag) = flag.strip_prefix("--") else {
                if !flag.is_empty() && !flag.starts_with('-') {
                    let count = flag.chars().count();
                    let what = format_args!(
                        "a word of {count} characters among kubelet's flags is no flag: kubelet does not start"
                    );
                    findings.problem("not-a-flag", Some(place), what);
                }
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let value = flags.next_if(|next| !next.starts_with('-'));
                    (flag, value.unwrap_or_default().to_owned())
                }
            };
            let value = value.trim_matches(['"', '\'']);
            match name {
                "node-labels" => self.node_labels(value, place, findings),
                "register-with-taints" => {
                    self.register_with(
                        value.split(',').filter(|text| !text.is_empty()),
                        place,
                        findings,
                    );
                }
                "max-pods" if value.parse::<u32>().is_ok() => {
                    self.max_pods.add(value, &format!("{place}, --max-pods"))
                }
                "max-pods" => {
                    findings.problem("max-pods", Some(place), "--max-pods is not a number")
                }
                "cluster-dns" => self.cluster_dns.add(value, place),
                _ => {}
            }
        }
    }

    /// Takes a list of labels: `a=b,c=d`.
    pub(crate) fn node_labels(&mut self, list: &str, place: &str, findings: &mut Findings) {
        for label in list.split(',').filter(|label| !label.is_empty()) {
            match label.split_once('=') {
                Some((key, value)) => self.label(key.trim(), value.trim(), place, findings),
                None => {
                    let what = format_args!(
                        "the label {} has no value: kubelet does not start",
                        show::text(label)
                    );
                    findings.problem("label", Some(place), what);
                }
            }
        }
    }

    /// Takes a label.
    pub(crate) fn label(&mut self, key: &str, value: &str, place: &str, findings: &mut Findings) {
        if is_refused(key) {
            findings.problem(
                "label",
                Some(place),
                format_args!(
                    "kubelet may not set the label {}, and does not start",
                    show::text(key)
                ),
            );
        } else if !is_label(key, value) {
            findings.problem(
                "label",
                Some(place),
                format_args!(
                    "{}={} cannot be a label",
                    show::text(key),
                    show::text(value)
                ),
            );
        }
        self.labels
            .insert(key.to_owned(), (value.to_owned(), place.to_owned()));
    }

    /// Takes taints, which replace those of before.
    pub(crate) fn register_with<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        place: &str,
        findings: &mut Findings,
    ) {
        self.taints.clear();
        for text in texts {
            let (key_value, effect) = text.rsplit_once(':').unwrap_or((text, ""));
            let (key, value) = key_value.split_once('=').unwrap_or((key_value, ""));
            self.taint(key, value, effect, place, findings);
        }
    }

    /// Takes one more taint.
    pub(crate) fn taint(
        &mut self,
        key: &str,
        value: &str,
        effect: &str,
        place: &str,
        findings: &mut Findings,
    ) {
        if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute")
            && !effect.contains('$')
        {
            findings.problem(
                "taint",
                Some(place),
                format_args!(
                    "the taint {} has the effect {:?}, which is none of Kubernetes: kubelet does not start",
                    show::text(key),
                    show::text(effect)
                ),
            );
        }
        self.taints.push(Taint {
            key: show::text(key),
            value: show::text(value),
            effect: show::text(effect),
            from: show::text(place),
        });
    }

    /// The labels, by their keys.
    pub(crate) fn labels(&self) -> Vec<Label> {
        let labels = self.labels.iter().map(|(key, (value, place))| Label {
            key: show::text(key),
            value: show::text(value),
            from: show::text(place),
        });
        labels.collect()
    }

    /// The taints.
    pub(crate) fn taints(&self) -> &[Taint] {
        &self.taints
    }
}

/// Whether kubelet refuses to set a label on its own node (kubernetes/kubernetes,
/// cmd/kubelet/app/options/options.go and
/// staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go).
fn is_refused(key: &str) -> bool {
    const ALLOWED: [&str; 14] = [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.kubernetes.io/zone",
        "failure-domain.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "kubernetes.io/instance-type",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    ];
    let Some((namespace, _)) = key.split_once('/') else {
        return false;
    };
    let is_in = |domain: &str| namespace == domain || namespace.ends_with(&format!(".{domain}"));
    (is_in("kubernetes.io") || is_in("k8s.io"))
        && !is_in("kubelet.kubernetes.io")
        && !is_in("node.kubernetes.io")
        && !ALLOWED.contains(&key)
}

/// Whether a label has the form of one (Kubernetes documentation, "Labels and Selectors"). A value
/// that only the node knows may.
fn is_label(key: &str, value: &str) -> bool {
    let is_name = |text: &str, may_be_empty: bool| {
        let is_inner = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
        let is_outer = |one: char| one.is_ascii_alphanumeric();
        (text.is_empty() && may_be_empty)
            || (text.len() <= 63
                && text.chars().all(is_inner)
                && text.starts_with(is_outer)
                && text.ends_with(is_outer))
    };
    if key.contains('$') || value.contains('$') {
        return true;
    }
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let is_prefix = prefix.len() <= 253
        && prefix
            .chars()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || "-.".contains(one));
    is_prefix
        && prefix.is_empty() != key.contains('/')
        && is_name(name, false)
        && is_name(value, true)
}

#[cfg(test)]
#[path = "kubelet_tests.rs"]
mod tests;
