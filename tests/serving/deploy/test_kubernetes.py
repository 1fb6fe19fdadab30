"""Every field of the manifests is expected; their own tools take them."""

import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from serving.deploy.generate import deployment_files
from serving.deploy.kubernetes import kubernetes_files
from tests.serving.deploy.conftest import differences, expected_leaves, leaves

SHA = "registry.example/serving@sha256:" + "a1" * 32
AWS = "amazon/aws-cli@sha256:" + "b2" * 32
POD = "base/deployment.yaml:spec.template.spec"
SERVER = f"{POD}.containers.0"
PVC, GS = {"model_source": "pvc:models"}, {"model_source": "gs://bucket/models"}
S3 = {"model_source": "s3://bucket/models", "fetch_image": AWS}
IMAGE = {"model_source": f"image:{SHA}"}
TPU = {"accelerator": "tpu", "image": SHA}
VARIANTS = {
    "first": PVC,
    "release": PVC | {"from_version": 6},
    "gpu": PVC | {"accelerator": "gpu"},
    "tpu": GS | TPU,
    "gs": GS,
    "s3": S3 | {"from_version": 6},
    "image": IMAGE | {"from_version": 6},
}


@pytest.fixture
def fields(plan_of):
    def of(**options):
        found = {}
        for file in kubernetes_files(plan_of("kubernetes", **options)):
            if file.path.endswith(".yaml"):
                document = yaml.safe_load(file.text)
                found |= {f"{file.path}:{k}": v for k, v in leaves(document).items()}
        return found

    return of


def test_every_field_is_expected(fields, plan_of):
    plan = plan_of("kubernetes", **PVC)
    assert fields(**PVC, from_version=6) == expected_leaves(
        "kubernetes", digest=plan.bundle_digest
    )


def test_a_first_release_has_one_step(fields):
    gone = differences(fields(**PVC, from_version=6), fields(**PVC))
    assert set(gone.values()) == {None}
    assert {path.partition("/")[0] for path in gone} == {"2-canary", "3-stable"}


def test_replicas_are_the_autoscalers(fields):
    asked = fields(**PVC, min_replicas=3, max_replicas=5)
    assert differences(fields(**PVC), asked) == {
        "base/hpa.yaml:spec.minReplicas": 3,
        "base/hpa.yaml:spec.maxReplicas": 5,
    }
    assert "base/deployment.yaml:spec.replicas" not in asked


def test_a_gpu_is_a_resource_a_node_and_a_toleration(fields):
    assert differences(fields(**PVC), fields(**PVC, accelerator="gpu")) == {
        f"{SERVER}.image": "tensorflow/serving:2.21.0-gpu",
        f"{SERVER}.resources.requests.nvidia.com/gpu": "1",
        f"{SERVER}.resources.limits.nvidia.com/gpu": "1",
        f"{POD}.nodeSelector.nvidia.com/gpu.present": "true",
        f"{POD}.tolerations.0.key": "nvidia.com/gpu",
        f"{POD}.tolerations.0.operator": "Exists",
        f"{POD}.tolerations.0.effect": "NoSchedule",
        "base/deployment.yaml:spec.strategy.rollingUpdate.maxSurge": 0,
        "base/deployment.yaml:spec.strategy.rollingUpdate.maxUnavailable": 1,
    }


def test_a_tpu_is_asked_for_as_gke_has_it(fields):
    gpu = fields(**PVC, accelerator="gpu")
    assert differences(gpu, fields(**PVC, **TPU)) == {
        f"{SERVER}.image": SHA,
        f"{SERVER}.resources.requests.nvidia.com/gpu": None,
        f"{SERVER}.resources.limits.nvidia.com/gpu": None,
        f"{SERVER}.resources.requests.google.com/tpu": "1",
        f"{SERVER}.resources.limits.google.com/tpu": "1",
        f"{POD}.nodeSelector.nvidia.com/gpu.present": None,
        f"{POD}.nodeSelector.cloud.google.com/gke-tpu-accelerator": (
            "tpu-v5-lite-podslice"
        ),
        f"{POD}.nodeSelector.cloud.google.com/gke-tpu-topology": "1x1",
        f"{POD}.tolerations.0.key": "google.com/tpu",
    }


def test_nodes_that_are_asked_for_replace_the_default(fields):
    asked = fields(**PVC, accelerator="gpu", node_selector={"example.com/gpu": "a100"})
    assert differences(fields(**PVC, accelerator="gpu"), asked) == {
        f"{POD}.nodeSelector.nvidia.com/gpu.present": None,
        f"{POD}.nodeSelector.example.com/gpu": "a100",
    }


def test_a_model_in_gcs_is_read_in_place(fields):
    assert differences(fields(**PVC), fields(**GS)) == {
        f"{SERVER}.args.3": "--file_system_poll_wait_seconds=60",
        f"{SERVER}.volumeMounts.3.name": None,
        f"{SERVER}.volumeMounts.3.mountPath": None,
        f"{SERVER}.volumeMounts.3.readOnly": None,
        f"{POD}.volumes.3.name": None,
        f"{POD}.volumes.3.persistentVolumeClaim.claimName": None,
        f"{POD}.volumes.3.persistentVolumeClaim.readOnly": None,
        # The server must reach the bucket.
        "base/networkpolicy.yaml:spec.policyTypes.1": None,
        "base/networkpolicy.yaml:spec.egress": None,
    }


