"""The Kubernetes Services of a generated cluster: what selects its pods, and what only looks as if it did.

This module does not know extract-pods. Which pods a Service selects follows the API reference (ServiceSpec): those of its namespace that have all
labels of its selector. Without a selector, or with the type ExternalName, it selects none. A pod that has ended, or has no address, is no endpoint
(Kubernetes documentation, "EndpointSlices").
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class KubernetesService:
    """A Service. `ports`: port, protocol, target port, and name or None, of each."""

    namespace: str
    name: str
    selector: dict = field(hash=False)
    ports: tuple = ((80, "TCP", 8080, "http"),)
    type: str = "ClusterIP"
    headless: bool = False
    distribution: str | None = None
    internal: str | None = "Cluster"
    topology_mode: str | None = None

    @property
    def uid(self):
        return f"service-{self.namespace}-{self.name}"

    def selects(self, pod):
        """Whether the pod is one of its own, while it can be an endpoint."""
        if not self.selector or self.type == "ExternalName" or pod.namespace != self.namespace:
            return False
        return self.selector.items() <= pod.labels().items()

    def line(self, cluster, groups, observed_at, controllers=()):
        """The line that extract-pods writes of it, if it selects pods of these groups: (kind, name) of each.

        `controllers`: those of the pods whose group is a label, (kind and name of the group, kind, name) of each.
        """
        return {
            "kind": "service",
            "cluster": cluster,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "service_type": self.type,
            "headless": self.headless,
            "ports": [" ".join(filter(None, (f"{port}/{protocol}", str(target), name))) for port, protocol, target, name in self.ports],
            "traffic_distribution": self.distribution,
            "internal_traffic_policy": self.internal,
            "topology_mode": self.topology_mode,
            "selected_groups": sorted(f"{kind}/{name}" for kind, name in groups),
            "selected_controllers": sorted("/".join(parts) for parts in controllers),
            "observed_at": observed_at,
        }

    def as_kubernetes_object(self, at):
        """It as its API server lists it (API reference, v1 Service)."""
        annotations = {} if self.topology_mode is None else {"service.kubernetes.io/topology-mode": self.topology_mode}
        spec = {"type": self.type, "sessionAffinity": "None", "selector": self.selector or None}
        if self.type == "ExternalName":
            spec["externalName"] = f"{self.name}.example.com"
        else:
            address = "None" if self.headless else "172.20.0.80"
            spec.update(clusterIP=address, clusterIPs=[address], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy=self.internal)
            spec["ports"] = [
                {"port": port, "protocol": protocol, "targetPort": target, **({"name": name} if name else {})} for port, protocol, target, name in self.ports
            ]
        if self.distribution is not None:
            spec["trafficDistribution"] = self.distribution
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": self.name, "namespace": self.namespace, "uid": self.uid, "creationTimestamp": at, "annotations": annotations,
            },
            "spec": spec,
            "status": {"loadBalancer": {}},
        }


def missing_line(cluster, phase, observed_at):
    """The line that extract-pods writes if it could not list the Services of a cluster."""
    return {"kind": "missing", "cluster": cluster, "name": "services", "phase": phase, "observed_at": observed_at}


#: The Services of a generated cluster. Not each story has pods for all of them.
SERVICES = [
    KubernetesService("shop", "cart", {"component": "cart"}),
    # It selects two groups, and one of them is that of another Service.
    KubernetesService("shop", "front", {"tier": "front"}, ((443, "TCP", "https", "https"), (80, "TCP", 8080, "http")), type="LoadBalancer", distribution="PreferClose"),
    KubernetesService("shop", "search", {"component": "search"}, ((53, "UDP", 53, None),), distribution="PreferSameZone"),
    KubernetesService("shop", "search-peers", {"component": "search"}, headless=True),
    KubernetesService("shop", "search-old", {"component": "search"}, topology_mode="Auto"),
    KubernetesService("data", "db", {"component": "db"}, headless=True),
    KubernetesService("logging", "sink", {"component": "sink"}, internal="Local"),
    # These select no pods.
    KubernetesService("shop", "partner", {"component": "cart"}, type="ExternalName"),
    KubernetesService("shop", "by-hand", {}),
    KubernetesService("shop", "nobody", {"component": "nobody"}),
    KubernetesService("data", "cart", {"component": "cart"}),
]
