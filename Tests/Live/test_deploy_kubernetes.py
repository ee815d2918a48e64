"""The manifests: right by the schemas of Kubernetes, bound to each other, and a sidecar that cannot take its pod down.

Nothing is applied to a cluster here: schemas and kustomize say what a cluster would be told, not what it does.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import harness
from deployed import KUBERNETES, OVERLAYS, golden, manifests, one, pod_specs, rendered_by_kustomize

POD_LABELS = {"app.kubernetes.io/name": "tidemark"}
PAGE_BYTES = 4096


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_what_kustomize_makes_of_it(overlay: str) -> None:
    rendered = rendered_by_kustomize(overlay)
    kept = golden(overlay).read_text()
    # Where no kustomize is, the kept copy is what the other tests look at, and its sources are checked below.
    assert rendered is None or rendered == kept, f"kubectl kustomize .../{overlay} > {golden(overlay)}"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
def test_manifests_keep_the_schemas(overlay: str, version: str) -> None:
    for manifest in manifests(overlay):
        kubernetes_validate.validate(manifest, version, strict=True)


def named_files(kustomization: dict[str, Any]) -> list[str]:
    names = [*kustomization.get("resources", []), *kustomization.get("components", [])]
    names += [patch["path"] for patch in kustomization.get("patches", [])]
    return names + [f for g in kustomization.get("configMapGenerator", []) for f in g["files"]]


def test_every_file_is_named_and_every_name_is_a_file() -> None:
    named: set[Path] = set()
    kustomizations = sorted(KUBERNETES.rglob("kustomization.yaml"))
    assert len(kustomizations) == 4
    for path in kustomizations:
        for name in named_files(yaml.safe_load(path.read_text())):
            target = (path.parent / name).resolve()
            named.add(target / "kustomization.yaml" if target.is_dir() else target)
            assert target.exists(), f"{path}: {name}"
    roots = {KUBERNETES / "overlays" / overlay / "kustomization.yaml" for overlay in OVERLAYS}
    assert {path.resolve() for path in KUBERNETES.rglob("*.yaml")} == named | roots


# MARK: The sidecar


def sidecar() -> dict[str, Any]:
    pod = one("sidecar-example", "Deployment")["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["tidemark"], "it starts before the server"
    return dict(pod["initContainers"][0])


def test_nothing_of_the_sidecar_gates_serving() -> None:
    container = sidecar()
    assert container["restartPolicy"] == "Always"
    # A startup probe holds the other containers back, readiness counts for the pod's, preStop delays its end.
    assert not {"startupProbe", "readinessProbe", "lifecycle", "ports"} & set(container)
    probe = container["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120 and probe["timeoutSeconds"] >= 5
    assert container["imagePullPolicy"] == "IfNotPresent"
    pod = one("sidecar-example", "Deployment")["spec"]["template"]["spec"]
    assert not [v for v in pod["volumes"] if "secret" in v or "persistentVolumeClaim" in v], "may be missing"


def test_the_sidecar_leaves_quality_of_service_and_the_server_as_they_were() -> None:
    resources = sidecar()["resources"]
    assert resources["requests"] == resources["limits"], "a Guaranteed pod must stay one"
    source = yaml.safe_load((KUBERNETES / "overlays/sidecar-example/model-server.yaml").read_text())
    made = one("sidecar-example", "Deployment")
    assert made["spec"]["template"]["spec"]["containers"] == source["spec"]["template"]["spec"]["containers"]
    assert made["spec"]["template"]["metadata"] == source["spec"]["template"]["metadata"]


def test_the_sidecars_journal_cannot_get_its_pod_evicted() -> None:
    configuration = yaml.safe_load((KUBERNETES / "base-sidecar" / "tidemark.yaml").read_text())
    most = configuration["journal"]["maximum_pages"] * PAGE_BYTES
    pod = one("sidecar-example", "Deployment")["spec"]["template"]["spec"]
    state = next(v["emptyDir"] for v in pod["volumes"] if v["name"] == "tidemark-state")
    assert state["sizeLimit"] == "1Gi" and 4 * most <= 1 << 30
    assert "ephemeral-storage" not in str(sidecar()["resources"]), "beyond it the pod is evicted"


def test_the_server_finds_the_sidecars_sockets() -> None:
    configuration = yaml.safe_load((KUBERNETES / "base-sidecar" / "tidemark.yaml").read_text())
    pod = one("sidecar-example", "Deployment")["spec"]["template"]["spec"]
    server = pod["containers"][0]
    environment = {variable["name"]: variable["value"] for variable in server["env"]}
    assert environment["TIDEMARK_INGEST"] in configuration["sockets"]["ingest"]
    assert environment["TIDEMARK_OUTPUT"] in configuration["sockets"]["output"]
    shared = {"name": "tidemark-ipc", "mountPath": "/run/tidemark"}
    assert shared in server["volumeMounts"] and shared in sidecar()["volumeMounts"]
    user = pod["securityContext"]["runAsUser"]
    assert user == sidecar()["securityContext"]["runAsUser"], "the sockets are for their owner alone"


# MARK: The central service


def test_selectors_mean_the_pod_and_only_peers_get_in() -> None:
    def of(kind: str, name: str | None = None) -> dict[str, Any]:
        return dict(one("central-production", kind, name)["spec"])

    stateful = of("StatefulSet")
    assert stateful["template"]["metadata"]["labels"] == POD_LABELS == stateful["selector"]["matchLabels"]
    assert of("PodDisruptionBudget")["selector"]["matchLabels"] == POD_LABELS
    policy = of("NetworkPolicy", "tidemark")
    assert policy["podSelector"]["matchLabels"] == POD_LABELS
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"] == []
    for service in ("tidemark", "tidemark-headless"):
        assert of("Service", service)["selector"] == POD_LABELS
    admitted = {}
    for rule in policy["ingress"]:
        (peer,) = rule["from"]
        assert peer["namespaceSelector"]["matchLabels"] == {"tidemark/access": "true"}
        (label,) = peer["podSelector"]["matchLabels"].items()
        admitted[label] = {port["port"] for port in rule["ports"]}
    assert admitted == {
        ("tidemark/publisher", "true"): {"ingest", "reliable"},
        ("tidemark/consumer", "true"): {"output", "control"},
        ("app.kubernetes.io/name", "prometheus"): {"http"},
    }


def test_ports_of_container_services_and_configuration_agree() -> None:
    configuration = yaml.safe_load((KUBERNETES / "central" / "tidemark.yaml").read_text())
    listens = {name: int(urls[0].rsplit(":", 1)[1]) for name, urls in configuration["sockets"].items()}
    listens["http"] = int(configuration["http"]["listen"].rsplit(":", 1)[1])
    (container,) = one("central-production", "StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == listens
    service = one("central-production", "Service", "tidemark")["spec"]["ports"]
    assert {port["name"]: port["port"] for port in service} == listens
    assert all(port["targetPort"] == port["name"] for port in service)


def test_one_replica_with_a_volume_of_its_own() -> None:
    stateful = one("central-production", "StatefulSet")["spec"]
    assert stateful["replicas"] == 1
    (claim,) = stateful["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert claim["spec"]["storageClassName"] == "fast-ssd", "the overlay's patch"
    assert stateful["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    headless = one("central-production", "Service", stateful["serviceName"])["spec"]
    assert headless["clusterIP"] == "None" and headless["publishNotReadyAddresses"]
    budget = one("central-production", "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1, "a budget of none would make the node impossible to drain"


# MARK: Both


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_keep_the_restricted_standard(overlay: str) -> None:
    pods = list(pod_specs(overlay))
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        mounted = {v["name"] for c in [*pod["containers"], *pod.get("initContainers", [])] for v in c["volumeMounts"]}
        declared = {v["name"] for v in pod.get("volumes", [])} | ({"state"} if "serviceAccountName" in pod else set())
        assert mounted == declared
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_generated_configurations_are_mounted(overlay: str) -> None:
    (made,) = [m for m in manifests(overlay) if m["kind"] == "ConfigMap"]
    pods = list(pod_specs(overlay))
    used = [v["configMap"]["name"] for pod in pods for v in pod["volumes"] if "configMap" in v]
    assert used == [made["metadata"]["name"]], "kustomize puts the hash of the contents into both"
    assert list(made["data"]) == ["tidemark.yaml"]


def test_the_sidecars_configuration_is_right() -> None:
    ran = harness.run("check", "--config", KUBERNETES / "base-sidecar" / "tidemark.yaml")
    assert ran.code == 0, ran.err


def test_the_central_configuration_is_right(folder: Path) -> None:
    """With its Secrets beside it. Kubernetes gives their files to root and the pod's group; here they are the owner's."""
    text = (KUBERNETES / "central" / "tidemark.yaml").read_text()
    path = folder / "tidemark.yaml"
    path.write_text(text.replace("/etc/tidemark-", f"{folder}/"))
    for name in ("keys", "http"):
        (folder / name).mkdir()
    (folder / "http" / "token").write_text("0" * 64)
    (folder / "keys" / "clients.yaml").write_text("clients: []\n")
    made = harness.run("keygen", "--out", folder / "keys" / "server")
    for file in (*(folder / "http").iterdir(), *(folder / "keys").iterdir()):
        file.chmod(0o400)
    said = harness.run("check", "--config", path)
    if made.code == harness.USAGE:
        # A build that has no keys yet: that it does not know, and so refuses what is open to others; nothing else.
        wrong = re.findall(rf"^{path}:\d+: (\w+)", said.err, re.MULTILINE)
        assert sorted(set(wrong)) == ["security", "sockets"] and len(wrong) == 5, said.err
    else:
        assert (made.code, said.code) == (0, 0), made.said + said.err
