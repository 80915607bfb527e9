"""Pods with more than one interface. Multus is not here: what it does with a definition is done as it does it.

A definition with a configuration gives it (`spec.config`). One without is the name of a configuration that the node has: Multus goes through
the files of its `confDir` in the order of their names, and takes the first with that name (k8snetworkplumbingwg/multus-cni,
docs/how-to-use.md). The plugin that the configuration names is then called by the CNI specification 1.0.0, "Execution Protocol".
"""

import json

#: Where Debian's containernetworking-plugins has the plugins.
PLUGINS = "/usr/lib/cni"
#: The default `cniConfDir` of the settings (docs/node.md).
FOLDER = "/etc/cni/net.d/hookline.d"


def configuration_of_node(node, name):
    """The configuration with this name that the node has written, or None."""
    for file in node.names(FOLDER):
        found = json.loads(node.read(f"{FOLDER}/{file}"))
        if found["name"] == name:
            return found
    return None


def configuration(node, definition):
    """The configuration of a NetworkAttachmentDefinition on a node, or None if the node has none."""
    if "spec" in definition:
        return json.loads(definition["spec"]["config"])
    return configuration_of_node(node, definition["metadata"]["name"])


def start(node, pod):
    """The network namespace of a new pod."""
    node.run("ip", "netns", "add", pod)


def inside(pod, *args):
    """The command that runs a program in the pod."""
    return ("ip", "netns", "exec", pod, *args)


def cni(node, command, conf, pod, interface="net1", previous=None, check=True):
    """Calls the plugin of a configuration. Returns its status and its result."""
    given = {**conf, **({"prevResult": previous} if previous else {})}
    done = node.run(f"{PLUGINS}/{conf['type']}", check=check, text=json.dumps(given), env={
        "CNI_COMMAND": command, "CNI_CONTAINERID": pod, "CNI_NETNS": f"/run/netns/{pod}", "CNI_IFNAME": interface, "CNI_PATH": PLUGINS})
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None
