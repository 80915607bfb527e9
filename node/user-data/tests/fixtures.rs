//! User data as tools make it, and with faults: what is said about each.

// Tests may panic.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hookline_user_data::{Bootstrap, Context, Explanation, Origin, Refusal, Setting, explain};

const ENDPOINT: &str = "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com";
const AUTHORITY: &str = "444 bytes, SHA-256 3112ef6f…";
const BY_TYPE: &str = "by the instance type";

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn context(origin: Origin) -> Context<'static> {
    Context {
        origin,
        profile: None,
        limits: None,
    }
}

fn read(name: &str) -> Result<Explanation, Refusal> {
    let bytes = fs::read(folder("fixtures").join(name)).unwrap();
    explain(&bytes, context(Origin::File))
}

fn value(setting: &Option<Setting>) -> &str {
    setting.as_ref().map_or("", |setting| &setting.value)
}

fn codes(explanation: &Explanation) -> Vec<&str> {
    let codes = explanation.findings.iter().map(|finding| finding.code);
    codes.collect()
}

/// What is expected of a fixture.
struct Expected {
    name: &'static str,
    bootstrap: Bootstrap,
    cluster: &'static str,
    /// Whether the endpoint and the certificate authority are those of all fixtures.
    has_endpoint: bool,
    dns: &'static str,
    max_pods: &'static str,
    labels: &'static [&'static str],
    taints: &'static [&'static str],
    codes: &'static [&'static str],
}

#[rustfmt::skip]
const MADE_BY_TOOLS: &[Expected] = &[
    Expected { name: "eksctl-al2.cloud-config", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &["alpha.eksctl.io/cluster-name=core", "alpha.eksctl.io/instance-id=$(…)", "alpha.eksctl.io/nodegroup-name=self", "node-lifecycle=$(…)"], taints: &[], codes: &["ended"] },
    Expected { name: "eksctl-al2.base64", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &["alpha.eksctl.io/cluster-name=core", "alpha.eksctl.io/instance-id=$(…)", "alpha.eksctl.io/nodegroup-name=self", "node-lifecycle=$(…)"], taints: &[], codes: &["ended"] },
    Expected { name: "eksctl-ubuntu.cloud-config", bootstrap: Bootstrap::Ubuntu, cluster: "core", has_endpoint: false, dns: "10.100.0.10", max_pods: "40",
        labels: &["alpha.eksctl.io/cluster-name=core", "alpha.eksctl.io/instance-id=$(…)", "alpha.eksctl.io/nodegroup-name=self", "node-lifecycle=$(…)"], taints: &["multus=pending:NoSchedule"], codes: &[] },
    Expected { name: "eksctl-al2-managed.txt", bootstrap: Bootstrap::AmazonLinux2, cluster: "", has_endpoint: false, dns: "", max_pods: "20",
        labels: &[], taints: &[], codes: &["ended", "two-content-types", "eks-adds"] },
    Expected { name: "eksctl-al2023.base64", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: "40",
        labels: &["alpha.eksctl.io/cluster-name=core", "alpha.eksctl.io/nodegroup-name=self"], taints: &[], codes: &["two-content-types"] },
    Expected { name: "eksctl-bottlerocket.toml", bootstrap: Bootstrap::Bottlerocket, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &["alpha.eksctl.io/cluster-name=core", "alpha.eksctl.io/nodegroup-name=self"], taints: &["multus=pending:NoSchedule"], codes: &[] },
    Expected { name: "karpenter-al2.txt", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: "110",
        labels: &["karpenter.sh/capacity-type=on-demand", "karpenter.sh/nodepool=upf"], taints: &["karpenter.sh/unregistered=:NoExecute"], codes: &["ended"] },
    Expected { name: "karpenter-al2023.txt", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: "110",
        labels: &["karpenter.sh/capacity-type=on-demand", "karpenter.sh/nodepool=upf"], taints: &["karpenter.sh/unregistered=:NoExecute"], codes: &[] },
    Expected { name: "karpenter-bottlerocket.toml", bootstrap: Bootstrap::Bottlerocket, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: "110",
        labels: &["karpenter.sh/capacity-type=on-demand"], taints: &["karpenter.sh/unregistered=:NoExecute"], codes: &[] },
    Expected { name: "terraform-al2.sh", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: true, dns: "", max_pods: BY_TYPE,
        labels: &["node.kubernetes.io/lifecycle=spot"], taints: &[], codes: &["ended"] },
    Expected { name: "terraform-al2-managed.txt", bootstrap: Bootstrap::AmazonLinux2, cluster: "", has_endpoint: false, dns: "", max_pods: "110",
        labels: &[], taints: &[], codes: &["ended", "eks-adds"] },
    Expected { name: "terraform-al2023.txt", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &[] },
    Expected { name: "terraform-bottlerocket.toml", bootstrap: Bootstrap::Bottlerocket, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &[] },
    Expected { name: "cloudformation-al2.sh", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: false, dns: "", max_pods: "110",
        labels: &["role=upf"], taints: &[], codes: &["max-pods", "ended"] },
    Expected { name: "eks-managed-al2023.txt", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: "176",
        labels: &["eks.amazonaws.com/capacityType=ON_DEMAND", "eks.amazonaws.com/nodegroup=upf"], taints: &[], codes: &["expression-without-effect"] },
    Expected { name: "windows.ps1", bootstrap: Bootstrap::Windows, cluster: "", has_endpoint: false, dns: "", max_pods: "",
        labels: &[], taints: &[], codes: &["windows"] },
    Expected { name: "cloud-config-archive.txt", bootstrap: Bootstrap::AmazonLinux2, cluster: "core", has_endpoint: false, dns: "", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &["ended"] },
    Expected { name: "boothook-and-cloud-config.txt", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &["replaced-key"] },
    Expected { name: "encoded-parts.txt", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &[] },
    Expected { name: "node-config.yaml", bootstrap: Bootstrap::Nodeadm, cluster: "core", has_endpoint: true, dns: "10.100.0.10", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &[] },
    Expected { name: "include.txt", bootstrap: Bootstrap::None, cluster: "", has_endpoint: false, dns: "", max_pods: "",
        labels: &[], taints: &[], codes: &["include", "eks-adds"] },
    Expected { name: "jinja.txt", bootstrap: Bootstrap::AmazonLinux2, cluster: "{{", has_endpoint: false, dns: "", max_pods: BY_TYPE,
        labels: &[], taints: &[], codes: &["ended", "template"] },
];

