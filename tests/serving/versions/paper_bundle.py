"""Bundles of three files: a true contract over them, and no model inside.

For tests of what only asks who a bundle is. serving.bundle.verify refuses them.
"""

from collections.abc import Sequence
from pathlib import Path

from serving.bundle.contract import (
    CodeRevision,
    Contract,
    DataOrigin,
    Evaluation,
    LabelContract,
    Metric,
    ModelIdentity,
    RunOrigin,
    SealedContract,
    Span,
    ThresholdCheck,
)
from serving.bundle.seal import seal


def paper_contract(
    version: int, *, name: str = "rides", spans: Sequence[int] = (1,), run_id: str = ""
) -> Contract:
    return Contract(
        model=ModelIdentity(
            name=name,
            version=version,
            pushed_at=f"2026-01-{version % 28 + 1:02d}T03:04:05+00:00",
            model_digest="",
        ),
        run=RunOrigin(
            pipeline=name,
            run_id=run_id or f"20260102-030405-{version:04x}",
            code=CodeRevision(commit="c0de" * 10, is_modified=False),
        ),
        data=DataOrigin(
            spans=tuple(
                Span(span=span, digest=f"{span:02x}" * 32, num_rows=1000 + span)
                for span in spans
            ),
            num_train_rows=800,
            num_eval_rows=200,
            num_unlabelled_rows=40,
        ),
        key="ride_id",
        label=LabelContract(name="is_late", classes=("on_time", "late")),
        raw_features=(),
        transformed_features=(),
        signatures={},
        schema_fingerprint="5c" * 32,
        library_versions={"tensorflow": "2.21.0"},
        evaluation=Evaluation(
            verdict="all 2 bounds are met",
            confidence=0.95,
            metrics=(Metric(name="auc", value=0.71, low=0.66, high=0.76),),
            checks=(ThresholdCheck(sentence="auc is 0.71, at least 0.6", is_met=True),),
        ),
    )


def write_paper_bundle(
    folder: Path,
    version: int,
    *,
    name: str = "rides",
    spans: Sequence[int] = (1,),
    run_id: str = "",
) -> SealedContract:
    """Writes {folder}, whose contract says it is `version`."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(f"graph {version}".encode())
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    contract = paper_contract(version, name=name, spans=spans, run_id=run_id)
    return seal(folder, contract)
