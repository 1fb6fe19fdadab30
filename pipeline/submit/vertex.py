"""Starts a compiled pipeline on Vertex AI Pipelines, once or on a schedule.

Source:
    google.cloud.aiplatform_v1: PipelineJob, CreatePipelineJobRequest, Schedule; ids and
    runtime values as aiplatform.PipelineJob makes them.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.settings_loader import ConfigError
from pipeline.submit.compiled_file import CompiledPipeline
from pipeline.submit.cron import check_vertex_cron
from pipeline.submit.request import Request, Submission, Taken
from pipeline.submit.urls import check_url
from pipeline.submit.vertex_answers import call, find_credentials

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_CONSOLE = "https://console.cloud.google.com/vertex-ai"
_LOCAL_HOSTS = ("http://127.0.0.1", "http://localhost", "http://[::1]")


@dataclass(frozen=True, kw_only=True, slots=True)
class VertexTarget:
    """Where and as what a pipeline is started.

    Attributes:
        project: Id of the Google Cloud project.
        region: Such as "europe-west4".
        run_name: The job's id and name, or the schedule's name: a letter, then
            letters, digits and -, at most 128.
        schedule: Cron expression of five fields. None: it is run once, now.
        staging_bucket: "gs://bucket/path" for artifacts. None: what the compiled file
            says.
        service_account: Address of the account the pods run as. None: the project's.
        endpoint: URL of the API. None: the region's public one.
        timeout_s: Seconds to wait for the answer.
    """

    project: str
    region: str
    run_name: str
    schedule: str | None = None
    staging_bucket: str | None = None
    service_account: str | None = None
    endpoint: str | None = None
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        _check("--project", self.project, r"([a-z0-9.-]+:)?[a-z0-9][a-z0-9-]{3,29}")
        _check("--region", self.region, r"[a-z]+-[a-z]+\d+", "such as europe-west4")
        _check("--run-name", self.run_name, r"[a-z][-a-z0-9]{0,127}")
        if self.staging_bucket is not None:
            _check("--staging-bucket", self.staging_bucket, r"gs://[a-z0-9].+")
        if self.service_account is not None:
            _check("--service-account", self.service_account, r"[^@\s]+@[^@\s]+")
        if self.schedule is not None:
            object.__setattr__(self, "schedule", check_vertex_cron(self.schedule))
        object.__setattr__(self, "endpoint", self._checked_endpoint())  # frozen

    def _checked_endpoint(self) -> str:
        if self.endpoint is None:
            return f"https://{self.region}-aiplatform.googleapis.com"
        url = check_url("--endpoint", self.endpoint)
        # The request carries a token that is good for the whole project.
        if url.startswith("http:") and url.rpartition(":")[0] not in _LOCAL_HOSTS:
            raise ConfigError(
                f"--endpoint is {url!r}; credentials go over https alone, or to this "
                "machine."
            )
        return url

    @property
    def parent(self) -> str:
        """The resource that jobs and schedules belong to."""
        return f"projects/{self.project}/locations/{self.region}"


def _check(option: str, value: str, pattern: str, example: str = "") -> None:
    if re.fullmatch(pattern, value) is None:
        raise ConfigError(
            f"{option} is {value!r}; expected {example or f'the form {pattern}'}."
        )


def plan(
    compiled: CompiledPipeline, values: dict[str, Any], target: VertexTarget
) -> Submission:
    """Returns what `send` sends; asks nobody, reads no credentials.

    Raises:
        ConfigError: The file names no bucket for artifacts and neither does the target,
            or it holds Kubernetes settings.
    """
    url = f"{target.endpoint}/v1/{target.parent}"
    job = job_body(compiled, values, target)
    if target.schedule is None:
        request = Request(
            method="POST",
            url=f"{url}/pipelineJobs?pipelineJobId={target.run_name}",
            body=job,
        )
    else:
        request = Request(
            method="POST", url=f"{url}/schedules", body=schedule_body(job, target)
        )
    return Submission(
        target="vertex",
        credentials="Google's application default credentials",
        requests=(request,),
    )


def send(
    compiled: CompiledPipeline, values: dict[str, Any], target: VertexTarget
) -> Taken:
    """Starts the pipeline and returns what Vertex AI calls it.

    Raises:
        ConfigError: There are no credentials, or the file does not fit (see `plan`).
        SubmitError: The host cannot be reached, does not answer or refuses.
    """
    job = job_body(compiled, values, target)
    credentials = find_credentials()
    if target.schedule is None:
        return _create_job(job, target, credentials)
    return _create_schedule(schedule_body(job, target), target, credentials)


def job_body(
    compiled: CompiledPipeline, values: dict[str, Any], target: VertexTarget
) -> dict[str, Any]:
    """Returns the JSON of a PipelineJob.

    Raises:
        ConfigError: See `plan`.
    """
    if compiled.platform:
        raise ConfigError(
            f"{compiled.origin} holds Kubernetes settings, which Vertex AI does not "
            "take. Compile it with 'slipway compile --target vertex'."
        )
    body = {
        "displayName": target.run_name,
        "pipelineSpec": compiled.spec,
        "runtimeConfig": {
            "gcsOutputDirectory": _bucket(compiled, target),
            **_runtime_values(compiled, {**compiled.values, **values}),
        },
    }
    if compiled.labels:
        body["labels"] = compiled.labels
    if target.service_account is not None:
        body["serviceAccount"] = target.service_account
    return body


def schedule_body(job: dict[str, Any], target: VertexTarget) -> dict[str, Any]:
    """Returns the JSON of a Schedule: one run at a time, none of them queued."""
    return {
        "displayName": target.run_name,
        "cron": target.schedule,
        "maxConcurrentRunCount": "1",
        "createPipelineJobRequest": {"parent": target.parent, "pipelineJob": job},
    }


def _bucket(compiled: CompiledPipeline, target: VertexTarget) -> str:
    place = target.staging_bucket or compiled.pipeline_root
    if place is None or not place.startswith("gs://"):
        raise ConfigError(
            f"artifacts would go to {place!r}; Vertex AI keeps them in Cloud Storage. "
            "Give --staging-bucket gs://BUCKET/PATH."
        )
    return place


def _runtime_values(
    compiled: CompiledPipeline, values: dict[str, Any]
) -> dict[str, Any]:
    if compiled.schema_version != "2.0.0":
        return {"parameterValues": values}
    kinds = {
        "NUMBER_INTEGER": "intValue",
        "NUMBER_DOUBLE": "doubleValue",
        "STRING": "stringValue",
    }
    typed = {
        name: {kinds[compiled.parameters[name].type]: value}
        for name, value in values.items()
        if name in compiled.parameters
    }
    return {"parameters": typed}


def _create_job(
    job: dict[str, Any], target: VertexTarget, credentials: "Credentials"
) -> Taken:
    from google.cloud.aiplatform_v1 import PipelineJob, PipelineServiceClient

    made = call(
        target,
        credentials,
        PipelineServiceClient,
        "create_pipeline_job",
        parent=target.parent,
        pipeline_job=_message(PipelineJob, job),
        pipeline_job_id=target.run_name,
    )
    return Taken(
        kind="run",
        id=made.name,
        link=f"{_CONSOLE}/locations/{target.region}/pipelines/runs/{target.run_name}"
        f"?project={target.project}",
    )


def _create_schedule(
    body: dict[str, Any], target: VertexTarget, credentials: "Credentials"
) -> Taken:
    from google.cloud.aiplatform_v1 import Schedule, ScheduleServiceClient

    made = call(
        target,
        credentials,
        ScheduleServiceClient,
        "create_schedule",
        parent=target.parent,
        schedule=_message(Schedule, body),
    )
    return Taken(
        kind="schedule",
        id=made.name,
        link=f"{_CONSOLE}/pipelines/schedules?project={target.project}",
    )


def _message(message_class: Any, body: dict[str, Any]) -> Any:
    from google.protobuf import json_format

    return message_class(json_format.ParseDict(body, message_class.pb(message_class())))
