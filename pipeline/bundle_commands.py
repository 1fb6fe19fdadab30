"""`slipway verify`: may this bundle be used?"""

import dataclasses
import json
import sys
from typing import Annotated

import typer

BundleArgument = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE",
        help="A version's folder; or flights: the version served; or flights/2.",
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
    """Checks a model against its contract: OK or REFUSED.

    Files, versions, schema, signatures, and the golden batch replayed. REFUSED comes
    with one reason and exit code 5.

    Example: slipway verify flights
    """
    from pipeline.model_folder import find_bundle
    from serving.bundle.errors import BundleRefusedError
    from serving.bundle.verify import in_words, verify_bundle

    found = verify_bundle(
        find_bundle(bundle), allow_other_tensorflow=allow_other_tensorflow
    )
    text = (
        json.dumps(dataclasses.asdict(found), indent=1) if as_json else in_words(found)
    )
    sys.stdout.write(f"{text}\n")
    raise typer.Exit(0 if found.is_ok else BundleRefusedError.exit_code)
