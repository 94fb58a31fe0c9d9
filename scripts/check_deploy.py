"""The examples in deploy/ against the schemas of Kubernetes, systemd and the program. Called by scripts/check-deploy."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict

import kubernetes_validate
import yaml

RINGSIDE = pathlib.Path(sys.argv[1]).resolve()
DEPLOY = pathlib.Path("deploy")
KUBERNETES = ["1.29", "1.37"]
# What a leader may wait for between SIGTERM and its end, in seconds: commits, a goodbye to clients, the handover.
HANDOVER_MAX = 15
NODES_PORT, ORDERS_PORT = 26500, 26400
# The exit codes that another start cannot mend.
FINAL_CODES = {"2", "3", "4", "5"}

wrong = []


def require(holds, what):
    if not holds:
        wrong.append(what)


def main():
    shared = objects((DEPLOY / "kubernetes/shared.yaml").read_text())
    partition = (DEPLOY / "kubernetes/partition-p0.yaml").read_text()
    first, second = objects(partition), objects(partition.replace("p0", "p1").replace("id = 0 ", "id = 1 ").replace("ids = [0] ", "ids = [0, 1] "))
    for thing in shared + first:
        check_schema(thing)
    if wrong:
        sys.exit("\n".join(wrong))
    common = {name_of(thing) for thing in first} & {name_of(thing) for thing in second}
    require(not common, f"two partitions share {common}")
    for things in (first, second):
        check_partition(by_kind(shared + things))
    check_kustomization()
    check_unit()
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"ok: {len(shared + first)} Kubernetes objects in {' and '.join(KUBERNETES)}, the unit, both configs")


def objects(text):
    return list(yaml.safe_load_all(text))


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def by_kind(things):
    kinds = defaultdict(list)
    for thing in things:
        kinds[thing["kind"]].append(thing)
    return kinds


def check_schema(thing):
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(step) for step in error.path)
            require(False, f"{name_of(thing)}: {place}: {error.message} (Kubernetes {version})")
        except kubernetes_validate.SchemaNotFoundError:
            require(False, f"{name_of(thing)}: no {thing['apiVersion']} in Kubernetes {version}")


def check_partition(kinds):
    """What schemas cannot say of a partition's objects."""
    [stateful], [budget], [settings], [policy] = (
        kinds[kind] for kind in ("StatefulSet", "PodDisruptionBudget", "ConfigMap", "NetworkPolicy"))
    name, spec = stateful["metadata"]["name"], stateful["spec"]
    pod = spec["template"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    [container] = pod["containers"]
    ports = {port["name"]: (port["containerPort"], port.get("protocol", "TCP")) for port in container["ports"]}

    require(spec["replicas"] == 3, f"{name}: two of three nodes are enough, so there are three")
    require(spec["podManagementPolicy"] == "Parallel", f"{name}: a node that cannot start keeps others from starting")
    require(spec["selector"]["matchLabels"] == labels, f"{name}: its selector is not its pods")
    require(pod["terminationGracePeriodSeconds"] > HANDOVER_MAX, f"{name}: killed before it has handed over")
    check_cpus(name, pod)
    check_affinity(name, pod, labels)
    check_rights(name, pod, container)

    probes = {kind: probe for kind, probe in container.items() if kind.endswith("Probe")}
    require("livenessProbe" not in probes and "readinessProbe" in probes, f"{name}: its probes are {list(probes)}")
    for kind, probe in probes.items():
        require(probe.get("tcpSocket", {}).get("port") == "nodes", f"{name}: {kind} would call a standby broken")

    require(budget["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": labels}},
            f"{name_of(budget)}: one of the pods of {name} at a time")
    require(policy["spec"]["podSelector"]["matchLabels"] == labels, f"{name_of(policy)}: not the pods of {name}")
    for rule in policy["spec"]["ingress"]:
        is_for_nodes = any(port["port"] == NODES_PORT for port in rule["ports"])
        others = rule.get("from") != [{"podSelector": {"matchLabels": labels}}]
        require(not (is_for_nodes and others), f"{name_of(policy)}: others can follow the journal")
    for service in kinds["Service"]:
        require(service["spec"]["selector"] == labels, f"{name_of(service)}: not the pods of {name}")
        for port in service["spec"]["ports"]:
            what = (port["port"], port.get("protocol", "TCP"))
            require(ports.get(port["name"]) == what, f"{name_of(service)}: no container listens on {what}")
    services = {service["metadata"]["name"]: service["spec"] for service in kinds["Service"]}
    governing = services.get(spec["serviceName"], {})
    require(governing.get("clusterIP") == "None" and governing.get("publishNotReadyAddresses") is True,
            f"{name}: its nodes do not find each other before they are ready")
    classes = {storage["metadata"]["name"] for storage in kinds["StorageClass"]}
    for claim in spec["volumeClaimTemplates"]:
        require(claim["spec"]["storageClassName"] in classes, f"{name}: there is no such storage class")
    spaces = {thing["metadata"]["name"] for thing in kinds["Namespace"]}
    for thing in (stateful, budget, settings, policy, *kinds["Service"]):
        require(thing["metadata"].get("namespace") in spaces, f"{name_of(thing)}: in no namespace of ours")
    check_pod_config(stateful, container, ports, settings)


def check_cpus(name, pod):
    """Guaranteed quality of service with whole CPUs, which the static CPU policy asks for."""
    for container in pod.get("initContainers", []) + pod["containers"]:
        resources = container.get("resources", {})
        requests, limits = resources.get("requests"), resources.get("limits")
        require(requests and requests == limits and {"cpu", "memory"} <= requests.keys(),
                f"{name}: {container['name']}: requests are not limits")
        require(str((requests or {}).get("cpu", "")).isdecimal(), f"{name}: {container['name']}: not whole CPUs")


