"""BundleVerifier: `slipway verify` as a step of a pipeline."""

import dataclasses
import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import InfraBlessing, PushedModel

from serving.bundle.errors import BundleRefusedError
from serving.bundle.verify import verify_bundle

VERIFICATION_FILE = "verification.json"


@component
def BundleVerifier(
    pushed_model: InputArtifact[PushedModel],
    blessing: OutputArtifact[InfraBlessing],
    allow_other_tensorflow: Parameter[int] = 0,
) -> None:
    """Checks a published version against its contract and stops if it is refused.

    The pusher has checked the bundle before it published it. This checks what lies at
    the destination, for example after a copy to another storage or on another machine.

    Args:
        pushed_model: Custom property `pushed_destination`: the version's folder.
        blessing: {uri}/INFRA_BLESSED (empty) and {uri}/verification.json. Custom
            properties `blessed` (1) and `bundle_digest`.
        allow_other_tensorflow: 1 lets another TensorFlow major.minor pass.

    Raises:
        BundleRefusedError: The bundle fails a check; exit code 5.
        FileNotFoundError: Nothing lies at the destination, or nothing was pushed.

    Example:
        BundleVerifier(pushed_model=pusher.outputs["pushed_model"])
    """
    destination = pushed_model.get_string_custom_property("pushed_destination")
    if not destination:
        raise FileNotFoundError("pushed_destination is empty: nothing was pushed.")
    found = verify_bundle(
        Path(destination), allow_other_tensorflow=bool(allow_other_tensorflow)
    )
    if not found.is_ok:
        raise BundleRefusedError(found.guard, found.reason)
    (Path(blessing.uri) / "INFRA_BLESSED").touch()
    (Path(blessing.uri) / VERIFICATION_FILE).write_text(
        json.dumps(dataclasses.asdict(found), indent=1), encoding="utf-8"
    )
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_string_custom_property("bundle_digest", found.bundle_digest or "")
