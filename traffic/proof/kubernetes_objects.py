"""The cluster of a story as Kubernetes objects, as its API server lists them at a time. The real extract-pods reads them."""

from cluster import rfc3339

#: The hash of the pod template, in the name of a Deployment's ReplicaSet.
_HASH = "6f7c9d8b5"


def contents(cluster, at):
    """Nodes, pods and Services, in the format of `hookline-local --cluster NAME=FILE`."""
    return {
        "nodes": [_node(node) for node in cluster.nodes_at(at)],
        "pods": [_pod(pod, at) for pod in cluster.pods_at(at)],
        "services": [service.as_kubernetes_object(rfc3339(at)) for service in cluster.kubernetes_services],
    }


def _node(node):
    labels = {"kubernetes.io/hostname": node.name, "topology.kubernetes.io/zone": node.zone[0]}
    if node.zone_id_label:
        labels["topology.k8s.aws/zone-id"] = node.zone[1]
    # A Fargate node is not an instance: the last part of its provider ID is a name.
    provider = node.instance or node.name
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "uid": node.uid, "creationTimestamp": rfc3339(node.start), "labels": labels},
        "spec": {"providerID": f"aws:///{node.zone[0]}/{provider}"},
        "status": {"addresses": [{"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.name}]},
    }


def _pod(pod, at):
    labels, owner = _labels_and_owner(pod)
    state = {"running": {"startedAt": rfc3339(pod.holds())}}
    if pod.is_over(at):
        state = {"terminated": {"exitCode": 0, "startedAt": rfc3339(pod.holds()), "finishedAt": rfc3339(pod.end)}}
    elif pod.holds() > at:
        state = {"waiting": {"reason": "ContainerCreating"}}
    addresses = pod.addresses_at(at)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "uid": pod.uid,
            "creationTimestamp": rfc3339(pod.start),
            "labels": {**pod.labels(), **labels},
            "ownerReferences": [{"apiVersion": "v1", "uid": pod.uid, "controller": True, **owner}] if owner else [],
        },
        "spec": {"nodeName": pod.node.name, "hostNetwork": pod.host_network, "containers": [{"name": "main"}]},
        "status": {
            "phase": pod.phase_at(at),
            "startTime": rfc3339(pod.start),
            "podIP": addresses[0] if addresses else None,
            "podIPs": [{"ip": address} for address in addresses],
            "containerStatuses": [{"name": "main", "state": state}],
        },
    }


def _labels_and_owner(pod):
    """The labels and the owner by which extract-pods counts the pod under its group."""
    if pod.kind == "Label":
        return {"app": pod.group}, None if pod.controller is None else dict(zip(("kind", "name"), pod.controller))
    if pod.kind == "Namespace":
        return {}, None
    if pod.kind == "Deployment":
        return {"pod-template-hash": _HASH}, {"kind": "ReplicaSet", "name": f"{pod.group}-{_HASH}"}
    return {}, {"kind": pod.kind, "name": pod.group}
