use serde_json::json;

use super::*;

fn config(spec: Value) -> NodeConfig {
    NodeConfig {
        place: "part 1".to_owned(),
        spec,
    }
}

fn codes(spec: &str) -> (Option<Value>, Vec<&'static str>) {
    let text = format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n{spec}");
    let mut findings = Findings::default();
    let read = read(&text, "part 1", &mut findings);
    let codes = findings
        .into_sorted()
        .iter()
        .map(|finding| finding.code)
        .collect();
    (read.map(|config| config.spec), codes)
}

/// nodeadm/internal/api/merge_test.go has these cases.
#[test]
fn later_node_config_wins_and_flags_are_appended() {
    let first = json!({
        "cluster": {"name": "a", "cidr": "10.100.0.0/16"},
        "kubelet": {"config": {"maxPods": 234, "podsPerCore": 20, "eviction": {"x": "1", "y": "2"}, "list": [1, 2]}, "flags": ["--a=1"]},
    });
    let second = json!({
        "cluster": {"name": "b", "cidr": ""},
        "kubelet": {"config": {"maxPods": 0, "eviction": {"y": "3"}, "list": []}, "flags": ["--a=2"]},
    });
    assert_eq!(
        merged(&[config(first), config(second)]),
        json!({
            "cluster": {"name": "b", "cidr": "10.100.0.0/16"},
            "kubelet": {
                // In a document an empty value wins, too; in a field it does not.
                "config": {"maxPods": 0, "podsPerCore": 20, "eviction": {"x": "1", "y": "3"}, "list": []},
                "flags": ["--a=1", "--a=2"],
            },
        })
    );
}

#[test]
fn false_does_not_win_over_true() {
    let outpost = |on: bool| config(json!({"cluster": {"enableOutpost": on}}));
    assert_eq!(
        merged(&[outpost(true), outpost(false)]),
        json!({"cluster": {"enableOutpost": true}})
    );
}

#[test]
fn unknown_field_is_told_and_taken_out() {
    let (spec, codes) = codes("  cluster:\n    name: core\n    clusterEndpoint: https://x\n");
    assert_eq!(spec.unwrap(), json!({"cluster": {"name": "core"}}));
    assert_eq!(codes, ["unknown-field"]);
}

#[test]
fn field_of_a_wrong_type_is_refused() {
    for spec in [
        "  cluster:\n    name: 7\n",
        "  cluster:\n    certificateAuthority: no-base64\n",
        "  cluster: []\n",
        "  kubelet:\n    flags: --a=1\n",
        "  kubelet:\n    flags: [1]\n",
        "  featureGates:\n    InstanceIdNodeName: \"yes\"\n",
    ] {
        assert_eq!(codes(spec), (None, vec!["wrong-type"]), "{spec}");
    }
}

#[test]
fn document_after_the_first_is_told() {
    let (spec, codes) = codes(
        "  cluster:\n    name: core\n---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n",
    );
    assert_eq!(spec.unwrap(), json!({"cluster": {"name": "core"}}));
    assert_eq!(codes, ["second-document"]);
}

#[test]
fn other_kind_is_refused() {
    let mut findings = Findings::default();
    let text = "apiVersion: node.eks.aws/v1\nkind: NodeConfig\n";
    assert_eq!(read(text, "part 1", &mut findings), None);
    assert_eq!(findings.into_sorted()[0].code, "not-a-node-config");
}
