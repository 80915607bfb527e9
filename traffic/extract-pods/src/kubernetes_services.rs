//! Kubernetes Services, and the groups of pods that they select.
//!
//! The pods of a large cluster are read page by page and never held, so the Services are listed
//! before the pods, and each pod is then matched with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hookline_kubernetes::{Object, Reader, null_is_default};
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use tokio::time::Instant;

use crate::described::in_time;
use crate::error::Error;
use crate::grouping::{Group, Grouping};
use crate::objects::{Phase, Pod};
use crate::record::Reason;

/// A Service, with the fields that a record needs. All others are skipped.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// `metadata`
    pub metadata: Metadata,
    /// `spec`
    #[serde(default, deserialize_with = "null_is_default")]
    pub spec: Spec,
}

/// The metadata of a Service.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// The name. At one time it is unique in its namespace.
    pub name: String,
    /// The namespace. A Service selects pods of its own namespace only.
    pub namespace: String,
    /// The UID.
    pub uid: String,
    /// The annotations that tell of routing.
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: Annotations,
}

/// The annotations of a Service that tell of routing.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Annotations {
    /// `Auto` for Topology Aware Routing. The EndpointSlice controller then ignores
    /// `trafficDistribution`.
    #[serde(rename = "service.kubernetes.io/topology-mode")]
    pub topology_mode: Option<String>,
}

/// `spec` of a Service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type", default)]
    pub kind: Kind,
    /// `None`, as a text, if the Service is headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// The labels that its pods have.
    #[serde(default, deserialize_with = "null_is_default")]
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    #[serde(default, deserialize_with = "null_is_default")]
    pub ports: Vec<Port>,
    /// Which endpoints are preferred, such as `PreferClose`.
    pub traffic_distribution: Option<String>,
    /// `Cluster` or `Local`.
    pub internal_traffic_policy: Option<String>,
}

/// The type of a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum Kind {
    /// The default.
    #[default]
    ClusterIP,
    /// A port of each node, too.
    NodePort,
    /// A load balancer, too.
    LoadBalancer,
    /// A name in the DNS, and nothing else.
    ExternalName,
    /// A type that this code does not know.
    #[serde(other)]
    Unknown,
}

/// A port of a Service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// The Service's port.
    pub port: u16,
    /// The port of the pods, as a number or by its name. The same as `port` if it is missing.
    pub target_port: Option<IntOrString>,
    /// `TCP`, `UDP` or `SCTP`. `TCP` if it is missing.
    pub protocol: Option<String>,
    /// The name. A Service with one port needs none.
    pub name: Option<String>,
}

impl Object for Service {
    type Full = v1::Service;
}

impl Service {
    /// Whether a Service has no address of its own, so that its clients choose among the addresses
    /// of its pods (Kubernetes documentation, "Headless Services": kube-proxy does not handle them).
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.spec.cluster_ip.as_deref() == Some("None")
    }

    /// Its ports, each `PORT/PROTOCOL TARGET-PORT`, with a third part if it has a name.
    #[must_use]
    pub fn ports(&self) -> Vec<String> {
        self.spec.ports.iter().map(Port::text).collect()
    }

    /// Whether Kubernetes looks for its pods (API reference, `ServiceSpec`, `selector`: without one,
    /// someone else manages the endpoints; for an `ExternalName` it is ignored).
    fn selects_pods(&self) -> bool {
        !self.spec.selector.is_empty() && self.spec.kind != Kind::ExternalName
    }
}

impl Port {
    fn text(&self) -> String {
        let port = self.port;
        let protocol = self.protocol.as_deref().unwrap_or("TCP");
        let target = match &self.target_port {
            Some(IntOrString::Int(number)) => number.to_string(),
            Some(IntOrString::String(name)) => name.clone(),
            None => port.to_string(),
        };
        let name = self.name.as_deref().filter(|name| !name.is_empty());
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        format!("{port}/{protocol} {target}{name}")
    }
}