/// The faults: their codes, the worst first, and whether nodeadm still gets the cluster's name.
#[rustfmt::skip]
const FAULTS: &[(&str, &[&str], &str)] = &[
    ("fault-encoded-twice.base64", &["encoded-twice"], "core"),
    ("fault-leading-line.txt", &["begins-with-space", "not-read-by-nodeadm", "not-read-by-cloud-init"], ""),
    ("fault-not-closed.txt", &["not-closed"], ""),
    ("fault-no-empty-line.txt", &["headers-not-closed"], ""),
    ("fault-no-mime-version.txt", &["no-mime-version", "not-read-by-cloud-init"], "core"),
    ("fault-nested.txt", &["not-read-by-nodeadm"], ""),
    ("fault-plain-type.txt", &["no-interpreter", "not-read-by-nodeadm"], ""),
    ("fault-two-documents.txt", &["second-document", "eks-adds"], ""),
    ("fault-node-config.txt", &["unknown-field", "label", "taint", "missing", "certificate", "service-cidr"], "core"),
    ("fault-two-bootstraps.txt", &["two-bootstraps"], "core"),
    ("fault-contradiction.txt", &["contradiction", "contradiction"], "edge"),
];

#[test]
fn user_data_of_tools_is_explained() {
    for expected in MADE_BY_TOOLS {
        let name = expected.name;
        let found = read(name).unwrap();
        let join = &found.join;
        assert_eq!(join.bootstrap, expected.bootstrap, "{name}");
        assert_eq!(value(&join.cluster), expected.cluster, "{name}");
        let (endpoint, authority) = match expected.has_endpoint {
            true => (ENDPOINT, AUTHORITY),
            false => ("", ""),
        };
        assert_eq!(value(&join.endpoint), endpoint, "{name}");
        assert_eq!(value(&join.certificate_authority), authority, "{name}");
        assert_eq!(value(&join.cluster_dns), expected.dns, "{name}");
        assert_eq!(value(&join.max_pods), expected.max_pods, "{name}");
        let labels = join
            .labels
            .iter()
            .map(|one| format!("{}={}", one.key, one.value));
        assert_eq!(labels.collect::<Vec<_>>(), expected.labels, "{name}");
        let taints = join.taints.iter();
        let taints = taints.map(|one| format!("{}={}:{}", one.key, one.value, one.effect));
        assert_eq!(taints.collect::<Vec<_>>(), expected.taints, "{name}");
        assert_eq!(
            codes(&found),
            expected.codes,
            "{name}: {:#?}",
            found.findings
        );
    }
}

