use serde_json::json;

use super::*;

fn given(act: impl FnOnce(&mut Kubelet, &mut Findings)) -> (Kubelet, Vec<&'static str>) {
    let (mut kubelet, mut findings) = (Kubelet::default(), Findings::default());
    act(&mut kubelet, &mut findings);
    let codes = findings
        .into_sorted()
        .iter()
        .map(|finding| finding.code)
        .collect();
    (kubelet, codes)
}

fn taints(kubelet: &Kubelet) -> Vec<String> {
    let taints = kubelet.taints().iter();
    taints
        .map(|taint| format!("{}={}:{}", taint.key, taint.value, taint.effect))
        .collect()
}

#[test]
fn labels_of_all_flags_count_and_taints_of_the_last() {
    let (kubelet, codes) = given(|kubelet, findings| {
        kubelet.configuration(
            &json!({"registerWithTaints": [{"key": "a", "effect": "NoExecute"}], "maxPods": 20}),
            "x",
            findings,
        );
        let flags = [
            "--node-labels=a=1,b=2",
            "--register-with-taints",
            "c=d:NoSchedule",
            "--node-labels=\"b=3\"",
        ];
        kubelet.flags(flags.into_iter(), "x", findings);
        kubelet.flags(
            ["--register-with-taints=e:PreferNoSchedule", "--max-pods=30"].into_iter(),
            "y",
            findings,
        );
    });
    assert_eq!(codes, [""; 0]);
    let labels: Vec<_> = kubelet
        .labels()
        .into_iter()
        .map(|label| (label.key, label.value))
        .collect();
    assert_eq!(
        labels,
        [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "3".to_owned())
        ]
    );
    assert_eq!(taints(&kubelet), ["e=:PreferNoSchedule"]);
    let max_pods = kubelet.max_pods.setting(show::text).unwrap();
    assert_eq!(
        (
            max_pods.value.as_str(),
            max_pods.overrides[0].value.as_str()
        ),
        ("30", "20")
    );
}

#[test]
fn label_that_kubelet_may_not_set_is_a_problem() {
    for label in [
        "node-role.kubernetes.io/worker=",
        "kubernetes.io/x=1",
        "x.k8s.io/y=1",
    ] {
        let (_, codes) = given(|kubelet, findings| kubelet.node_labels(label, "x", findings));
        assert_eq!(codes, ["label"], "{label}");
    }
    for label in [
        "node.kubernetes.io/lifecycle=spot",
        "topology.kubernetes.io/zone=a",
        "karpenter.k8s.aws/x=1",
        "a=$(…)",
        "a=",
    ] {
        let (_, codes) = given(|kubelet, findings| kubelet.node_labels(label, "x", findings));
        assert_eq!(codes, [""; 0], "{label}");
    }
}

#[test]
fn what_is_no_label_or_taint_is_a_problem() {
    for label in ["a", "a b=c", "a=b c", "/a=b", "a=-"] {
        let (_, codes) = given(|kubelet, findings| kubelet.node_labels(label, "x", findings));
        assert_eq!(codes, ["label"], "{label}");
    }
    for taint in ["a=b", "a:no-schedule"] {
        let (_, codes) =
            given(|kubelet, findings| kubelet.register_with([taint].into_iter(), "x", findings));
        assert_eq!(codes, ["taint"], "{taint}");
    }
}

#[test]
fn value_that_is_no_number_is_a_problem() {
    let (_, codes) = given(|kubelet, findings| {
        kubelet.configuration(&json!({"maxPods": "many"}), "x", findings);
        kubelet.flags(["--max-pods=many", "stray"].into_iter(), "y", findings);
    });
    assert_eq!(codes, ["max-pods", "max-pods", "not-a-flag"]);
}
