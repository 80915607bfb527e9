//! How the node would join its cluster.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::bootstrap_script;
use crate::bottlerocket;
use crate::cluster::{Cluster, Origin, dns_address, eks_adds, missing};
use crate::expression::{self, Pods};
use crate::findings::Findings;
use crate::instance_types::NetworkLimits;
use crate::kubelet::{Kubelet, Label, Taint};
use crate::node_config::{self, NodeConfig};
use crate::setting::{Candidates, Setting};
use crate::shell::Shell;
use crate::show;

/// The value of [`Join::max_pods`] where nothing sets it: the number that the operating system
/// takes for the instance type, which knows nothing of slots.
pub const BY_INSTANCE_TYPE: &str = "by the instance type";

/// What makes the node join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bootstrap {
    /// nodeadm, on Amazon Linux 2023.
    Nodeadm,
    /// `/etc/eks/bootstrap.sh`, on Amazon Linux 2.
    AmazonLinux2,
    /// `/etc/eks/bootstrap.sh`, on Ubuntu.
    Ubuntu,
    /// Bottlerocket.
    Bottlerocket,
    /// Windows, which is not supported.
    Windows,
    /// Nothing in the user data.
    None,
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodeadm => "nodeadm, on Amazon Linux 2023",
            Self::AmazonLinux2 => "/etc/eks/bootstrap.sh, on Amazon Linux 2",
            Self::Ubuntu => "/etc/eks/bootstrap.sh, on Ubuntu",
            Self::Bottlerocket => "Bottlerocket",
            Self::Windows => "Windows, which is not supported",
            Self::None => "nothing in the user data",
        })
    }
}

/// How the node would join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// What makes it join.
    pub bootstrap: Bootstrap,
    /// The cluster's name.
    pub cluster: Option<Setting>,
    /// The API server: scheme and host.
    pub endpoint: Option<Setting>,
    /// The certificate authority: its length and digest.
    pub certificate_authority: Option<Setting>,
    /// The CIDR block of services.
    pub service_cidr: Option<Setting>,
    /// The DNS server of pods.
    pub cluster_dns: Option<Setting>,
    /// kubelet's maxPods: a number, an expression, or [`BY_INSTANCE_TYPE`].
    pub max_pods: Option<Setting>,
    /// maxPods on the instance type, if an expression says it and the instance type is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pods_on_type: Option<u32>,
    /// The expression, if it says maxPods.
    #[serde(skip)]
    pub max_pods_expression: Option<String>,
    /// The labels.
    pub labels: Vec<Label>,
    /// The taints with which the node registers.
    pub taints: Vec<Taint>,
}

