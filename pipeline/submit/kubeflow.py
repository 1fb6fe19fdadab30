"""Starts a compiled pipeline on Kubeflow Pipelines, once or on a schedule.

The calls are those of the kfp SDK's own generated client (kfp_server_api): kfp.Client
itself waits for ever for a host that does not answer, and writes a file into the home
folder.

Source:
    kubeflow/pipelines, backend/api/v2beta1: experiment.proto, run.proto,
    recurring_run.proto; schema version 2.1.0 alone is taken, as in
    backend/src/apiserver/template/v2_template.go.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.settings_loader import ConfigError
from pipeline.submit.compiled_file import CompiledPipeline
from pipeline.submit.credential_files import read_secret
from pipeline.submit.cron import check_kubeflow_cron
from pipeline.submit.kubeflow_answers import call, require_id
from pipeline.submit.request import Request, Submission, Taken
from pipeline.submit.urls import check_url

if TYPE_CHECKING:
    import kfp_server_api

_API = "/apis/v2beta1"
_SCHEMA_VERSION = "2.1.0"
# Where the kubelet puts a pod's token for Kubeflow Pipelines; as in kfp.client.
_POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
_EQUALS = 1  # kfp.client.client._FILTER_OPERATIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class KubeflowTarget:
    """Where and as what a pipeline is started.

    Attributes:
        host: URL of the API, such as http://localhost:8080 behind a port-forward.
        namespace: Profile of a multi-user installation. None: single-user.
        experiment: Name of the experiment; made if there is none of this name.
        run_name: What the run is called.
        recurring: Cron expression of six fields. None: it is run once, now.
        pipeline_root: Where artifacts go. None: what the compiled file says, or the
            cluster's own store.
        service_account: Kubernetes service account of the pods. None: the cluster's.
        token_file: File of a bearer token. None: a pod's own, if this is one.
        cookie_file: File of a session cookie ("name=value"), for hosts behind a login
            page.
        ca_file: Certificates to trust, PEM. None: the public ones.
        timeout_s: Seconds to wait for each answer.
    """

    host: str
    namespace: str | None = None
    experiment: str = "Default"
    run_name: str
    recurring: str | None = None
    pipeline_root: str | None = None
    service_account: str | None = None
    token_file: Path | None = None
    cookie_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", check_url("--host", self.host))  # frozen
        if self.recurring is not None:
            object.__setattr__(self, "recurring", check_kubeflow_cron(self.recurring))

    def credentials(self) -> str:
        """Returns in words where the credentials come from."""
        words = []
        if (token := self.used_token_file()) is not None:
            words.append(f"bearer token in {token}")
        if self.cookie_file is not None:
            words.append(f"cookie in {self.cookie_file}")
        return " and ".join(words) or "none"

    def used_token_file(self) -> Path | None:
        """Returns the token's file: the one given, or a pod's own."""
        if self.token_file is None and _POD_TOKEN.exists():
            return _POD_TOKEN
        return self.token_file


def plan(
    compiled: CompiledPipeline, values: dict[str, Any], target: KubeflowTarget
) -> Submission:
    """Returns what `send` sends; asks nobody, reads no credentials.

    Raises:
        ConfigError: The file is of a schema version that Kubeflow does not take.
    """
    query = _experiment_query(target)
    kind = "recurringruns" if target.recurring else "runs"
    return Submission(
        target="kubeflow",
        credentials=target.credentials(),
        requests=(
            Request(
                method="GET",
                url=f"{target.host}{_API}/experiments?{urlencode(query)}",
            ),
            Request(
                method="POST",
                url=f"{target.host}{_API}/experiments",
                body=_experiment_body(target),
                when=f"there is no experiment {target.experiment!r} yet",
            ),
            Request(
                method="POST",
                url=f"{target.host}{_API}/{kind}",
                body=run_body(
                    compiled, values, target, f"<id of {target.experiment!r}>"
                ),
            ),
        ),
    )


def send(
    compiled: CompiledPipeline, values: dict[str, Any], target: KubeflowTarget
) -> Taken:
    """Starts the pipeline and returns what Kubeflow calls it.

    Raises:
        ConfigError: A file of credentials cannot be read, or the schema version.
        SubmitError: The host cannot be reached, does not answer or refuses.
    """
    import kfp_server_api as api

    client = _client(target)
    experiment_id = _experiment_id(client, target)
    body = run_body(compiled, values, target, experiment_id)
    if target.recurring is None:
        answer = call(
            target,
            api.RunServiceApi(client).run_service_create_run,
            starts_work=True,
            run=api.V2beta1Run(**body),
        )
        run_id = require_id(target, answer, "run_id")
        return Taken(
            kind="run", id=run_id, link=f"{target.host}/#/runs/details/{run_id}"
        )
    service = api.RecurringRunServiceApi(client)
    answer = call(
        target,
        service.recurring_run_service_create_recurring_run,
        starts_work=True,
        recurring_run=api.V2beta1RecurringRun(**body),
    )
    job_id = require_id(target, answer, "recurring_run_id")
    link = f"{target.host}/#/recurringrun/details/{job_id}"
    return Taken(kind="recurring run", id=job_id, link=link)


def run_body(
    compiled: CompiledPipeline,
    values: dict[str, Any],
    target: KubeflowTarget,
    experiment_id: str,
) -> dict[str, Any]:
    """Returns the JSON of a Run or, on a schedule, of a RecurringRun.

    A recurring run never overlaps itself and does not make up for missed times: each
    run reads the newest spans anyway.

    Raises:
        ConfigError: The file is of a schema version that Kubeflow does not take.
    """
    if compiled.schema_version != _SCHEMA_VERSION:
        raise ConfigError(
            f"{compiled.origin} has schema version {compiled.schema_version!r}; "
            f"Kubeflow Pipelines takes {_SCHEMA_VERSION} alone. Compile it with "
            "'slipway compile --target kubeflow'."
        )
    runtime: dict[str, Any] = {"parameters": {**compiled.values, **values}}
    if target.pipeline_root is not None:
        runtime["pipeline_root"] = target.pipeline_root
    body: dict[str, Any] = {
        "experiment_id": experiment_id,
        "display_name": target.run_name,
        "pipeline_spec": _pipeline_spec(compiled),
        "runtime_config": runtime,
    }
    if target.service_account is not None:
        body["service_account"] = target.service_account
    if target.recurring is not None:
        body |= {
            "mode": "ENABLE",
            "trigger": {"cron_schedule": {"cron": target.recurring}},
            "max_concurrency": "1",
            "no_catchup": True,
        }
    return body


def _pipeline_spec(compiled: CompiledPipeline) -> dict[str, Any]:
    """Returns the spec as kfp.Client sends it: with its platform's, if it has one."""
    if not compiled.platform:
        return compiled.spec
    return {"pipeline_spec": compiled.spec, "platform_spec": compiled.platform}


