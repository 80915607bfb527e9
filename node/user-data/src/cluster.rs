//! The cluster that user data names, and what EKS adds where it names none.

use ipnet::IpNet;

use crate::findings::Findings;
use crate::setting::Candidates;
use crate::{decode, show};

/// Where user data is from: whether EKS adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file, of which nothing is known.
    File,
    /// A launch template with an image. EKS adds nothing to it.
    TemplateWithImage,
    /// A launch template without an image: of a managed node group. EKS adds how the node joins
    /// (EKS User Guide, "Customize managed nodes with launch templates").
    TemplateWithoutImage,
    /// An instance: all has been added.
    Instance,
}

/// The cluster, as it is said by any bootstrap.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) name: Candidates,
    pub(crate) endpoint: Candidates,
    pub(crate) certificate_authority: Candidates,
    pub(crate) service_cidr: Candidates,
}

/// Says what is missing.
pub(crate) fn missing(
    wanted: &[(&str, &Candidates)],
    who: &str,
    origin: Origin,
    findings: &mut Findings,
) {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(_, candidates)| candidates.winner().is_none())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return;
    }
    if missing.len() == wanted.len() {
        return eks_adds(
            "it does not say which cluster the node joins",
            origin,
            findings,
        );
    }
    let what = format_args!(
        "of the cluster, {} is missing, which {who} needs",
        missing.join(", ")
    )
    .to_string();
    match origin {
        Origin::TemplateWithoutImage => {
            findings.warning("missing", None, format_args!("{what}; EKS adds it"))
        }
        _ => findings.problem("missing", None, what),
    }
}

/// Says what EKS adds, or that it does not.
pub(crate) fn eks_adds(what: &str, origin: Origin, findings: &mut Findings) {
    match origin {
        Origin::File => findings.note(
            "eks-adds",
            None,
            format_args!("{what}. On a managed node group whose launch template has no image, EKS adds that; elsewhere the node does not join"),
        ),
        Origin::TemplateWithoutImage => findings.note(
            "eks-adds",
            None,
            format_args!("{what}. The launch template has no image, so EKS adds that"),
        ),
        Origin::TemplateWithImage => findings.problem(
            "missing",
            None,
            format_args!("{what}, and EKS adds nothing to a launch template with an image"),
        ),
        Origin::Instance => findings.problem("missing", None, what),
    }
}

impl Cluster {
    /// Says what cannot be right. What a variable holds that only the node knows is not looked at.
    pub(crate) fn check(&self, findings: &mut Findings) {
        let known = |candidates: &Candidates| {
            candidates
                .winner()
                .filter(|value| !value.contains('$'))
                .map(str::to_owned)
        };
        if let Some(endpoint) =
            known(&self.endpoint).filter(|endpoint| !endpoint.starts_with("https://"))
        {
            let shown = show::endpoint(&endpoint);
            findings.problem(
                "endpoint",
                None,
                format_args!("the API server {shown} does not begin with https://"),
            );
        }
        if let Some(certificate) = known(&self.certificate_authority) {
            let decoded = decode::base64(certificate.as_bytes()).unwrap_or_default();
            if !String::from_utf8_lossy(&decoded).contains("-----BEGIN CERTIFICATE-----") {
                let what = "the certificate authority is no certificate in base64: kubelet cannot trust the API server";
                findings.problem("certificate", None, what);
            }
        }
        if let Some(cidr) = known(&self.service_cidr).filter(|cidr| cidr.parse::<IpNet>().is_err())
        {
            findings.problem(
                "service-cidr",
                None,
                format_args!("the service CIDR {} is no CIDR block", show::text(&cidr)),
            );
        }
    }
}

/// The DNS server that nodeadm takes (awslabs/amazon-eks-ami, nodeadm/internal/api/net.go,
/// `GetClusterDns`).
pub(crate) fn dns_address(cidr: &str) -> Option<String> {
    match cidr.parse::<IpNet>().ok()? {
        IpNet::V4(_) => Some(format!("{}.10", cidr.rsplit_once('.')?.0)),
        IpNet::V6(_) => Some(format!("{}a", cidr.split('/').next()?)),
    }
}
