"""Runs serving.server_check in a fresh process and reads its report.

The node's own process has imported TensorFlow, and perhaps what the trainer needed; a
model is judged by processes that have not.
"""

from typing import TYPE_CHECKING, Any

from serving.server_check.module_process import ModuleProcess

if TYPE_CHECKING:
    # Run as a process; named here so that the node's cache sees an edit of it.
    from serving.server_check import __main__ as server_check  # noqa: F401

TIMEOUT_S = 900.0


def check_in_fresh_process(
    model_dir: str,
    extras_dir: str,
    server_binary: str = "",
    *,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, Any]:
    """Returns the report of serving.server_check as a mapping.

    A process that dies or hangs gives a report that is not servable and says so.

    Args:
        model_dir: A SavedModel directory.
        extras_dir: Folder with the assets.extra/ that the bundle will have.
        server_binary: Path of a tensorflow_model_server; "": the one on PATH, else our
            own server.
        timeout_s: For all of it.
    """
    named = (f"--server_binary={server_binary}",) if server_binary else ()
    arguments = (model_dir, extras_dir, *named)
    with ModuleProcess("serving.server_check", arguments) as check:
        return check.report(timeout_s)
