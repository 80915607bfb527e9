//! NodeConfigs: read as nodeadm reads them, and merged as nodeadm merges them
//! (awslabs/amazon-eks-ami, nodeadm/internal/api/merge.go and types.go, with dario.cat/mergo,
//! `WithOverride`).

use serde_json::{Map, Value};

use crate::findings::Findings;
use crate::{show, yaml};

/// A NodeConfig, and where it is from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeConfig {
    /// As `part 2`, or a file.
    pub(crate) place: String,
    /// The fields that nodeadm knows.
    pub(crate) spec: Value,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
enum Type {
    Text,
    Base64,
    Bool,
    Texts,
    /// Any object.
    Free,
    /// An object whose values are of a type.
    Each(&'static Type),
    Fields(&'static [(&'static str, Type)]),
}

/// awslabs/amazon-eks-ami, nodeadm/api/v1alpha1/nodeconfig_types.go.
const SPEC: Type = Type::Fields(&[
    (
        "cluster",
        Type::Fields(&[
            ("name", Type::Text),
            ("apiServerEndpoint", Type::Text),
            ("certificateAuthority", Type::Base64),
            ("cidr", Type::Text),
            ("enableOutpost", Type::Bool),
            ("id", Type::Text),
        ]),
    ),
    (
        "containerd",
        Type::Fields(&[("config", Type::Text), ("baseRuntimeSpec", Type::Free)]),
    ),
    (
        "instance",
        Type::Fields(&[
            (
                "localStorage",
                Type::Fields(&[
                    ("strategy", Type::Text),
                    ("mountPath", Type::Text),
                    ("disabledMounts", Type::Texts),
                ]),
            ),
            ("environment", Type::Each(&Type::Each(&Type::Text))),
            (
                "network",
                Type::Fields(&[("nameservers", Type::Texts), ("domains", Type::Texts)]),
            ),
        ]),
    ),
    (
        "kubelet",
        Type::Fields(&[
            ("config", Type::Free),
            ("flags", Type::Texts),
            ("maxPodsExpression", Type::Text),
        ]),
    ),
    ("featureGates", Type::Each(&Type::Bool)),
]);

