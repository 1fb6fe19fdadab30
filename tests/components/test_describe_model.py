"""What the run knows of a model is what its contract says."""

from components.model_pusher.describe_model import Origin, describe_model
from serving.bundle.contract import CodeRevision, RunOrigin
from tests.serving.bundle.documents import KEPT
from tests.serving.tiny_bundle import MEASURED


def test_measurements_and_origin_are_in_the_contract():
    run = RunOrigin(
        pipeline="rides",
        run_id="r1",
        code=CodeRevision(commit=None, is_modified=None),
    )
    origin = Origin(
        model_name="rides",
        key="ride_id",
        label="is_late",
        run=run,
        spans=(),
        num_rows={"train": 10, "eval": 4, "unlabelled": 1},
        verdict={"sentence": "blessed", "confidence": 0.95, "checks": []},
        serving=MEASURED,
    )

    contract = describe_model(KEPT, 7, origin)

    assert contract.serving == MEASURED
    assert contract.run == run
    assert (contract.model.name, contract.model.version) == ("rides", 7)
    assert contract.label.classes == ("on_time", "late")
    assert [feature.dtype for feature in contract.transformed_features] == [
        "int64",
        "float32",
        "int64",
    ]