/// By nodeadm. Without any NodeConfig that it reads, the findings already say so.
pub(crate) fn by_nodeadm(configs: &[NodeConfig], origin: Origin, findings: &mut Findings) -> Join {
    let mut cluster = Cluster::default();
    let mut kubelet = Kubelet::default();
    let mut has_expression = None;
    for NodeConfig { place, spec } in configs {
        let field = |name: &str| {
            let value = spec.get("cluster").and_then(|cluster| cluster.get(name));
            value.and_then(Value::as_str).unwrap_or_default()
        };
        cluster.name.add(field("name"), place);
        cluster.endpoint.add(field("apiServerEndpoint"), place);
        cluster
            .certificate_authority
            .add(field("certificateAuthority"), place);
        cluster.service_cidr.add(field("cidr"), place);
        let expression = spec
            .pointer("/kubelet/maxPodsExpression")
            .and_then(Value::as_str);
        if let Some(expression) = expression.filter(|text| !text.is_empty()) {
            kubelet
                .max_pods
                .add(expression, &format!("{place}, maxPodsExpression"));
            has_expression = Some(place);
        }
    }
    let before = kubelet.max_pods.clone();
    for NodeConfig { place, spec } in configs {
        if let Some(config) = spec.pointer("/kubelet/config") {
            kubelet.configuration(config, place, findings);
        }
    }
    for NodeConfig { place, spec } in configs {
        let flags = spec.pointer("/kubelet/flags").and_then(Value::as_array);
        let flags = flags.into_iter().flatten().filter_map(Value::as_str);
        kubelet.flags(flags, place, findings);
    }
    if let Some(place) = has_expression.filter(|_| before.winner() != kubelet.max_pods.winner()) {
        findings.warning(
            "expression-without-effect",
            Some(place),
            "maxPodsExpression has no effect on maxPods, because maxPods is set, too; it still decides what kubelet reserves",
        );
    }
    let expression = before
        .winner()
        .filter(|_| before.winner() == kubelet.max_pods.winner());
    let expression = expression.map(str::to_owned);
    if let (Some(expression), Some(place)) = (&expression, has_expression)
        && let Some(mistake) = expression::mistake(expression)
    {
        findings.problem(
            "max-pods-expression",
            Some(place),
            format_args!("nodeadm does not take maxPodsExpression, and maxPods is that of the instance type: {mistake}"),
        );
    }
    let merged = node_config::merged(configs);
    let is_outpost = merged.pointer("/cluster/enableOutpost") == Some(&Value::Bool(true));
    if is_outpost
        && merged
            .pointer("/cluster/id")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    {
        findings.problem(
            "missing",
            None,
            "enableOutpost is set and cluster.id is missing: nodeadm ends with an error",
        );
    }
    let wanted = [
        ("name", &cluster.name),
        ("apiServerEndpoint", &cluster.endpoint),
        ("certificateAuthority", &cluster.certificate_authority),
        ("cidr", &cluster.service_cidr),
    ];
    if !configs.is_empty() {
        missing(&wanted, "nodeadm", origin, findings);
    }
    let mut join = join(Bootstrap::Nodeadm, &cluster, &kubelet, findings);
    if configs.is_empty() {
        join.max_pods = None;
    }
    join.max_pods_expression = expression;
    join
}

impl Join {
    /// Computes what the expression of maxPods says on an instance type.
    pub(crate) fn compute_max_pods(&mut self, limits: &NetworkLimits, findings: &mut Findings) {
        let Some(expression) = &self.max_pods_expression else {
            return;
        };
        let from = self.max_pods.as_ref().map(|setting| setting.from.as_str());
        self.max_pods_on_type = match expression::pods(expression, limits.variables()) {
            Pods::Computed(pods) => Some(pods),
            Pods::Standard { pods, why } => {
                if expression::mistake(expression).is_none() {
                    findings.problem(
                        "max-pods-expression",
                        from,
                        format_args!("on {}, nodeadm does not take it, and maxPods is {pods}, that of the instance type: {why}", limits.name),
                    );
                }
                Some(pods)
            }
            Pods::NotFollowed => {
                let what = "it has more of CEL than is followed here: maxPods is not compared";
                findings.note("max-pods-expression", from, what);
                None
            }
        };
    }
}

/// By bootstrap.sh.
pub(crate) fn by_bootstrap_script(shell: &Shell, origin: Origin, findings: &mut Findings) -> Join {
    let mut kubelet = Kubelet::default();
    let said = bootstrap_script::read(shell, &mut kubelet, findings);
    let is_ubuntu = shell.has_snap
        || shell
            .files
            .keys()
            .any(|path| path.ends_with("bootstrap.ubuntu.sh"));
    if !is_ubuntu {
        findings.warning(
            "ended",
            None,
            "Amazon Linux 2 has ended: EKS publishes no AMIs of it since 2025-11-26, and none for Kubernetes 1.33 and later. \
             Amazon Linux 2023 has no bootstrap.sh: write a NodeConfig",
        );
    }
    let place = shell.bootstrap_calls.last().map(|call| call.place.as_str());
    if said.endpoint.winner().is_some() != said.certificate_authority.winner().is_some() {
        findings.warning(
            "half-of-a-pair",
            place,
            "--apiserver-endpoint and --b64-cluster-ca count together only: bootstrap.sh asks EKS for both",
        );
    }
    if shell.bootstrap_calls.is_empty() {
        eks_adds("it does not call bootstrap.sh", origin, findings);
    }
    let cluster = Cluster {
        name: said.cluster,
        endpoint: said.endpoint,
        certificate_authority: said.certificate_authority,
        service_cidr: said.service_cidr,
    };
    let bootstrap = match is_ubuntu {
        true => Bootstrap::Ubuntu,
        false => Bootstrap::AmazonLinux2,
    };
    join(bootstrap, &cluster, &kubelet, findings)
}