/// Lists the Services of all namespaces. At least half of the time until `until` is left for the
/// pods.
///
/// # Errors
/// Why there are none, after a warning, if the cluster refuses that or does not answer in time: nodes
/// and pods are of use without them.
pub(crate) async fn list(
    reader: &Reader,
    page_size: u32,
    until: Instant,
) -> Result<Vec<Service>, Reason> {
    let lost = "the listing has no Kubernetes Services, so what-to-do cannot name them";
    let now = Instant::now();
    let half = until.saturating_duration_since(now) / 2;
    in_time("list services", lost, now + half, all(reader, page_size)).await
}

async fn all(reader: &Reader, page_size: u32) -> Result<Vec<Service>, Error> {
    let mut services = Vec::new();
    let mut list = reader.list::<Service>(page_size);
    while let Some(page) = list.next_page().await? {
        services.extend(page);
    }
    Ok(services)
}

/// What a Service selects.
#[derive(Debug, Default)]
pub struct Selected {
    /// The groups of its pods, each `KIND/NAME`.
    pub groups: BTreeSet<String>,
    /// The controllers of its pods whose group is a label, each `GROUP-KIND/GROUP/KIND/NAME`. Other
    /// groups are their controller, or have none.
    pub controllers: BTreeSet<String>,
}

impl Selected {
    fn add(&mut self, pod: &Pod, grouping: &Grouping) {
        let group = grouping.group(pod);
        if group.kind == Group::LABEL
            && let Some(controller) = Group::of_controller(pod)
        {
            self.controllers.insert(format!("{group}/{controller}"));
        }
        self.groups.insert(group.to_string());
    }
}

/// Services, each with what it selects of the pods.
#[derive(Debug, Default)]
pub struct Selections {
    services: Vec<(Service, Selected)>,
    /// The positions of the Services in [`Selections::services`], by their namespace and by one
    /// label of their selector: most of a cluster's Services need no look at a pod.
    by_label: HashMap<String, HashMap<String, HashMap<String, Vec<usize>>>>,
}

impl Selections {
    /// These Services, before any pod. Those that select no pods are left out.
    #[must_use]
    pub fn new(services: Vec<Service>) -> Self {
        let mut selections = Self::default();
        for service in services.into_iter().filter(Service::selects_pods) {
            let Some((key, value)) = service.spec.selector.first_key_value() else {
                continue;
            };
            let in_namespace = selections
                .by_label
                .entry(service.metadata.namespace.clone())
                .or_default();
            let with_label = in_namespace.entry(key.clone()).or_default();
            let positions = with_label.entry(value.clone()).or_default();
            positions.push(selections.services.len());
            selections.services.push((service, Selected::default()));
        }
        selections
    }

    /// Adds the group of `pod`, and its controller, to each Service that selects it.
    ///
    /// Only pods that can be endpoints count: the EndpointSlice controller leaves out pods that have
    /// ended, and pods without an address.
    pub fn add(&mut self, pod: &Pod, grouping: &Grouping) {
        let has_ended = matches!(pod.status.phase, Phase::Succeeded | Phase::Failed);
        let Some(in_namespace) = self.by_label.get(&pod.metadata.namespace) else {
            return;
        };
        if has_ended || pod.ips().is_empty() {
            return;
        }
        let labels = &pod.metadata.labels;
        let candidates = labels
            .iter()
            .filter_map(|(key, value)| in_namespace.get(key)?.get(value))
            .flatten();
        for &position in candidates {
            let Some((service, selected)) = self.services.get_mut(position) else {
                continue;
            };
            let mut selector = service.spec.selector.iter();
            if selector.all(|(key, value)| labels.get(key) == Some(value)) {
                selected.add(pod, grouping);
            }
        }
    }

    /// The Services that have pods, each with what it selects.
    pub fn with_pods(&self) -> impl Iterator<Item = (&Service, &Selected)> {
        let services = self
            .services
            .iter()
            .map(|(service, selected)| (service, selected));
        services.filter(|(_, selected)| !selected.groups.is_empty())
    }
}

#[cfg(test)]
#[path = "kubernetes_services_tests.rs"]
mod tests;
