"""What Kubeflow Pipelines is sent, and what its refusals become."""

import datetime
import ipaddress
import socket
import time
from pathlib import Path

import kfp
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.settings_loader import ConfigError
from pipeline.submit import kubeflow
from pipeline.submit.compiled_file import read_compiled
from pipeline.submit.errors import SubmitError
from tests.pipeline.submit.conftest import start_host

EXPERIMENTS = "/apis/v2beta1/experiments"
RUNS = "/apis/v2beta1/runs"
RECURRING_RUNS = "/apis/v2beta1/recurringruns"
VALUES = {"last_span": 12, "min_auc": 0.7}
TAKEN = {
    f"GET {EXPERIMENTS}": {
        "body": {"experiments": [{"experiment_id": "e1", "display_name": "rides"}]}
    },
    f"POST {RUNS}": {"body": {"run_id": "r1"}},
    f"POST {RECURRING_RUNS}": {"body": {"recurring_run_id": "j1"}},
}


@pytest.fixture(autouse=True)
def no_pod(monkeypatch, tmp_path):
    monkeypatch.setattr(kubeflow, "_POD_TOKEN", tmp_path / "no-token")


@pytest.fixture
def target(host):
    def build(**options):
        options = {"host": host.url, "experiment": "rides", "run_name": "r"} | options
        return kubeflow.KubeflowTarget(**options)

    return build


def refusal(compiled, target):
    with pytest.raises(SubmitError, match=r".") as caught:
        kubeflow.send(compiled, VALUES, target)
    assert caught.value.exit_code == 1
    return caught.value


def test_run_is_what_the_sdk_itself_would_send(
    host, target, compiled, kubeflow_file, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        kfp.client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json")
    )
    healthz = {"GET /apis/v2beta1/healthz": {"body": {"multi_user": False}}}
    host.answers(**TAKEN, **healthz)
    with pytest.warns(FutureWarning):
        client = kfp.Client(host=host.url)
    options = {"job_name": "r", "service_account": "runner", "pipeline_root": "s3://b"}
    package = {"pipeline_package_path": str(kubeflow_file), "params": VALUES}
    client.run_pipeline("e1", **options, **package)
    client.create_recurring_run(
        "e1", cron_expression="0 0 * * * *", no_catchup=True, **options, **package
    )
    sdk_run, sdk_recurring = [r for r in host.asked() if r["method"] == "POST"]
    host.forget()
    host.answers(**TAKEN)
    mine = {"service_account": "runner", "pipeline_root": "s3://b"}
    kubeflow.send(compiled, VALUES, target(**mine))
    kubeflow.send(compiled, VALUES, target(**mine, recurring="0 0 * * * *"))
    run, recurring = [
        request for request in host.asked() if request["method"] == "POST"
    ]
    assert (run["path"], run["body"]) == (sdk_run["path"], sdk_run["body"])
    # The API writes 64-bit numbers as text; the SDK sends a number, which it reads too.
    assert recurring["body"].pop("max_concurrency") == "1"
    assert sdk_recurring["body"].pop("max_concurrency") == 1
    assert recurring["path"] == sdk_recurring["path"]
    assert recurring["body"] == sdk_recurring["body"]


def test_experiment_is_made_once_and_only_if_there_is_none(host, target, compiled):
    other = {"experiments": [{"experiment_id": "e0", "display_name": "rides-2"}]}
    host.answers(
        **TAKEN
        | {
            f"GET {EXPERIMENTS}": {"body": other},
            f"POST {EXPERIMENTS}": {"body": {"experiment_id": "e2"}},
        }
    )
    taken = kubeflow.send(compiled, VALUES, target(namespace="team"))
    assert (taken.kind, taken.id) == ("run", "r1")
    assert taken.link == f"{host.url}/#/runs/details/r1"
    listed, made, run = host.asked()
    assert "namespace=team" in listed["path"]
    assert made["body"] == {"display_name": "rides", "namespace": "team"}
    assert run["body"]["experiment_id"] == "e2"
    host.forget()
    host.answers(**TAKEN)
    kubeflow.send(compiled, VALUES, target())
    listed, run = host.asked()
    assert "namespace" not in listed["path"]
    assert run["body"]["experiment_id"] == "e1"


