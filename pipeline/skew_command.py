"""`slipway skew`: is what was served what the bundle makes of the rows?"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument
from pipeline.settings_loader import ConfigError
from pipeline.version_commands import BasePathOption, ModelOption

if TYPE_CHECKING:
    from pipeline.serving_skew.compare_statistics import Distributions
    from serving.prediction_log.log_reader import PredictionLog
    from serving.skew_proof.log_proof import ProofRequest
    from serving.skew_proof.proof_report import SkewProof

DIFFERENT_EXIT_CODE = 3
PREDICTIONS = "predictions"


def skew(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    pipeline: PipelineArgument = "flights",
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The prediction log; {work_dir}/predictions if left out.",
        ),
    ] = None,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Rows of this version only.")
    ] = None,
    rows: Annotated[
        int, typer.Option(metavar="N", min=1, help="At most so many rows, the newest.")
    ] = 100_000,
    served: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The version's folder that the server loads, where it is another "
            "copy: its files are compared line by line.",
        ),
    ] = None,
    use_artifacts: Annotated[
        bool,
        typer.Option(
            "--artifacts/--no-artifacts",
            help="Replay through Transform's own graph, too, if the run's artifacts "
            "are there.",
        ),
    ] = True,
    distributions: Annotated[
        bool,
        typer.Option(
            "--distributions",
            help="Compare the rows with the training statistics, too (TFDV).",
        ),
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all of it as JSON."),
    ] = None,
    model_base_path: BasePathOption = None,
    model: ModelOption = None,
) -> None:
    """Replays logged rows through the bundle: EQUAL, or what differs and why; exit 3.

    Ids and texts must be equal, floats within 1e-6 (absolute and relative).

    Example: slipway skew flights --rows 100000
    """
    from pipeline.model_folder import find_model_dir
    from pipeline.serving_skew.proof_view import distributions_in_words, in_words
    from serving.prediction_log.log_reader import PredictionLog
    from serving.skew_proof.log_proof import ProofRequest
    from serving.skew_proof.proof_report import encode_proof

    if served is not None and not served.is_dir():
        raise ConfigError(f"--served is {str(served)!r}; there is no such folder.")
    model_dir = find_model_dir(pipeline, model_base_path, model)
    found_log = PredictionLog(log or _default_log(pipeline), model_dir.name)
    request = ProofRequest(max_rows=rows, version=version, served=served)
    proof = _prove(found_log, model_dir, request, pipeline if use_artifacts else None)
    sys.stdout.write(in_words(proof))
    compared = _compare(found_log, model_dir, request) if distributions else None
    if compared is not None:
        sys.stdout.write(distributions_in_words(compared))
    if json_file is not None:
        more = dataclasses.asdict(compared) if compared else None
        text = encode_proof(proof, distributions=more)
        json_file.write_text(text, encoding="utf-8")
    if not proof.bundles:
        raise ConfigError("no row could be replayed, so nothing is proven.")
    is_skewed = compared is not None and any(one.alarmed for one in compared.features)
    is_equal = proof.is_equal and not is_skewed
    raise typer.Exit(0 if is_equal else DIFFERENT_EXIT_CODE)


def _default_log(pipeline: str) -> Path:
    from pipeline.pipeline_argument import work_dir_of

    return work_dir_of(pipeline).path / PREDICTIONS


def _prove(
    log: "PredictionLog", model_dir: Path, request: "ProofRequest", pipeline: str | None
) -> "SkewProof":
    """Replays the rows; a pipeline is asked for its run's artifacts."""
    from pipeline.serving_skew.run_artifacts import artifact_finder
    from serving.lean_tensorflow import preload_tensorflow
    from serving.skew_proof.log_proof import no_artifacts, prove_log

    with _status() as show:
        show("starting TensorFlow")
        preload_tensorflow()
        find = artifact_finder(pipeline, _note) if pipeline else no_artifacts
        return prove_log(
            log, model_dir, request, find, lambda count: show(f"{count:,} rows read")
        )


def _compare(
    log: "PredictionLog", model_dir: Path, request: "ProofRequest"
) -> "Distributions | None":
    with _status() as show:
        show("comparing distributions")
        from pipeline.serving_skew.log_distributions import measure_distributions

        return measure_distributions(log, model_dir, request)


def _note(text: str) -> None:
    sys.stderr.write(f"slipway: {text}\n")


@contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is being done; says nothing where there is none."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update
