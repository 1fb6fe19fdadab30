"""What Vertex AI is sent, and what its refusals become."""

import json
import socket
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pipeline.settings_loader import ConfigError
from pipeline.submit import vertex
from pipeline.submit.compiled_file import read_compiled
from pipeline.submit.errors import SubmitError

PARENT = "projects/my-project/locations/europe-west4"
JOBS = f"/v1/{PARENT}/pipelineJobs"
SCHEDULES = f"/v1/{PARENT}/schedules"
VALUES = {"min_auc": 0.7}
TAKEN = {
    f"POST {JOBS}": {"body": {"name": f"{PARENT}/pipelineJobs/rides-1"}},
    f"POST {SCHEDULES}": {"body": {"name": f"{PARENT}/schedules/9"}},
}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    """A service account whose tokens are signed here, without a server of Google's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path_factory.mktemp("key") / "key.json"
    account = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        "client_email": "ci@my-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "http://127.0.0.1:1/token",
    }
    path.write_text(json.dumps(account))
    return path


@pytest.fixture
def signed_in(monkeypatch, key_file):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))


@pytest.fixture
def signed_out(monkeypatch, tmp_path):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def target(host):
    def build(**options):
        options = {
            "project": "my-project",
            "region": "europe-west4",
            "run_name": "rides-1",
            "endpoint": host.url,
        } | options
        return vertex.VertexTarget(**options)

    return build


@pytest.fixture
def compiled(vertex_file):
    return read_compiled(vertex_file)


def refusal(compiled, target):
    with pytest.raises(SubmitError, match=r".") as caught:
        vertex.send(compiled, VALUES, target)
    assert caught.value.exit_code == 1
    return caught.value


def body_of(pipeline_job):
    from google.protobuf import json_format

    return json_format.MessageToDict(pipeline_job._pb)


def test_job_is_what_the_sdk_itself_would_send(target, compiled, vertex_file):
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    sdk = aiplatform.PipelineJob(
        display_name="rides-1",
        template_path=str(vertex_file),
        job_id="rides-1",
        pipeline_root="gs://other/place",
        parameter_values=VALUES,
        labels={"tfx_version": "1-21-0"},
        project="my-project",
        location="europe-west4",
        credentials=AnonymousCredentials(),
    )
    mine = vertex.job_body(compiled, VALUES, target(staging_bucket="gs://other/place"))
    theirs = body_of(sdk._gca_resource)
    assert mine == theirs


@pytest.mark.usefixtures("signed_in")
def test_plan_is_what_is_sent(host, target, compiled):
    host.answers(**TAKEN)
    account = "runner@my-project.iam.gserviceaccount.com"
    once = target(service_account=account)
    hourly = target(service_account=account, schedule="TZ=Europe/Berlin 0 * * * *")
    planned = [vertex.plan(compiled, VALUES, place) for place in (once, hourly)]
    assert host.asked() == []
    taken = [vertex.send(compiled, VALUES, place) for place in (once, hourly)]
    assert [t.kind for t in taken] == ["run", "schedule"]
    assert [t.id for t in taken] == [
        f"{PARENT}/pipelineJobs/rides-1",
        f"{PARENT}/schedules/9",
    ]
    console = "https://console.cloud.google.com/vertex-ai"
    runs = f"{console}/locations/europe-west4/pipelines/runs"
    assert taken[0].link == f"{runs}/rides-1?project=my-project"
    for asked, plan in zip(host.asked(), planned, strict=True):
        (request,) = plan.requests
        assert asked["method"] == request.method
        # Beside what is planned: the client asks for numbers of enums.
        assert (host.url + asked["path"]).startswith(request.url)
        assert asked["body"] == request.body
        assert asked["headers"]["authorization"].startswith("Bearer ")


def test_job_holds_values_root_account_and_labels(target, compiled):
    job = vertex.job_body(compiled, VALUES, target(service_account="a@b"))
    assert job["serviceAccount"] == "a@b"
    assert job["labels"] == {"tfx_version": "1-21-0"}
    assert job["runtimeConfig"] == {
        "gcsOutputDirectory": "gs://bucket/rides",
        # The file's own value, and the one given.
        "parameterValues": {"last_span": 12, "min_auc": 0.7},
    }


def test_values_of_schema_2_0_carry_their_type(target, tmp_path, vertex_file):
    job = json.loads(vertex_file.read_text())
    job["pipelineSpec"]["schemaVersion"] = "2.0.0"
    job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"] = {
        "steps": {"type": "INT"},
        "rate": {"type": "DOUBLE"},
    }
    job["runtimeConfig"] = {"parameters": {"steps": {"intValue": "9"}}}
    (tmp_path / "old.json").write_text(json.dumps(job))
    old = read_compiled(tmp_path / "old.json")
    assert old.values == {"steps": 9}
    body = vertex.job_body(old, {"rate": 0.5}, target())
    assert body["runtimeConfig"]["parameters"] == {
        "steps": {"intValue": 9},
        "rate": {"doubleValue": 0.5},
    }


def test_schedule_runs_one_at_a_time(target, compiled):
    place = target(schedule="0 * * * *")
    job = vertex.job_body(compiled, VALUES, place)
    assert vertex.schedule_body(job, place) == {
        "displayName": "rides-1",
        "cron": "0 * * * *",
        "maxConcurrentRunCount": "1",
        "createPipelineJobRequest": {"parent": PARENT, "pipelineJob": job},
    }


@pytest.mark.usefixtures("signed_out")
def test_missing_credentials_are_named_with_the_way_to_get_them(host, target, compiled):
    with pytest.raises(
        ConfigError,
        match=r"^no credentials for Vertex AI: Your default credentials were not found"
        r"\. Log in with 'gcloud auth application-default login', or name a key file "
        r"in GOOGLE_APPLICATION_CREDENTIALS\.$",
    ):
        vertex.send(compiled, VALUES, target())
    assert host.asked() == []


def test_key_file_that_is_not_there_is_named(target, compiled, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(ConfigError, match=r"no credentials for .*: File /nowhere/key"):
        vertex.send(compiled, VALUES, target())


@pytest.mark.usefixtures("signed_out")
def test_plan_needs_neither_credentials_nor_network(target, compiled):
    planned = vertex.plan(compiled, VALUES, target(endpoint=None))
    assert planned.requests[0].url == (
        f"https://europe-west4-aiplatform.googleapis.com{JOBS}?pipelineJobId=rides-1"
    )


@pytest.mark.usefixtures("signed_in")
def test_refused_connection_names_host_and_reason(target, compiled):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    url = f"http://127.0.0.1:{free}"
    error = refusal(compiled, target(endpoint=url))
    assert str(error) == (
        f"{url} cannot be reached (Connection refused). Does this machine reach "
        "Google's servers (HTTPS_PROXY), and is --region right?"
    )


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "answered 401: .*bad token. Log in with 'gcloud auth"),
        (403, "answered 403: .*bad token. The account may not do this, or the API"),
        (404, "answered 404: .*. Check --project and --region"),
        (409, "answered 409: .*. There is a run of this name already"),
        (429, "answered 429: .*. A quota of the project is used up"),
        (500, "answered 500: .*. The service failed; try again"),
        (503, "answered 503: .*. The service failed; try again"),
    ],
)
def test_error_of_the_service_names_status_words_and_remedy(
    host, target, compiled, status, text
):
    body = {"error": {"code": status, "message": "bad token."}}
    host.answers(**{f"POST {JOBS}": {"status": status, "body": body}})
    with pytest.raises(SubmitError, match=text) as caught:
        vertex.send(compiled, VALUES, target())
    assert caught.value.status == status
    # After a 401 google-auth asks for a new token and tries that, twice.
    assert len(host.asked()) == (3 if status == 401 else 1)


@pytest.mark.usefixtures("signed_in")
def test_host_that_hangs_is_given_up_and_not_asked_again(host, target, compiled):
    host.answers(**{f"POST {JOBS}": {"hang": True}})
    started = time.monotonic()
    error = refusal(compiled, target(timeout_s=0.3))
    assert time.monotonic() - started < 4
    assert str(error) == (
        f"{host.url} did not answer within 0.3 s (--timeout). The request may have "
        "been taken all the same: look at the console before you submit again."
    )
    assert len(host.asked()) == 1


@pytest.mark.usefixtures("signed_in")
def test_answer_of_something_else_is_not_taken_for_a_job(host, target, compiled):
    host.answers(**{f"POST {JOBS}": {"body": "<html>Sign in</html>"}})
    assert "answered something that is not Vertex AI's" in str(
        refusal(compiled, target())
    )


def test_token_that_cannot_be_had_is_named(
    host, target, compiled, monkeypatch, tmp_path
):
    user = {
        "type": "authorized_user",
        "client_id": "1",
        "client_secret": "2",
        "refresh_token": "3",
        "token_uri": f"{host.url}/token",
    }
    (tmp_path / "user.json").write_text(json.dumps(user))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "user.json"))
    from google.oauth2 import credentials

    monkeypatch.setattr(
        credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{host.url}/token"
    )
    host.answers(**{"POST /token": {"status": 400, "body": {"error": "invalid_grant"}}})
    error = refusal(compiled, target())
    assert "was not asked, for no token could be had: " in str(error)
    assert "invalid_grant" in str(error)
    assert [request["path"] for request in host.asked()] == ["/token"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"project": "My Project"}, r"^--project is 'My Project'; expected the form"),
        ({"region": "europe"}, r"^--region is 'europe'; expected such as europe-west4"),
        ({"run_name": "Rides"}, r"^--run-name is 'Rides'; expected the form \[a-z\]"),
        ({"run_name": "r" * 129}, r"^--run-name is 'r+'"),
        ({"staging_bucket": "s3://b"}, r"^--staging-bucket is 's3://b'; expected the"),
        ({"service_account": "runner"}, r"^--service-account is 'runner'; expected"),
        ({"schedule": "0 0 * * * *"}, r"^--schedule is .* which has 6 fields"),
        ({"endpoint": "http://example.com"}, r"credentials go over https alone"),
        ({"endpoint": "http://localhost.example:1"}, r"credentials go over https"),
        ({"endpoint": "example.com"}, r"^--endpoint is 'example.com'; expected a URL"),
    ],
)
def test_option_that_cannot_work_is_refused(target, options, text):
    with pytest.raises(ConfigError, match=text):
        target(**options)


def test_artifacts_must_lie_in_a_bucket(target, tmp_path, vertex_file):
    job = json.loads(vertex_file.read_text())
    job["runtimeConfig"]["gcsOutputDirectory"] = "/var/artifacts"
    (tmp_path / "local.json").write_text(json.dumps(job))
    local = read_compiled(tmp_path / "local.json")
    with pytest.raises(
        ConfigError,
        match=r"would go to '/var/artifacts'; .* Give --staging-bucket gs://",
    ):
        vertex.plan(local, VALUES, target())
    assert vertex.plan(local, VALUES, target(staging_bucket="gs://b/p"))


def test_kubernetes_settings_are_refused(target, kubeflow_file):
    with pytest.raises(ConfigError, match=r"holds Kubernetes settings, which"):
        vertex.plan(read_compiled(kubeflow_file), VALUES, target())


@pytest.mark.usefixtures("signed_in")
def test_host_that_hangs_up_may_have_taken_the_request(host, target, compiled):
    host.answers(**{f"POST {JOBS}": {"hang_up": True}})
    error = refusal(compiled, target())
    assert str(error) == (
        f"{host.url} ended the connection without an answer. The request may have been "
        "taken all the same: look at the console before you submit again."
    )
