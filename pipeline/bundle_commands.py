"""`slipway verify`: may this bundle be used?"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.settings_loader import ConfigError

BundleArgument = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE",
        help="A version's folder, such as var/flights/models/flights/1.",
    ),
]
AllowOtherTensorflow = Annotated[
    bool,
    typer.Option(
        "--allow-other-tensorflow",
        help="Let another TensorFlow major.minor pass; the golden batch then decides.",
    ),
]


def verify(
    bundle: BundleArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="The answer as JSON, for scripts.")
    ] = False,
    allow_other_tensorflow: AllowOtherTensorflow = False,
) -> None:
    """Checks a model against its contract: OK (exit 0), or REFUSED (exit 5) and why.

    Files, versions, schema, signatures, and the golden batch replayed.

    Example: slipway verify var/flights/models/flights/1
    """
    from serving.bundle.errors import BundleRefusedError
    from serving.bundle.verify import in_words, verify_bundle

    if not bundle.is_dir():
        raise ConfigError(
            f"BUNDLE is {str(bundle)!r}, which is no folder; expected a version's "
            "folder, {model_base_path}/{model_name}/{version}."
        )
    found = verify_bundle(bundle, allow_other_tensorflow=allow_other_tensorflow)
    text = (
        json.dumps(dataclasses.asdict(found), indent=1) if as_json else in_words(found)
    )
    sys.stdout.write(f"{text}\n")
    raise typer.Exit(0 if found.is_ok else BundleRefusedError.exit_code)
