"""Validates the Kubernetes manifests with Kubernetes' own schemas."""

import json
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

FOLDER = Path(__file__).resolve().parent.parent / "kubernetes"
NETWORKS = FOLDER.parents[1] / "node/tests/network-definitions.json"


def objects():
    for file in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            yield file.name, document


class Manifests(unittest.TestCase):
    def test_each_object_is_valid_in_every_version_of_eks(self):
        wanted = versions_of_eks()
        self.assertGreaterEqual(len(wanted), 3, wanted)
        for version in wanted:
            for name, document in [*objects(), *demo_of_networks()]:
                with self.subTest(version=version, file=name, object=document["metadata"]["name"]):
                    kubernetes_validate.validate(document, version, strict=True)

    def test_a_wrong_field_is_found(self):
        _, role = next(objects_of("ClusterRole"))
        role["rules"][0]["verb"] = ["get"]
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(role, kubernetes_validate.latest_version(), strict=True)

    def test_the_role_allows_only_to_read_nodes_pods_and_services_and_to_watch_pods(self):
        _, role = next(objects_of("ClusterRole"))
        rules = [(["nodes", "pods", "services"], ["get", "list"]), (["pods"], ["watch"])]
        self.assertEqual(role["rules"], [{"apiGroups": [""], "resources": resources, "verbs": verbs} for resources, verbs in rules])
        _, binding = next(objects_of("ClusterRoleBinding"))
        self.assertEqual(binding["roleRef"]["name"], role["metadata"]["name"])
        self.assertEqual([subject["kind"] for subject in binding["subjects"]], ["Group"])
        self.assertFalse(binding["subjects"][0]["name"].startswith("system:"), "EKS refuses such a group in an access entry")

    def test_the_demo_application_is_spread_over_zones(self):
        deployments = dict((document["metadata"]["name"], document) for _, document in objects_of("Deployment"))
        self.assertEqual(set(deployments), {"client", "server"})
        for deployment in deployments.values():
            spec = deployment["spec"]["template"]["spec"]
            (constraint,) = spec["topologySpreadConstraints"]
            self.assertEqual(constraint["topologyKey"], "topology.kubernetes.io/zone")
            self.assertEqual(constraint["labelSelector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"])
            self.assertEqual(deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]["metadata"]["labels"])


def demo_of_networks():
    """The demo application of node groups, as the CDK app makes it. It is checked here because the schemas are. Its definitions are not
    Kubernetes' own: node/tests checks them."""
    items = json.loads(NETWORKS.read_text(encoding="utf-8"))
    found = [(NETWORKS.name, item) for item in items if item["kind"] == "Deployment"]
    assert len(found) == 1, found
    return found


def versions_of_eks():
    """From the oldest version in extended support, as far as kubernetes-validate has the schemas."""
    known = sorted({version.rsplit(".", 1)[0] if version.count(".") > 1 else version for version in _versions()}, key=_number)
    return [version for version in known if _number(version) >= (1, 29)]


def objects_of(kind):
    return ((name, document) for name, document in objects() if document["kind"] == kind)


def _versions():
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    return [entry.name.removeprefix("v").split("-")[0] for entry in folder.iterdir() if entry.name.startswith("v")]


def _number(version):
    return tuple(int(part) for part in version.split(".")[:2])


if __name__ == "__main__":
    unittest.main()