@pytest.mark.parametrize("recurring", [None, "0 30 4 * * *"])
def test_plan_is_what_is_sent(host, target, compiled, recurring):
    host.answers(**TAKEN | {f"POST {EXPERIMENTS}": {"body": {"experiment_id": "e1"}}})
    wanted = target(namespace="team", recurring=recurring)
    planned = kubeflow.plan(compiled, VALUES, wanted)
    assert host.asked() == []
    host.answers(
        **TAKEN
        | {
            f"GET {EXPERIMENTS}": {"body": {}},
            f"POST {EXPERIMENTS}": {"body": {"experiment_id": "<id of 'rides'>"}},
        }
    )
    kubeflow.send(compiled, VALUES, wanted)
    assert [(r["method"], host.url + r["path"], r["body"]) for r in host.asked()] == [
        (r.method, r.url, r.body) for r in planned.requests
    ]


def test_credentials_come_from_files_and_are_never_shown(
    host, target, compiled, tmp_path
):
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "cookie").write_text("authservice_session=c00kie\n")
    host.answers(**TAKEN)
    wanted = target(token_file=tmp_path / "token", cookie_file=tmp_path / "cookie")
    kubeflow.send(compiled, VALUES, wanted)
    for request in host.asked():
        assert request["headers"]["authorization"] == "Bearer s3cret"
        assert request["headers"]["Cookie"] == "authservice_session=c00kie"
    shown = kubeflow.plan(compiled, VALUES, wanted).as_json()
    assert "s3cret" not in shown
    assert "c00kie" not in shown
    assert f"bearer token in {tmp_path}/token and cookie in {tmp_path}/cookie" in shown
    # A dry run needs neither file.
    (tmp_path / "token").unlink()
    assert kubeflow.plan(compiled, VALUES, wanted).as_json() == shown
    with pytest.raises(
        ConfigError, match=r"--token-file .*/token cannot be read: No such file"
    ):
        kubeflow.send(compiled, VALUES, wanted)


def test_pod_uses_its_own_token(host, target, compiled, tmp_path, monkeypatch):
    (tmp_path / "pod-token").write_text("p0d")
    monkeypatch.setattr(kubeflow, "_POD_TOKEN", tmp_path / "pod-token")
    host.answers(**TAKEN)
    kubeflow.send(compiled, VALUES, target())
    assert host.asked()[0]["headers"]["authorization"] == "Bearer p0d"


@pytest.mark.parametrize("content", ["", "\n", "one\ntwo\n"])
def test_secret_is_one_line(target, compiled, tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(
        ConfigError, match=r"^--token-file \S+ does not hold one line\.$"
    ):
        kubeflow.send(compiled, VALUES, target(token_file=tmp_path / "token"))


def test_refused_connection_names_host_and_way_in(compiled, target):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    error = refusal(compiled, target(host=f"http://127.0.0.1:{free}"))
    assert str(error) == (
        f"http://127.0.0.1:{free} cannot be reached (Connection refused). Is the "
        "address right, and does this machine reach it? For a cluster, 'kubectl "
        "port-forward -n kubeflow service/ml-pipeline-ui 8080:80' makes it "
        "http://localhost:8080."
    )
    assert error.status is None


def test_unknown_name_is_a_host_that_cannot_be_reached(compiled, target):
    error = refusal(compiled, target(host="http://nowhere.invalid"))
    assert str(error).startswith("http://nowhere.invalid cannot be reached (")


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, "", "answered 401 Unauthorized. Give a token with --token-file"),
        (403, {"error": "no"}, "answered 403 Forbidden: no. The credentials are known"),
        (404, "<html>gone</html>", "answered 404 Not Found. Is it the address of the"),
        (
            400,
            {"error": "Failed: x", "message": "Invalid input: namespace is empty."},
            "answered 400 Bad Request: Invalid input: namespace is empty. The answer",
        ),
        (409, "", "answered 409 Conflict. Something of this name is there already"),
        (500, "a\nb", "answered 500 Internal Server Error: a b. The host failed"),
        (503, "x" * 400, f"Service Unavailable: {'x' * 300} …. The host failed"),
    ],
)
def test_http_error_names_status_words_and_remedy(
    host, target, compiled, status, body, text
):
    host.answers(**TAKEN | {f"POST {RUNS}": {"status": status, "body": body}})
    error = refusal(compiled, target())
    assert str(error).startswith(host.url)
    assert text in str(error)
    assert error.status == status
    # The list, then the run, once.
    assert len(host.asked()) == 2