def check_affinity(name, pod, labels):
    anti = pod.get("affinity", {}).get("podAntiAffinity", {})
    terms = anti.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    wanted = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    require(wanted in terms, f"{name}: two nodes may share a machine")


def check_rights(name, pod, container):
    security = container["securityContext"]
    require(security.get("readOnlyRootFilesystem") and security.get("allowPrivilegeEscalation") is False
            and security.get("capabilities") == {"drop": ["ALL"]} and pod["securityContext"].get("runAsNonRoot"),
            f"{name}: more rights than it needs")
    user = re.search(r"^USER (\d+)", (DEPLOY / "Dockerfile").read_text(), re.M)[1]
    require(int(user) == pod["securityContext"]["runAsUser"], f"{name}: not the user of the image")


def check_pod_config(stateful, container, ports, settings):
    """The config in the ConfigMap: accepted, and of the same names, ports and folders as the pods."""
    name, spec = stateful["metadata"]["name"], stateful["spec"]
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    config_file = container["args"][container["args"].index("--config") + 1]
    folder, file = os.path.split(config_file)
    require(mounts["config"] == folder and file in settings["data"]
            and volumes["config"]["configMap"]["name"] == settings["metadata"]["name"], f"{name}: no config in {config_file}")
    text = settings["data"][file]
    node = [entry for entry in container["env"] if entry["name"] == "RINGSIDE__CLUSTER__NODE"]
    require(node and node[0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name", f"{name}: nodes are not named as pods")
    check_config(name_of(settings), text, {"RINGSIDE__CLUSTER__NODE": f"{name}-0"})

    config = tomllib.loads(text)
    domain = f"{spec['serviceName']}.{stateful['metadata']['namespace']}.svc.cluster.local"
    pods = [f"{name}-{ordinal}" for ordinal in range(spec["replicas"])]
    wanted = [{"node": pod, "address": f"{pod}.{domain}:{NODES_PORT}"} for pod in pods]
    require(config["cluster"]["nodes"] == wanted, f"{name}: cluster.nodes are not its pods")
    for key, address in {"orders": config["gateway"]["listen"], "nodes": config["cluster"]["listen"],
                         "rerequest": config["feed"]["rerequest"], "glimpse": config["feed"]["glimpse"]}.items():
        require(address == f"0.0.0.0:{ports[key][0]}", f"{name}: {key}: {address} is not the container's port")
    number = int(name.removeprefix("ringside-p"))
    require(config["partition"]["id"] == number, f"{name}: two partitions must not have one record")
    port = config["gateway"]["listen"].split(":")[1]
    require(config["partition"]["addresses"] == [f"{pod}.{domain}:{port}" for pod in pods],
            f"{name}: partition.addresses are not its pods")
    [claim] = spec["volumeClaimTemplates"]
    require(is_below(config["journal"]["dir"], mounts[claim["metadata"]["name"]]), f"{name}: the journal is not on its volume")
    require(is_below(config["gateway"]["passwords"], mounts["passwords"]) and "secret" in volumes["passwords"],
            f"{name}: the passwords are not those of the Secret")


def is_below(path, folder):
    return pathlib.PurePath(path).is_relative_to(folder)


def check_kustomization():
    folder = DEPLOY / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    others = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    require(set(kustomization["resources"]) == others, f"kustomization.yaml: not all of {others}")


def check_config(what, text, settings):
    """Whether the program accepts a config."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        env = {key: value for key, value in os.environ.items() if not key.startswith("RINGSIDE_")} | settings
        done = subprocess.run([RINGSIDE, "config", "check", file.name], env=env, capture_output=True, text=True)
    require(done.returncode == 0, f"{what}: {done.stderr.strip()}")


def check_unit():
    folder = DEPLOY / "systemd"
    text, config = (folder / "ringside.service").read_text(), (folder / "ringside.toml").read_text()
    lines = (folder / "ringside.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    check_config("ringside.toml with ringside.env", config, settings)
    config = tomllib.loads(config)
    own = {"node": settings["RINGSIDE__CLUSTER__NODE"], "address": settings["RINGSIDE__CLUSTER__LISTEN"]}
    require(own in config["cluster"]["nodes"], f"ringside.env: {own} is none of cluster.nodes")

    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    require(int(unit["TimeoutStopSec"]) > HANDOVER_MAX, "ringside.service: killed before it has handed over")
    require(set(unit["RestartPreventExitStatus"].split()) == FINAL_CODES, "ringside.service: tries again what cannot be mended")
    require(is_below(config["journal"]["dir"], f"/var/lib/{unit['StateDirectory']}"), "ringside.service: cannot write its journal")
    require(unit.get("ProcSubset", "all") == "all", "ringside.service: a start of the machine would not be noticed")
    if not shutil.which("systemd-analyze"):
        print("SKIPPED: the unit for systemd: no systemd-analyze (Debian package systemd)", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as work:
        # Where the program will be there is none yet, and that is all that may be missing.
        file = pathlib.Path(work) / "ringside.service"
        program = unit["ExecStart"].split()[0]
        file.write_text(text.replace(f"ExecStart={program}", f"ExecStart={RINGSIDE}"))
        verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
        said = [line for line in verified.stderr.splitlines() if "ringside.service" in line]
        require(verified.returncode == 0 and not said, f"systemd-analyze verify: {verified.stderr}")
        exposed = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", file],
                                 capture_output=True, text=True)
        require(exposed.returncode == 0, f"systemd-analyze security: {exposed.stdout[-200:]}{exposed.stderr}")


main()
