//! Cases of one rule each, written in the test.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use hookline_domain::profile::Profile;
use hookline_user_data::{
    Context, Explanation, MAX_DEPTH, MAX_PARTS, Origin, Reader, Refusal, explain,
};
use serde_json::json;

const NODE_CONFIG: &str = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n";
const CLUSTER: &str = "  cluster:\n    name: core\n";

fn explained(text: &str) -> Result<Explanation, Refusal> {
    let context = Context {
        origin: Origin::File,
        profile: None,
        limits: None,
    };
    explain(text.as_bytes(), context)
}

fn codes(explanation: &Explanation) -> Vec<&str> {
    let codes = explanation.findings.iter().map(|finding| finding.code);
    codes.collect()
}

/// A message of parts: content type and content.
fn message(parts: &[(&str, String)]) -> String {
    let parts = parts
        .iter()
        .map(|(kind, content)| format!("--B\nContent-Type: {kind}\n\n{content}\n"));
    let parts: String = parts.collect();
    format!("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n{parts}--B--\n")
}

#[test]
fn one_node_config_that_nodeadm_does_not_take_drops_all() {
    let parts = [
        (
            "application/node.eks.aws",
            format!("{NODE_CONFIG}{CLUSTER}"),
        ),
        (
            "application/node.eks.aws",
            format!("{NODE_CONFIG}  cluster: 7\n"),
        ),
    ];
    let found = explained(&message(&parts)).unwrap();
    assert_eq!(codes(&found), ["wrong-type", "all-dropped"]);
    assert_eq!(found.join.cluster, None);
}

#[test]
fn node_config_of_a_file_counts_if_nodeadm_is_called_with_it() {
    let script = |call: &str| {
        let text =
            format!("#!/bin/bash\ncat >/opt/x.yaml <<EOF\n{NODE_CONFIG}{CLUSTER}EOF\n{call}\n");
        explained(&text).unwrap().join.cluster
    };
    let cluster = script("nodeadm init --config-source file:///opt/x.yaml").unwrap();
    assert_eq!(
        (cluster.value.as_str(), cluster.from.as_str()),
        ("core", "part 1, /opt/x.yaml")
    );
    assert_eq!(script("true"), None);
}

#[test]
fn drop_ins_are_merged_by_their_names_after_the_user_data() {
    let drop_in = |name: &str, pods: u32| {
        format!(
            "cat >/etc/eks/nodeadm.d/{name} <<EOF\n{NODE_CONFIG}  kubelet:\n    config:\n      maxPods: {pods}\nEOF\n"
        )
    };
    let script = format!(
        "#!/bin/bash\n{}{}{}",
        drop_in("20-b.yml", 20),
        drop_in("10-a.YAML", 10),
        drop_in("30-c.conf", 30)
    );
    let parts = [
        ("text/x-shellscript", script),
        (
            "application/node.eks.aws",
            format!("{NODE_CONFIG}{CLUSTER}  kubelet:\n    config:\n      maxPods: 5\n"),
        ),
    ];
    let max_pods = explained(&message(&parts)).unwrap().join.max_pods.unwrap();
    let others: Vec<_> = max_pods
        .overrides
        .iter()
        .map(|one| one.value.as_str())
        .collect();
    assert_eq!((max_pods.value.as_str(), others), ("20", vec!["10", "5"]));
}

#[test]
fn more_than_ec2_takes_is_a_problem() {
    let found = explained(&format!("#!/bin/bash\n# {}\n", "x".repeat(17_000))).unwrap();
    assert_eq!(found.size, 17_015);
    assert!(codes(&found).contains(&"too-large"), "{:?}", found.findings);
}

#[test]
fn too_many_parts_are_refused() {
    let parts = |count: usize| {
        let parts = vec![("text/x-shellscript", "#!/bin/sh\n".to_owned()); count];
        explained(&message(&parts))
    };
    assert_eq!(parts(MAX_PARTS).unwrap().parts.len(), MAX_PARTS);
    assert_eq!(parts(MAX_PARTS + 1).unwrap_err(), Refusal::TooManyParts);
    let archive = format!(
        "#cloud-config-archive\n{}",
        "- '#!/bin/sh'\n".repeat(MAX_PARTS)
    );
    assert_eq!(explained(&archive).unwrap_err(), Refusal::TooManyParts);
}

#[test]
fn multiparts_in_multiparts_are_refused_past_the_depth() {
    let nested = |depth: usize| {
        let mut text = "--B0\n\n#!/bin/sh\n--B0--\n".to_owned();
        for level in 1..depth {
            let inner = level - 1;
            text = format!(
                "--B{level}\nContent-Type: multipart/mixed; boundary=B{inner}\n\n{text}--B{level}--\n"
            );
        }
        let last = depth - 1;
        explained(&format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B{last}\n\n{text}"
        ))
    };
    let found = nested(MAX_DEPTH).unwrap();
    assert_eq!(
        found.parts[0].number,
        "1.".repeat(MAX_DEPTH).trim_end_matches('.')
    );
    assert_eq!(found.parts[0].read_by, [Reader::CloudInit]);
    assert_eq!(nested(MAX_DEPTH + 1).unwrap_err(), Refusal::TooDeep);
}

#[test]
fn gate_of_a_file_needs_the_drop_in_of_kubelet() {
    let profile = json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "slots": [{"network": "n6", "subnetIds": ["subnet-0123456789abcdef0"], "securityGroupIds": ["sg-0123456789abcdef0"]}],
    });
    let profile = Profile::read(profile).unwrap();
    let check = |drop_in: &str| {
        let text = format!(
            "#cloud-config\nwrite_files:\n- path: /etc/hookline/node.json\n  content: '{{\"gate\":[{{\"network\":\"n6\",\"subnetIds\":[\"subnet-0123456789abcdef0\"]}}]}}'\n{drop_in}"
        );
        let context = Context {
            origin: Origin::TemplateWithoutImage,
            profile: Some(&profile),
            limits: None,
        };
        let found = explain(text.as_bytes(), context).unwrap();
        codes(&found)
            .iter()
            .map(|code| (*code).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(check(""), ["gate-without-drop-in", "eks-adds"]);
    let drop_in = "- path: /etc/systemd/system/kubelet.service.d/50-hookline.conf\n  content: ExecStartPre=/usr/local/libexec/hookline/hookline-gate\n";
    assert_eq!(check(drop_in), ["eks-adds"]);
}