/// Reads a NodeConfig. `None` if nodeadm's decoder refuses it; the finding says why. `place` is
/// where it is.
pub(crate) fn read(text: &str, place: &str, findings: &mut Findings) -> Option<NodeConfig> {
    let mut refuse = |code, what: String| {
        findings.problem(code, Some(place), what);
        None
    };
    let yaml = match yaml::read(text) {
        Ok(yaml) => yaml,
        Err(error) => {
            return refuse(
                "not-yaml",
                format!(
                    "it is not YAML, at {}: nodeadm does not take it",
                    error.place
                ),
            );
        }
    };
    let field = |name: &str| {
        yaml.first
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (version, kind) = (field("apiVersion"), field("kind"));
    if version != "node.eks.aws/v1alpha1" || kind != "NodeConfig" {
        return refuse(
            "not-a-node-config",
            format!(
                "nodeadm takes apiVersion node.eks.aws/v1alpha1 and kind NodeConfig, and this has {:?} and {:?}",
                show::text(version),
                show::text(kind)
            ),
        );
    }
    if yaml.has_more {
        findings.problem(
            "second-document",
            Some(place),
            "it has more than one YAML document, and nodeadm reads the first only: make a part of each",
        );
    }
    if let Some(top) = yaml.first.as_object() {
        let known = ["apiVersion", "kind", "metadata", "spec"];
        for name in top.keys().filter(|name| !known.contains(&name.as_str())) {
            unknown(name, place, findings);
        }
    }
    let mut spec = yaml.first.get("spec").cloned().unwrap_or_default();
    if spec.is_null() {
        spec = Value::Object(Map::new());
    }
    match check(&mut spec, &SPEC, "spec", place, findings) {
        Ok(()) => Some(NodeConfig {
            place: place.to_owned(),
            spec,
        }),
        Err(what) => {
            findings.problem(
                "wrong-type",
                Some(place),
                format_args!("{what}: nodeadm does not take the NodeConfig"),
            );
            None
        }
    }
}

fn unknown(name: &str, place: &str, findings: &mut Findings) {
    findings.problem(
        "unknown-field",
        Some(place),
        format_args!(
            "nodeadm knows no field {}, and ignores it without a word",
            show::text(name)
        ),
    );
}

/// Takes out the fields that nodeadm does not know, and `null`. An error tells a field of a wrong
/// type.
fn check(
    value: &mut Value,
    wanted: &Type,
    path: &str,
    place: &str,
    findings: &mut Findings,
) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{} is not {what}", show::text(path)));
    match (wanted, value) {
        (Type::Text, Value::String(_))
        | (Type::Bool, Value::Bool(_))
        | (Type::Free, Value::Object(_)) => Ok(()),
        (Type::Base64, Value::String(text)) => {
            // encoding/json decodes []byte by base64.StdEncoding, which ignores line breaks.
            match crate::decode::base64(text.as_bytes()) {
                Some(_) => Ok(()),
                None => wrong("base64"),
            }
        }
        (Type::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => Ok(()),
        (Type::Each(wanted), Value::Object(fields)) => {
            fields.iter_mut().try_for_each(|(name, value)| {
                check(value, wanted, &format!("{path}.{name}"), place, findings)
            })
        }
        (Type::Fields(known), Value::Object(fields)) => {
            fields.retain(|name, value| {
                let is_known = known.iter().any(|(known, _)| known == name);
                if !is_known {
                    unknown(&format!("{path}.{name}"), place, findings);
                }
                is_known && !value.is_null()
            });
            for (name, wanted) in *known {
                if let Some(value) = fields.get_mut(*name) {
                    check(value, wanted, &format!("{path}.{name}"), place, findings)?;
                }
            }
            Ok(())
        }
        (Type::Text, _) => wrong("a string"),
        (Type::Base64, _) => wrong("base64"),
        (Type::Bool, _) => wrong("true or false"),
        (Type::Texts, _) => wrong("a list of strings"),
        (Type::Free | Type::Each(_) | Type::Fields(_), _) => wrong("an object"),
    }
}

/// Merges NodeConfigs, the first first.
pub(crate) fn merged(configs: &[NodeConfig]) -> Value {
    let mut merged = Value::Object(Map::new());
    for config in configs {
        merge_fields(&mut merged, &config.spec, "");
    }
    merged
}

/// Fields of structures: a later value wins unless it is empty, flags are appended, and documents
/// are merged as maps.
fn merge_fields(into: &mut Value, from: &Value, path: &str) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else {
        return;
    };
    for (name, later) in from {
        let path = format!("{path}.{name}");
        let earlier = into.entry(name.clone()).or_insert(Value::Null);
        match (path.as_str(), earlier.is_null()) {
            (_, true) => *earlier = later.clone(),
            (".kubelet.flags", _) => {
                if let (Some(earlier), Some(later)) = (earlier.as_array_mut(), later.as_array()) {
                    earlier.extend_from_slice(later);
                }
            }
            (
                ".kubelet.config"
                | ".containerd.baseRuntimeSpec"
                | ".instance.environment"
                | ".featureGates",
                _,
            ) => {
                merge_maps(earlier, later);
            }
            _ if later.is_object() => merge_fields(earlier, later, &path),
            _ if is_empty(later) => {}
            // nodeadm merges TOML texts of containerd; nothing here depends on how.
            _ => *earlier = later.clone(),
        }
    }
}

/// Maps: a later value wins, an empty one too; maps in them are merged, lists replaced.
fn merge_maps(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) => {
            for (name, later) in from {
                match into.get_mut(name) {
                    Some(earlier) if earlier.is_object() && later.is_object() => {
                        merge_maps(earlier, later)
                    }
                    Some(earlier) => *earlier = later.clone(),
                    None => {
                        into.insert(name.clone(), later.clone());
                    }
                }
            }
        }
        _ => *into = from.clone(),
    }
}

/// What Go calls a zero value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    }
}

#[cfg(test)]
#[path = "node_config_tests.rs"]
mod tests;