#[test]
fn faults_are_told() {
    for (name, expected, cluster) in FAULTS {
        let found = read(name).unwrap();
        assert_eq!(codes(&found), *expected, "{name}: {:#?}", found.findings);
        assert_eq!(value(&found.join.cluster), *cluster, "{name}");
        assert_eq!(
            found.has_problems(),
            *name != "fault-contradiction.txt",
            "{name}"
        );
    }
}

#[test]
fn bomb_and_what_is_cut_off_are_refused_with_a_reason() {
    assert_eq!(read("fault-bomb.gz").unwrap_err(), Refusal::Bomb);
    assert_eq!(read("fault-cut.gz").unwrap_err(), Refusal::BrokenGzip);
}

/// Every file has its test.
#[test]
fn every_fixture_is_expected() {
    let names = fs::read_dir(folder("fixtures")).unwrap();
    let names: BTreeSet<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = MADE_BY_TOOLS.iter().map(|one| one.name);
    let faults = FAULTS.iter().map(|(name, ..)| *name);
    let others = ["fault-bomb.gz", "fault-cut.gz", "parts.json"];
    let expected: BTreeSet<String> = expected
        .chain(faults)
        .chain(others)
        .map(str::to_owned)
        .collect();
    assert_eq!(names, expected);
}

/// `node/tests/test_parts_of_user_data.py` holds the same file against cloud-init's own parser.
#[test]
fn parts_are_those_that_cloud_init_finds() {
    let listed = fs::read(folder("fixtures/parts.json")).unwrap();
    let listed: BTreeMap<String, Vec<String>> = serde_json::from_slice(&listed).unwrap();
    for (name, listed) in listed {
        let types = read(&name).unwrap().parts.into_iter();
        let types: Vec<String> = types.filter_map(|part| part.cloud_init_type).collect();
        if types.is_empty() {
            // Of user data whose parts cloud-init does not find, it makes one that nothing handles.
            assert!(
                matches!(listed.as_slice(), [one] if one == "text/plain" || one == "text/x-not-multipart"),
                "{name}: {listed:?}"
            );
        } else {
            assert_eq!(types, listed, "{name}");
        }
    }
}

#[test]
fn value_that_wins_names_those_that_do_not() {
    let found = read("eks-managed-al2023.txt").unwrap();
    let max_pods = found.join.max_pods.unwrap();
    assert_eq!(max_pods.from, "part 2, /etc/eks/nodeadm.d/50-hookline.yaml");
    let others: Vec<_> = max_pods
        .overrides
        .iter()
        .map(|one| (one.value.as_str(), one.from.as_str()))
        .collect();
    let expression = "((default_enis - 2) * (ips_per_eni - 1)) + 2";
    assert_eq!(
        others,
        [("234", "part 1"), (expression, "part 3, maxPodsExpression")]
    );
}

#[test]
fn what_eks_adds_depends_on_where_the_user_data_is_from() {
    let bytes = fs::read(folder("fixtures/eksctl-al2-managed.txt")).unwrap();
    let codes_of = |origin| {
        let found = explain(&bytes, context(origin)).unwrap();
        (found.has_problems(), codes(&found).contains(&"eks-adds"))
    };
    assert_eq!(codes_of(Origin::File), (false, true));
    assert_eq!(codes_of(Origin::TemplateWithoutImage), (false, true));
    assert_eq!(codes_of(Origin::TemplateWithImage), (true, false));
    assert_eq!(codes_of(Origin::Instance), (true, false));
}

#[test]
fn no_secret_is_in_an_explanation() {
    for name in MADE_BY_TOOLS.iter().map(|one| one.name) {
        let text = serde_json::to_string(&read(name).unwrap()).unwrap();
        for secret in ["LS0tLS1", "secret", "MIIC", "BEGIN"] {
            assert!(!text.contains(secret), "{name}: {secret} in {text}");
        }
    }
}
