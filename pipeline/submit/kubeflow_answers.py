"""Calls Kubeflow Pipelines and puts whatever goes wrong into words."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.submit.errors import (
    HUNG_UP,
    SubmitError,
    may_have_been_taken,
    no_answer,
    reason_of,
)

if TYPE_CHECKING:
    import kfp_server_api

    from pipeline.submit.kubeflow import KubeflowTarget

_MAX_ANSWER_CHARS = 300
_CREDENTIALS = (
    "Give a token with --token-file, or the session cookie of a login page with "
    "--cookie-file; both may have expired."
)
_NOT_THE_API = (
    "Is it the address of the Kubeflow Pipelines API (its user interface's, or "
    "service ml-pipeline), with the path that leads there? Behind a login page, give "
    "--cookie-file or --token-file."
)
_REMEDIES = {
    400: "The answer says what it does not take; a multi-user installation needs "
    "--namespace.",
    401: _CREDENTIALS,
    403: "The credentials are known and may not do this: ask for the role "
    "kubeflow-edit in the namespace, or check --namespace.",
    404: _NOT_THE_API,
    409: "Something of this name is there already; give another --run-name.",
    413: "The compiled pipeline is larger than the proxy before Kubeflow lets through.",
    429: "Too many requests; try again in a minute.",
}


def call(
    target: "KubeflowTarget",
    function: Callable[..., Any],
    *,
    starts_work: bool = False,
    **body: Any,
) -> Any:
    """Calls one function of the generated client; returns its answer.

    Args:
        target: Who is asked.
        function: Such as `RunServiceApi.run_service_create_run`.
        starts_work: A second call could start something twice.
        body: The function's arguments.

    Raises:
        SubmitError: No connection, no answer in time, an HTTP error, or an answer that
            is not Kubeflow's.
    """
    import kfp_server_api
    import urllib3

    try:
        return function(**body, _request_timeout=(target.timeout_s, target.timeout_s))
    except kfp_server_api.ApiException as error:
        if not error.status:  # the answer's fields are of other types
            raise _unreadable(target, error) from error
        raise _refused(target, error) from error
    except urllib3.exceptions.ReadTimeoutError as error:
        problem = no_answer(target.timeout_s)
        raise _unanswered(target, problem, starts_work=starts_work) from error
    except urllib3.exceptions.ProtocolError as error:
        raise _unanswered(target, HUNG_UP, starts_work=starts_work) from error
    except urllib3.exceptions.HTTPError as error:
        raise _unreachable(target, error) from error
    except (ValueError, AttributeError) as error:
        raise _unreadable(target, error) from error


def require_id(target: "KubeflowTarget", answer: Any, name: str) -> str:
    """Returns the id in an answer.

    Raises:
        SubmitError: The answer has none, as of a page that answers everything.
    """
    value = getattr(answer, name, None)
    if not value:
        raise SubmitError(
            host=target.host,
            problem=f"gave no {name} in its answer",
            remedy=_NOT_THE_API,
            status=200,
        )
    return str(value)


def _refused(
    target: "KubeflowTarget", error: "kfp_server_api.ApiException"
) -> SubmitError:
    status = error.status
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        remedy = _NOT_THE_API
    else:
        remedy = _REMEDIES.get(
            status, "The host failed; its logs say why. Try again when it is well."
        )
    said = _said(error.body)
    return SubmitError(
        host=target.host,
        problem=f"answered {status} {error.reason or ''}".rstrip()
        + (f": {said}" if said else ""),
        remedy=remedy,
        status=status,
    )


def _said(body: str | None) -> str:
    """Returns the sentence in an answer's body, one line of bounded length."""
    try:
        answer = json.loads(body or "")
        text = str(answer.get("error_message") or answer.get("message") or "")
        text = text or str(answer.get("error") or "")
    except (ValueError, AttributeError):
        text = "" if "<html" in (body or "").lower() else (body or "")
    text = " ".join(text.split()).rstrip(".")
    cut = len(text) > _MAX_ANSWER_CHARS
    return text[:_MAX_ANSWER_CHARS] + (" …" if cut else "")


def _unanswered(
    target: "KubeflowTarget", problem: str, *, starts_work: bool
) -> SubmitError:
    if starts_work:
        return may_have_been_taken(target.host, problem, "the list of runs")
    remedy = f"Nothing was started. Try again when it is well. {_NOT_THE_API}"
    return SubmitError(host=target.host, problem=problem, remedy=remedy)


def _unreachable(target: "KubeflowTarget", error: Exception) -> SubmitError:
    import urllib3

    remedy = (
        "Is the address right, and does this machine reach it? For a cluster, "
        "'kubectl port-forward -n kubeflow service/ml-pipeline-ui 8080:80' makes it "
        "http://localhost:8080."
    )
    problem = f"cannot be reached ({reason_of(error)})"
    timed_out = isinstance(error, urllib3.exceptions.ConnectTimeoutError)
    # urllib3 derives its error for a refused connection from the one for a late one.
    if timed_out and not isinstance(error, urllib3.exceptions.NewConnectionError):
        problem = f"cannot be reached within {target.timeout_s:g} s"
    return SubmitError(host=target.host, problem=problem, remedy=remedy)


def _unreadable(target: "KubeflowTarget", error: Exception) -> SubmitError:
    """The generated client fails so at a failed TLS handshake, or an odd answer."""
    import kfp_server_api

    behind = error.__context__
    if isinstance(behind, kfp_server_api.ApiException) and behind.status == 0:
        said = _said(behind.reason)
        return SubmitError(
            host=target.host,
            problem=f"cannot be reached over TLS: {said}",
            remedy="Give the certificate of the authority that signed the host's with "
            "--ca-file, or http:// if the host speaks no TLS.",
        )
    return SubmitError(
        host=target.host,
        problem="answered something that is not Kubeflow's",
        remedy=_NOT_THE_API,
    )
