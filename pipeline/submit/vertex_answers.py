"""Calls Vertex AI and puts whatever goes wrong into words."""

from typing import TYPE_CHECKING, Any

from pipeline.settings_loader import ConfigError
from pipeline.submit.errors import (
    HUNG_UP,
    SubmitError,
    may_have_been_taken,
    no_answer,
    reason_of,
)

if TYPE_CHECKING:
    import requests
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.credentials import Credentials

    from pipeline.submit.vertex import VertexTarget

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LOG_IN = (
    "Log in with 'gcloud auth application-default login', or name a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS."
)
_REMEDIES = {
    400: "The answer says what it does not take.",
    401: _LOG_IN,
    403: "The account may not do this, or the API is off: it needs the role "
    "roles/aiplatform.user on the project, and 'Service Account User' on the account "
    "that --service-account names.",
    404: "Check --project and --region.",
    409: "There is a run of this name already; give another --run-name.",
    429: "A quota of the project is used up; try again later, or have it raised.",
}
_FAILED = "The service failed; try again, and look at status.cloud.google.com."


def find_credentials() -> "Credentials":
    """Returns Google's application default credentials.

    Raises:
        ConfigError: There are none, or the file that holds them cannot be used.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except (GoogleAuthError, ValueError) as error:
        said = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        raise ConfigError(f"no credentials for Vertex AI: {said}. {_LOG_IN}") from error
    return credentials


def call(
    target: "VertexTarget",
    credentials: "Credentials",
    client_class: Any,
    method: str,
    **fields: Any,
) -> Any:
    """Calls one method of the service once; returns its answer.

    Raises:
        SubmitError: No connection, no answer in time, or an error of the service.
    """
    import requests
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.protobuf.json_format import ParseError

    host = str(target.endpoint)
    client = client_class(
        credentials=credentials,
        client_options={"api_endpoint": host},
        transport="rest",
    )
    try:
        # Sent once: the second could start a second run.
        return getattr(client, method)(**fields, retry=None, timeout=target.timeout_s)
    except GoogleAPICallError as error:
        raise _refused(host, error) from error
    except requests.exceptions.ReadTimeout as error:
        problem = no_answer(target.timeout_s)
        raise may_have_been_taken(host, problem, "the console") from error
    except GoogleAuthError as error:
        raise SubmitError(
            host=host,
            problem=f"was not asked, for no token could be had: {_short(error)}",
            remedy=_LOG_IN,
        ) from error
    except requests.exceptions.RequestException as error:
        raise _unreachable(host, error) from error
    except (ValueError, ParseError) as error:
        raise SubmitError(
            host=host,
            problem="answered something that is not Vertex AI's",
            remedy="Check --endpoint and the proxy in between.",
        ) from error


def _unreachable(
    host: str, error: "requests.exceptions.RequestException"
) -> SubmitError:
    import urllib3

    if error.args and isinstance(error.args[0], urllib3.exceptions.ProtocolError):
        return may_have_been_taken(host, HUNG_UP, "the console")
    return SubmitError(
        host=host,
        problem=f"cannot be reached ({reason_of(error)})",
        remedy="Does this machine reach Google's servers (HTTPS_PROXY), and is "
        "--region right?",
    )


def _refused(host: str, error: "GoogleAPICallError") -> SubmitError:
    status = int(error.code or 0)
    return SubmitError(
        host=host,
        problem=f"answered {status}: {_short(error.message)}",
        remedy=_REMEDIES.get(status, _FAILED),
        status=status,
    )


def _short(text: object) -> str:
    words = " ".join(str(text).split()).rstrip(".")
    return words if len(words) <= 300 else f"{words[:300]} …"  # noqa: PLR2004