def copy_fields(place, version, image, command, mounts):
    prefix = f"{POD}.initContainers.{place}"
    expected = {
        "name": f"copy-{version}",
        "image": image,
        "resources.requests.cpu": "500m",
        "resources.requests.memory": "512Mi",
        "resources.limits.cpu": "500m",
        "resources.limits.memory": "512Mi",
        "securityContext.allowPrivilegeEscalation": False,
        "securityContext.readOnlyRootFilesystem": True,
        "securityContext.capabilities.drop.0": "ALL",
    }
    expected |= {f"command.{place}": word for place, word in enumerate(command)}
    for number, (name, path) in enumerate(mounts):
        expected[f"volumeMounts.{number}.name"] = name
        expected[f"volumeMounts.{number}.mountPath"] = path
    return {f"{prefix}.{name}": value for name, value in expected.items()}


COPIED = {
    f"{SERVER}.volumeMounts.3.mountPath": "/models/rides",
    f"{POD}.volumes.3.persistentVolumeClaim.claimName": None,
    f"{POD}.volumes.3.persistentVolumeClaim.readOnly": None,
    f"{POD}.volumes.3.emptyDir": {},
}


def test_a_model_in_s3_is_copied_version_by_version(fields):
    expected = dict(COPIED)
    for place, version in enumerate((6, 7)):
        source = f"s3://bucket/models/rides/{version}"
        command = ["aws", "s3", "sync", "--no-progress", source, f"/target/{version}"]
        mounts = [("models", "/target"), ("tmp", "/tmp")]  # noqa: S108 - of the container
        expected |= copy_fields(place, version, AWS, command, mounts)
        expected[f"{POD}.initContainers.{place}.env.0.name"] = "HOME"
        expected[f"{POD}.initContainers.{place}.env.0.value"] = "/tmp"  # noqa: S108
    expected["base/networkpolicy.yaml:spec.policyTypes.1"] = None
    expected["base/networkpolicy.yaml:spec.egress"] = None
    pvc = fields(**PVC, from_version=6)
    assert differences(pvc, fields(**S3, from_version=6)) == expected


def test_a_model_in_an_image_is_copied_version_by_version(fields):
    expected = dict(COPIED)
    for place, version in enumerate((6, 7)):
        source, target = f"/models/rides/{version}", f"/target/{version}"
        command = ["cp", "-R", "-T", source, target]
        expected |= copy_fields(place, version, SHA, command, [("models", "/target")])
    pvc = fields(**PVC, from_version=6)
    assert differences(pvc, fields(**IMAGE, from_version=6)) == expected


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_manifests_fit_the_schemas_of_kubernetes(plan_of, options):
    kinds = []
    for file in kubernetes_files(plan_of("kubernetes", **options)):
        if not file.path.startswith("base/") or "kustomization" in file.path:
            continue
        if file.path.endswith(".yaml"):
            document = yaml.safe_load(file.text)
            kubernetes_validate.validate(document, "1.32", strict=True)
            kinds.append(document["kind"])
    assert sorted(kinds) == [
        "Deployment",
        "HorizontalPodAutoscaler",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "Service",
        "ServiceAccount",
    ]


def test_the_schemas_refuse_a_field_that_is_not_kubernetes(plan_of):
    (file,) = [
        file
        for file in kubernetes_files(plan_of("kubernetes", **PVC))
        if file.path == "base/deployment.yaml"
    ]
    document = yaml.safe_load(file.text)
    document["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(document, "1.32", strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_kustomize_puts_every_step_together(plan_of, tmp_path):
    for file in deployment_files(plan_of("kubernetes", **PVC, from_version=6)):
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(file.text)
    seen = []
    for step in ("1-load", "2-canary", "3-stable"):
        built = subprocess.run(
            ["kubectl", "kustomize", tmp_path / step],  # noqa: S607 - kubectl of the machine
            capture_output=True,
            text=True,
            check=True,
        )
        documents = list(yaml.safe_load_all(built.stdout))
        by_name = {(d["kind"], d["metadata"]["name"]): d for d in documents}
        for document in documents:
            kubernetes_validate.validate(document, "1.32", strict=True)
        models = by_name["ConfigMap", "rides-models"]["data"]["models.config"]
        assert models == (tmp_path / step / "models.config").read_text()
        del by_name["ConfigMap", "rides-models"]
        seen.append(by_name)
    # Steps differ by models.config alone: no step restarts a pod.
    assert seen[0] == seen[1] == seen[2]
    volumes = seen[0]["Deployment", "rides"]["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["configMap"]["name"] == "rides-models"
    # The settings' name holds a digest: other settings are other pods.
    assert volumes[1]["configMap"]["name"].startswith("rides-settings-")
    assert ("ConfigMap", volumes[1]["configMap"]["name"]) in seen[0]


def test_every_pod_passes_the_restricted_standard(plan_of):
    """The rules of "Pod Security Standards", restricted, that concern these pods."""
    for options in VARIANTS.values():
        for file in kubernetes_files(plan_of("kubernetes", **options)):
            if file.path != "base/deployment.yaml":
                continue
            pod = yaml.safe_load(file.text)["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
            kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
            assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim"}
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False
                assert security["readOnlyRootFilesystem"] is True
                assert security["capabilities"] == {"drop": ["ALL"]}
                assert "limits" in container["resources"]
