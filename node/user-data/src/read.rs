//! User data from its bytes to its explanation.

use hookline_domain::profile::Profile;
use serde::Serialize;

use crate::bootstrap_script;
use crate::cloud_config::{CloudConfig, counts};
use crate::cluster::Origin;
use crate::decode::Encodings;
use crate::findings::{Finding, Findings, Severity};
use crate::fit;
use crate::gate::{self, Gate};
use crate::instance_types::NetworkLimits;
use crate::join::{self, Bootstrap, Join};
use crate::kind::{Kind, NODE_CONFIG};
use crate::limits::{Budget, Refusal};
use crate::node_config::{self, NodeConfig};
use crate::parts::{Document, Part, Reader};
use crate::shell::Shell;
use crate::walk;

/// What is known beside the user data.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where it is from.
    pub origin: Origin,
    /// The profile that it is to fit.
    pub profile: Option<&'a Profile>,
    /// The limits of the instance type.
    pub limits: Option<&'a NetworkLimits>,
}

/// What user data says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Its size, in bytes, as EC2 counts it.
    pub size: usize,
    /// The encodings around it, without the base64 of EC2's API.
    pub encodings: Encodings,
    /// Its parts.
    pub parts: Vec<Part>,
    /// How the node would join.
    pub join: Join,
    /// What holds kubelet back until the interfaces are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// What is to be said about it, the worst first.
    pub findings: Vec<Finding>,
}

impl Explanation {
    /// Whether the node does not join, or not as the user data says.
    pub fn has_problems(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Problem)
    }
}

/// Explains user data, raw or in base64.
///
/// # Errors
/// Returns why it is not read at all.
pub fn explain(input: &[u8], context: Context<'_>) -> Result<Explanation, Refusal> {
    let mut findings = Findings::default();
    let document = walk::read(input, &mut findings)?;
    let shell = run(&document, &mut findings)?;
    unread(&document, &mut findings);
    let configs = node_configs(&document, &shell, &mut findings);
    let part = |kind: Kind| document.parts.iter().find(|part| part.kind == kind);
    let has_node_config =
        part(Kind::NodeConfig).is_some() || !configs.is_empty() || !shell.nodeadm_calls.is_empty();
    if has_node_config && !shell.bootstrap_calls.is_empty() {
        let place = shell
            .bootstrap_calls
            .first()
            .map(|call| call.place.as_str());
        findings.problem(
            "two-bootstraps",
            place,
            "it calls bootstrap.sh and has a NodeConfig. Amazon Linux 2023 reads the NodeConfig, and its bootstrap.sh only ends with an \
             error; Amazon Linux 2 knows no NodeConfig",
        );
    }
    let origin = context.origin;
    let mut containers = Vec::new();
    let mut join = if part(Kind::Windows).is_some() {
        findings.warning(
            "windows",
            None,
            "it is for Windows, which is not supported: nothing else is looked at",
        );
        join::by_nothing(Bootstrap::Windows, origin, &mut findings)
    } else if let Some(part) = part(Kind::BottlerocketSettings) {
        let (join, found) = join::by_bottlerocket(&part.text, &part.place(), origin, &mut findings);
        containers = found;
        join
    } else if has_node_config {
        join::by_nodeadm(&configs, origin, &mut findings)
    } else if bootstrap_script::has_traces(&shell) {
        join::by_bootstrap_script(&shell, origin, &mut findings)
    } else {
        join::by_nothing(Bootstrap::None, origin, &mut findings)
    };
    if let Some(limits) = context.limits {
        join.compute_max_pods(limits, &mut findings);
    }
    let gate = gate::find(&shell, &containers);
    if let Some(profile) = context.profile {
        fit::check(profile, &join, gate.as_ref(), context.limits, &mut findings);
    }
    if shell.is_cut {
        findings.warning("cut", None, "its scripts are too long, or call one another without an end: some of them is not looked at");
    }
    Ok(Explanation {
        size: document.size,
        encodings: document.encodings,
        parts: document.parts,
        join,
        gate,
        findings: findings.into_sorted(),
    })
}

/// Follows what cloud-init runs, in its order: boothooks, `bootcmd`, `write_files`, scripts,
/// `runcmd`.
fn run(document: &Document, findings: &mut Findings) -> Result<Shell, Refusal> {
    let mut shell = Shell::default();
    let of_kind = |kind: Kind| {
        document
            .parts
            .iter()
            .filter(move |part| part.kind == kind && counts(part))
    };
    for part in of_kind(Kind::Boothook) {
        shell.run(&part.text, &part.place());
    }
    let mut config = CloudConfig::default();
    for part in of_kind(Kind::CloudConfig) {
        config.add(part, findings);
    }
    config.run_boot_commands(&mut shell);
    config.write_files(&mut shell, &mut Budget::new(), findings)?;
    for part in of_kind(Kind::ShellScript) {
        shell.run(&part.text, &part.place());
    }
    config.run_commands(&mut shell);
    Ok(shell)
}