def test_redirect_to_a_login_page_is_not_followed(host, target, compiled):
    login = {"status": 302, "headers": {"Location": f"{host.url}/dex/auth"}}
    host.answers(
        **{f"GET {EXPERIMENTS}": login, "GET /dex/auth": {"body": "<html></html>"}}
    )
    error = refusal(compiled, target())
    assert "answered 302 Found. Is it the address" in str(error)
    assert "Behind a login page, give --cookie-file or --token-file." in str(error)
    assert len(host.asked()) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"body": "<html></html>"}, "gave no run_id in its answer. Is it the address"),
        ({"body": [1]}, "gave no run_id in its answer"),
        ({"body": {"unrelated": 1}}, "gave no run_id in its answer"),
        (
            {"body": {"run_id": "r", "created_at": "soon"}},
            "answered something that is not Kubeflow's. Is it the address",
        ),
        (
            {"status": 500, "body": "äußerst", "encoding": "latin-1"},
            "answered something that is not Kubeflow's. Is it the address",
        ),
    ],
)
def test_page_that_answers_everything_is_not_taken_for_a_run(
    host, target, compiled, answer, text
):
    host.answers(**TAKEN | {f"POST {RUNS}": answer})
    assert text in str(refusal(compiled, target()))


def test_host_that_hangs_is_given_up_and_not_asked_again(host, target, compiled):
    host.answers(**TAKEN | {f"POST {RUNS}": {"hang": True}})
    started = time.monotonic()
    error = refusal(compiled, target(timeout_s=0.3))
    assert time.monotonic() - started < 4
    assert str(error) == (
        f"{host.url} did not answer within 0.3 s (--timeout). The request may have "
        "been taken all the same: look at the list of runs before you submit again."
    )
    assert len(host.asked()) == 2


def test_host_that_never_accepts_is_given_up(compiled, target):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # One connection fills the queue: the next one is not answered.
        with socket.create_connection(listener.getsockname()):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            error = refusal(compiled, target(host=url, timeout_s=0.3))
    assert "within 0.3 s" in str(error)


def self_signed(folder: Path) -> list[str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return [str(folder / "cert.pem"), str(folder / "key.pem")]


@pytest.fixture
def tls_host(tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    process, host = start_host(folder, *self_signed(folder))
    yield host
    process.kill()
    process.wait()


def test_certificate_that_is_not_trusted_is_named_and_can_be_given(
    tls_host, target, compiled
):
    tls_host.answers(**TAKEN)
    error = refusal(compiled, target(host=tls_host.url))
    assert "cannot be reached over TLS: SSLError" in str(error)
    assert "certificate verify failed" in str(error)
    assert "--ca-file" in str(error)
    trusted = target(host=tls_host.url, ca_file=tls_host.folder / "cert.pem")
    assert kubeflow.send(compiled, VALUES, trusted).id == "r1"
    with pytest.raises(ConfigError, match=r"^--ca-file /nowhere is not there\.$"):
        kubeflow.send(
            compiled, VALUES, target(host=tls_host.url, ca_file=Path("/nowhere"))
        )


def test_older_schema_version_is_refused_before_anything_is_asked(
    host, target, kubeflow_file
):
    spec, platform = yaml.safe_load_all(kubeflow_file.read_text())
    spec["schemaVersion"] = "2.0.0"
    kubeflow_file.write_text(yaml.safe_dump_all([spec, platform]))
    with pytest.raises(
        ConfigError,
        match=r"has schema version '2\.0\.0'; Kubeflow Pipelines takes 2\.1\.0 alone\.",
    ):
        kubeflow.plan(read_compiled(kubeflow_file), VALUES, target())
    assert host.asked() == []


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x", "http://", "http://x:0", "http://x:99999", ""]
)
def test_address_that_is_no_url_is_refused(target, url):
    with pytest.raises(ConfigError, match=r"^--host is '.*'; expected a URL such as"):
        target(host=url)


def test_password_in_the_address_is_refused_and_not_shown(target):
    with pytest.raises(ConfigError, match=r"^--host holds a user") as caught:
        target(host="https://me:s3cret@pipelines.example")
    assert "s3cret" not in str(caught.value)


def test_host_that_hangs_up_may_have_taken_the_request(host, target, compiled):
    host.answers(**TAKEN | {f"POST {RUNS}": {"hang_up": True}})
    error = refusal(compiled, target())
    assert str(error) == (
        f"{host.url} ended the connection without an answer. The request may have been "
        "taken all the same: look at the list of runs before you submit again."
    )


def test_list_that_is_not_answered_started_nothing(host, target, compiled):
    host.answers(**TAKEN | {f"GET {EXPERIMENTS}": {"hang_up": True}})
    error = refusal(compiled, target())
    assert "without an answer. Nothing was started. Try again when" in str(error)
    assert len(host.asked()) == 1


def test_recurring_run_that_is_not_answered_may_have_been_taken(host, target, compiled):
    host.answers(**TAKEN | {f"POST {RECURRING_RUNS}": {"hang_up": True}})
    error = refusal(compiled, target(recurring="0 0 * * * *"))
    assert "The request may have been taken all the same" in str(error)
