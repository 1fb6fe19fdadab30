"""Kubernetes manifests, put together by kustomize.

    base/       Deployment, Services, HorizontalPodAutoscaler, PodDisruptionBudget,
                NetworkPolicy, ServiceAccount; batching.config and monitoring.config,
                whose ConfigMap's name holds a digest: other content is a rollout
    1-load/ …   base and the models.config of that step, under one name in all steps:
                running servers take it up without a restart

Source: kubernetes.io, API reference v1.32; kubectl.docs.kubernetes.io, kustomization.
"""

from typing import Any

from serving.deploy import config_files, pod, server_flags
from serving.deploy.files import GeneratedFile, yaml_file
from serving.deploy.plan import Plan

BASE = "base"
_CPU_PERCENT = 60
_SCALE_DOWN_S = 300


def kubernetes_files(plan: Plan) -> list[GeneratedFile]:
    """Returns all manifests and the configuration they carry."""
    manifests = [
        _file("serviceaccount.yaml", _service_account(plan), {}),
        _file("deployment.yaml", _deployment(plan), _deployment_reasons(plan)),
        _file("service.yaml", _service(plan), {}),
        _file("service-pods.yaml", _pods_service(plan), _PODS_SERVICE_REASONS),
        _file("hpa.yaml", _autoscaler(plan), _AUTOSCALER_REASONS),
        _file("pdb.yaml", _disruption_budget(plan), {}),
        _file("networkpolicy.yaml", _network_policy(plan), _NETWORK_REASONS),
    ]
    settings = [
        config_files.batching_config(BASE, plan.sizing.batching),
        config_files.monitoring_config(BASE),
    ]
    base = _file("kustomization.yaml", _base(plan, manifests), {})
    return [*manifests, *settings, base, *_step_files(plan)]


def _file(name: str, document: Any, reasons: dict[str, str]) -> GeneratedFile:
    return yaml_file(f"{BASE}/{name}", document, reasons)


def _step_files(plan: Plan) -> list[GeneratedFile]:
    files = []
    for step in plan.steps:
        config = config_files.models_config(step.name, plan.model, plan.base_path, step)
        kustomization = yaml_file(
            f"{step.name}/kustomization.yaml",
            _step(plan),
            {
                "configMapGenerator.0.options.disableNameSuffixHash": "one name in all "
                "steps: running servers see the new content within about a minute"
            },
        )
        files += [config, kustomization]
    return files


def _step(plan: Plan) -> dict[str, Any]:
    return {
        **_kind("kustomize.config.k8s.io/v1beta1", "Kustomization"),
        "resources": [f"../{BASE}"],
        "configMapGenerator": [
            {
                "name": f"{plan.name}-models",
                "files": [config_files.MODELS],
                "options": {
                    "disableNameSuffixHash": True,
                    "labels": pod.selector(plan),
                },
            }
        ],
    }


def _base(plan: Plan, manifests: list[GeneratedFile]) -> dict[str, Any]:
    return {
        **_kind("kustomize.config.k8s.io/v1beta1", "Kustomization"),
        "resources": [file.path.removeprefix(f"{BASE}/") for file in manifests],
        "configMapGenerator": [
            {
                "name": f"{plan.name}-settings",
                "files": [config_files.BATCHING, config_files.MONITORING],
                "options": {"labels": pod.selector(plan)},
            }
        ],
    }


def _kind(version: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind}


def _meta(plan: Plan, suffix: str = "") -> dict[str, Any]:
    return {"name": f"{plan.name}{suffix}", "labels": pod.selector(plan)}


def _service_account(plan: Plan) -> dict[str, Any]:
    return {
        **_kind("v1", "ServiceAccount"),
        "metadata": _meta(plan),
        "automountServiceAccountToken": False,
    }