/// Says which parts a program does not read that should.
fn unread(document: &Document, findings: &mut Findings) {
    let is_single = document.parts.len() == 1;
    let is_hidden = !document.encodings.cloud_init_decodes();
    let for_cloud_init = document
        .parts
        .iter()
        .filter(|part| part.kind.is_for_cloud_init())
        .count();
    if is_hidden && for_cloud_init > 0 {
        let names: Vec<_> = document.encodings.0.iter().map(|one| one.name()).collect();
        let by_nodeadm = match document.encodings.nodeadm_decodes() {
            true => "nodeadm does, so the node may join without what its scripts do",
            false => "neither does nodeadm",
        };
        findings.problem(
            "encoded-twice",
            None,
            format_args!(
                "cloud-init does not take off the encoding {}, and runs no script; {by_nodeadm}",
                names.join(" of ")
            ),
        );
    }
    for part in &document.parts {
        let place = part.place();
        let at = Some(place.as_str());
        let is_read = !part.read_by.is_empty();
        match part.kind {
            Kind::NodeConfig
                if !part.read_by.contains(&Reader::Nodeadm) && !document.nodeadm_fails =>
            {
                let why = if part.number.contains('.') {
                    "it is in a multipart that is itself a part, and nodeadm does not look there"
                        .to_owned()
                } else if part
                    .declared_type
                    .as_deref()
                    .is_some_and(|declared| declared != NODE_CONFIG)
                    || !is_single
                {
                    format!(
                        "nodeadm reads parts of the type {NODE_CONFIG} only, and takes off base64 and gzip once"
                    )
                } else {
                    "nodeadm does not find it behind these encodings or headers".to_owned()
                };
                findings.problem(
                    "not-read-by-nodeadm",
                    at,
                    format_args!("nodeadm does not read the NodeConfig: {why}"),
                );
            }
            Kind::BottlerocketSettings if !is_read => {
                findings.problem("not-read-by-bottlerocket", at, "Bottlerocket does not read it: it knows TOML and gzip, and neither MIME nor base64");
            }
            Kind::Unknown => {
                let what = "neither cloud-init, nodeadm nor Bottlerocket knows what it is";
                match is_single {
                    true => findings.problem("unknown-part", at, what),
                    false => findings.warning("unknown-part", at, what),
                }
            }
            kind if kind.is_for_cloud_init() && !is_read && !is_hidden => {
                findings.problem(
                    "not-read-by-cloud-init",
                    at,
                    format_args!("cloud-init does not find this {}", kind.name()),
                );
            }
            Kind::PartHandler => findings.note(
                "part-handler",
                at,
                "what it does with other parts is not looked at",
            ),
            _ => {}
        }
    }
}

/// The NodeConfigs that nodeadm reads, in the order in which it merges them: those of the user
/// data, then the files of `/etc/eks/nodeadm.d` by their names (awslabs/amazon-eks-ami,
/// templates/al2023/runtime/rootfs/etc/systemd/system/nodeadm-run.service and
/// nodeadm/internal/configprovider).
fn node_configs(document: &Document, shell: &Shell, findings: &mut Findings) -> Vec<NodeConfig> {
    let is_read = |part: &&Part| part.read_by.contains(&Reader::Nodeadm) && !document.nodeadm_fails;
    let read: Vec<Option<NodeConfig>> = document
        .parts
        .iter()
        .filter(is_read)
        .map(|part| node_config::read(&part.text, &part.place(), findings))
        .collect();
    let (count, found) = (read.len(), read.iter().flatten().count());
    if found < count && count > 1 {
        findings.problem(
            "all-dropped",
            None,
            "because nodeadm does not take one NodeConfig of the user data, it takes none of them",
        );
    }
    let mut configs: Vec<NodeConfig> = match found == count {
        true => read.into_iter().flatten().collect(),
        false => Vec::new(),
    };
    let is_drop_in = |path: &str| {
        let name = path
            .strip_prefix("/etc/eks/nodeadm.d/")
            .unwrap_or_default()
            .to_lowercase();
        !name.contains('/')
            && [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| name.ends_with(end))
    };
    let called = shell.nodeadm_calls.iter().flat_map(|call| &call.arguments);
    let called: Vec<&str> = called
        .filter_map(|word| word.rsplit_once("file://").map(|(_, path)| path))
        .collect();
    for (path, file) in &shell.files {
        if is_drop_in(path) || called.contains(&path.as_str()) {
            let place = format!("{}, {path}", file.place);
            configs.extend(node_config::read(&file.content, &place, findings));
        }
    }
    configs
}