def _experiment_query(target: KubeflowTarget) -> dict[str, Any]:
    predicate = {
        "operation": _EQUALS,
        "key": "display_name",
        "stringValue": target.experiment,
    }
    query = {"filter": json.dumps({"predicates": [predicate]})}
    return query | ({"namespace": target.namespace} if target.namespace else {})


def _experiment_body(target: KubeflowTarget) -> dict[str, Any]:
    body = {"display_name": target.experiment}
    return body | ({"namespace": target.namespace} if target.namespace else {})


def _experiment_id(client: "kfp_server_api.ApiClient", target: KubeflowTarget) -> str:
    """Returns the id of the experiment of this name, which is made if there is none."""
    import kfp_server_api as api

    service = api.ExperimentServiceApi(client)
    found = call(
        target,
        service.experiment_service_list_experiments,
        **_experiment_query(target),
    )
    for experiment in found.experiments or []:
        if experiment.display_name == target.experiment:
            return require_id(target, experiment, "experiment_id")
    made = call(
        target,
        service.experiment_service_create_experiment,
        experiment=api.V2beta1Experiment(**_experiment_body(target)),
    )
    return require_id(target, made, "experiment_id")


def _client(target: KubeflowTarget) -> "kfp_server_api.ApiClient":
    import kfp_server_api as api

    configuration = api.Configuration(host=target.host)
    # Neither repeated nor redirected: a run must not be started twice, and a redirect
    # leads to a login page.
    configuration.retries = False
    if target.ca_file is not None:
        if not target.ca_file.is_file():
            raise ConfigError(f"--ca-file {target.ca_file} is not there.")
        configuration.ssl_ca_cert = str(target.ca_file)
    if (token_file := target.used_token_file()) is not None:
        configuration.api_key["authorization"] = read_secret("--token-file", token_file)
        configuration.api_key_prefix["authorization"] = "Bearer"
    cookie = None
    if target.cookie_file is not None:
        cookie = read_secret("--cookie-file", target.cookie_file)
    return api.ApiClient(configuration, cookie=cookie)