def _deployment(plan: Plan) -> dict[str, Any]:
    # A spare device is rarely at hand: then the old pod goes first.
    has_device = plan.options.accelerator != "cpu"
    return {
        **_kind("apps/v1", "Deployment"),
        "metadata": {
            **_meta(plan),
            "annotations": {
                "slipway/model-version": str(plan.version),
                "slipway/bundle-digest": plan.bundle_digest,
            },
        },
        "spec": {
            "selector": {"matchLabels": pod.selector(plan)},
            "progressDeadlineSeconds": 2 * plan.sizing.startup_s + 600,
            "revisionHistoryLimit": 5,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": 0 if has_device else 1,
                    "maxUnavailable": 1 if has_device else 0,
                },
            },
            "template": pod.pod_template(plan),
        },
    }


def _deployment_reasons(plan: Plan) -> dict[str, str]:
    return {
        "spec": "no replicas here: the HorizontalPodAutoscaler says how many",
        "spec.strategy.rollingUpdate.maxSurge": "a new pod is ready before an old one "
        "goes"
        if plan.options.accelerator == "cpu"
        else "an old pod goes first: a spare device is rarely at hand",
        **pod.pod_reasons(plan),
    }


def _service(plan: Plan) -> dict[str, Any]:
    return {
        **_kind("v1", "Service"),
        "metadata": _meta(plan),
        "spec": {
            "type": "ClusterIP",
            "selector": pod.selector(plan),
            "ports": _service_ports(),
        },
    }


_PODS_SERVICE_REASONS = {
    "spec.clusterIP": "the addresses of all pods, for gRPC clients that balance "
    "themselves (dns:/// and round_robin): through the other Service all calls of a "
    "connection go to one pod"
}


def _pods_service(plan: Plan) -> dict[str, Any]:
    return {
        **_kind("v1", "Service"),
        "metadata": _meta(plan, "-pods"),
        "spec": {
            "clusterIP": "None",
            "selector": pod.selector(plan),
            "ports": _service_ports(),
        },
    }


def _service_ports() -> list[dict[str, Any]]:
    return [
        {
            "name": "http",
            "port": server_flags.REST_PORT,
            "targetPort": "http",
            "appProtocol": "http",
        },
        {
            "name": "grpc",
            "port": server_flags.GRPC_PORT,
            "targetPort": "grpc",
            "appProtocol": "grpc",
        },
    ]


_AUTOSCALER_REASONS = {
    "spec.metrics.0.resource.target.averageUtilization": "parsing, vocabularies and "
    "answers take CPU on every accelerator; at this load a pod more comes up before "
    "the batches queue",
    "spec.behavior.scaleDown.stabilizationWindowSeconds": "a pod costs its load time: "
    "let a lull pass",
}


def _autoscaler(plan: Plan) -> dict[str, Any]:
    least, most = plan.options.replicas
    return {
        **_kind("autoscaling/v2", "HorizontalPodAutoscaler"),
        "metadata": _meta(plan),
        "spec": {
            "scaleTargetRef": {**_kind("apps/v1", "Deployment"), "name": plan.name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": _CPU_PERCENT,
                        },
                    },
                }
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": _SCALE_DOWN_S}},
        },
    }


def _disruption_budget(plan: Plan) -> dict[str, Any]:
    return {
        **_kind("policy/v1", "PodDisruptionBudget"),
        "metadata": _meta(plan),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": pod.selector(plan)},
        },
    }


_NETWORK_REASONS = {
    "spec.ingress.0.from": "pods of this namespace only: TF Serving checks no callers",
    "spec.ingress.1.from": "Prometheus; name the namespace yours runs in",
    "spec.policyTypes": "Egress is forbidden too where the model is no download",
}


def _network_policy(plan: Plan) -> dict[str, Any]:
    http, grpc = (
        {"protocol": "TCP", "port": "http"},
        {"protocol": "TCP", "port": "grpc"},
    )
    prometheus = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": pod.selector(plan)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {}}], "ports": [http, grpc]},
            {"from": [{"namespaceSelector": prometheus}], "ports": [http]},
        ],
    }
    if plan.source.kind in ("pvc", "image"):
        spec["policyTypes"].append("Egress")
        spec["egress"] = []
    return {
        **_kind("networking.k8s.io/v1", "NetworkPolicy"),
        "metadata": _meta(plan),
        "spec": spec,
    }