/// By Bottlerocket. Its containers with user data, too.
pub(crate) fn by_bottlerocket(
    text: &str,
    place: &str,
    origin: Origin,
    findings: &mut Findings,
) -> (Join, Vec<(String, String)>) {
    let mut kubelet = Kubelet::default();
    let said = bottlerocket::read(text, place, &mut kubelet, findings);
    let is_read = said.is_some();
    let said = said.unwrap_or_default();
    let cluster = Cluster {
        name: said.cluster,
        endpoint: said.endpoint,
        certificate_authority: said.certificate_authority,
        service_cidr: Candidates::default(),
    };
    if is_read {
        let wanted = [
            ("cluster-name", &cluster.name),
            ("api-server", &cluster.endpoint),
            ("cluster-certificate", &cluster.certificate_authority),
        ];
        missing(&wanted, "Bottlerocket", origin, findings);
    }
    let join = join(Bootstrap::Bottlerocket, &cluster, &kubelet, findings);
    (join, said.bootstrap_containers)
}

/// By nothing that is known here.
pub(crate) fn by_nothing(bootstrap: Bootstrap, origin: Origin, findings: &mut Findings) -> Join {
    if bootstrap == Bootstrap::None {
        eks_adds("it does not say how the node joins", origin, findings);
    }
    join(
        bootstrap,
        &Cluster::default(),
        &Kubelet::default(),
        findings,
    )
}

fn join(
    bootstrap: Bootstrap,
    cluster: &Cluster,
    kubelet: &Kubelet,
    findings: &mut Findings,
) -> Join {
    for (what, candidates, shown) in [
        ("name", &cluster.name, show::text as fn(&str) -> String),
        ("API server", &cluster.endpoint, show::endpoint),
        (
            "certificate authority",
            &cluster.certificate_authority,
            show::certificate,
        ),
        ("service CIDR", &cluster.service_cidr, show::text),
    ] {
        if let Some(setting) = candidates.setting(shown).filter(|_| candidates.differ()) {
            let from = &setting.from;
            findings.warning(
                "contradiction",
                None,
                format_args!(
                    "the cluster's {what} is said in different ways; that of {from} counts"
                ),
            );
        }
    }
    cluster.check(findings);
    let mut max_pods = kubelet.max_pods.setting(show::text);
    let mut cluster_dns = kubelet.cluster_dns.setting(show::text);
    let by = |from: &str, value: &str| Setting {
        value: value.to_owned(),
        from: from.to_owned(),
        overrides: Vec::new(),
    };
    if !matches!(bootstrap, Bootstrap::None | Bootstrap::Windows) {
        max_pods = max_pods.or_else(|| Some(by("its operating system", BY_INSTANCE_TYPE)));
    }
    if bootstrap == Bootstrap::Nodeadm && cluster_dns.is_none() {
        let address = cluster.service_cidr.winner().and_then(dns_address);
        cluster_dns = address.map(|address| by("the service CIDR", &address));
    }
    Join {
        bootstrap,
        cluster: cluster.name.setting(show::text),
        endpoint: cluster.endpoint.setting(show::endpoint),
        certificate_authority: cluster.certificate_authority.setting(show::certificate),
        service_cidr: cluster.service_cidr.setting(show::text),
        cluster_dns,
        max_pods,
        max_pods_on_type: None,
        max_pods_expression: None,
        labels: kubelet.labels(),
        taints: kubelet.taints().to_vec(),
    }
}
