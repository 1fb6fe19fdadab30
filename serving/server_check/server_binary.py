"""Which server judges a model: a real tensorflow_model_server, or ours."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from serving.server_check.server_process import ServerFailedError

TF_SERVING = "tensorflow_model_server"
_TIMEOUT_S = 60.0
_SHOWN_CHARACTERS = 60


def find_server_binary(named: str | None) -> str:
    """Returns the absolute path of the binary to use; "": our own server.

    Args:
        named: A path; it need not exist, which ServerProcess tells. None or "": the
            tensorflow_model_server on PATH, if there is one.
    """
    if named:
        return str(Path(named).expanduser().absolute())
    found = shutil.which(TF_SERVING)
    return str(Path(found).absolute()) if found else ""


def server_name(binary: str) -> str:
    """Returns the server and its version, such as "tensorflow_model_server 2.19.0".

    Args:
        binary: As find_server_binary gives it.

    Raises:
        ServerFailedError: The binary does not run, or its `--version` fails.

    Source: tensorflow_serving/model_servers/main.cc: `TensorFlow ModelServer: VERSION`
    is the first line it prints.
    """
    if not binary:
        return f"slipway {version('slipway')}"
    try:
        done = subprocess.run(  # noqa: S603 - the binary the user names
            [binary, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise ServerFailedError(
            f"{binary} cannot be started: {_cause(binary, error)}.", ""
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ServerFailedError(
            f"{binary} --version took more than {_TIMEOUT_S:g} s.", ""
        ) from error
    if done.returncode != 0:
        raise ServerFailedError(
            f"{binary} --version ended with code {done.returncode}; a "
            f"{TF_SERVING} prints its version.",
            done.stderr.strip(),
        )
    return f"{Path(binary).name} {_version_in(done.stdout)}"


def _cause(binary: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not Path(binary).exists():
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "it is not executable; run chmod +x on it"
    return error.strerror or str(error)


def _version_in(text: str) -> str:
    """Returns the version of the ModelServer; the first line where none is given."""
    found = re.search(r"ModelServer: *(\S+)", text)
    if found:
        return found[1]
    return (text.strip().splitlines() or ["of unknown version"])[0][:_SHOWN_CHARACTERS]
