"""What was served, replayed: equal, or found and named."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from serving.bundle.contract import read_contract
from serving.prediction_log.log_reader import PredictionLog
from serving.skew_proof.log_proof import (
    NothingLoggedError,
    ProofRequest,
    prove_log,
)
from serving.skew_proof.proof_report import encode_proof
from serving.skew_proof.reference import RunArtifacts
from tests.serving.skew_proof.ride_log import NUM_RIDES, write_rides

# Rides of carrier B6 in the first 300: three in ten, less the missing ones.
NUM_B6 = 90


def prove(log, bundle, *, artifacts=None, **request):
    found = artifacts or RunArtifacts()
    return prove_log(log, bundle.parent, ProofRequest(**request), lambda _: found)


@pytest.fixture
def saved_model(tiny_bundle, tmp_path):
    """The SavedModel of the bundle as its run left it."""
    folder = tmp_path / "Format-Serving"
    shutil.copytree(tiny_bundle, folder)
    shutil.rmtree(folder / "assets.extra")
    return folder


def test_rows_of_the_same_bundle_are_equal_to_the_last_one(rides_log, tiny_bundle):
    proof = prove(rides_log, tiny_bundle)
    assert proof.is_equal
    (bundle,) = proof.bundles
    assert bundle.num_rows == bundle.num_transformed == bundle.num_outputs == NUM_RIDES
    assert bundle.num_differing == 0
    assert (bundle.files, bundle.columns, bundle.not_compared) == ((), (), ())


def test_one_changed_vocabulary_line_is_found_and_named(swapped_log, tiny_bundle):
    proof = prove(swapped_log, tiny_bundle)
    assert not proof.is_equal
    (bundle,) = proof.bundles
    assert bundle.num_differing == NUM_B6
    first, *outputs = bundle.columns
    assert (first.part, first.column) == ("transformed", "carrier_xf")
    assert first.num_differing == NUM_B6
    assert first.worst.raw == {"carrier": "B6"}
    # B6 is line 2, id 1; the served copy gave it the id behind its four lines.
    assert (first.worst.served, first.worst.replayed) == (4, 1)
    assert "line 2 ('B6') of assets/carriers" in first.cause
    assert [one.column for one in outputs] == ["probability", "label"]
    assert "follows from the transformed features" in outputs[0].cause


def test_the_served_folder_is_compared_line_by_line(swapped_log, swapped, tiny_bundle):
    proof = prove(swapped_log, tiny_bundle, served=swapped)
    (file,) = proof.bundles[0].files
    assert (file.path, file.what, file.num_lines) == ("assets/carriers", "changed", 1)
    assert file.folder == str(swapped)
    (line,) = file.lines
    assert (line.line, line.reference, line.served) == (2, "B6", "QQ")
    assert "line 2 is 'QQ', pushed was 'B6'" in file.sentence


def test_a_folder_changed_where_it_lies_is_found_by_its_files(swapped_log, swapped):
    proof = prove(swapped_log, swapped)
    assert not proof.is_equal
    (bundle,) = proof.bundles
    assert [file.path for file in bundle.files] == ["assets/carriers"]
    # It is the only copy: the rows agree with it, and no line can be told.
    assert (bundle.num_differing, bundle.files[0].lines) == (0, ())


def test_the_model_in_the_runs_artifacts_says_what_the_changed_folder_hides(
    swapped_log, swapped, saved_model
):
    proof = prove(swapped_log, swapped, artifacts=RunArtifacts(model=saved_model))
    (bundle,) = proof.bundles
    assert bundle.replayed_on == str(saved_model)
    assert bundle.num_differing == NUM_B6
    assert bundle.columns[0].against == "the model in the run's artifacts"
    assert bundle.files[0].lines[0].reference == "B6"


def test_artifacts_that_were_changed_as_well_are_not_taken(
    swapped_log, swapped, saved_model
):
    (saved_model / "assets" / "carriers").write_text("UA\nZZ\nEV\nDL\n")
    proof = prove(swapped_log, swapped, artifacts=RunArtifacts(model=saved_model))
    assert proof.bundles[0].replayed_on == str(swapped)


def test_a_contract_written_anew_is_found_by_the_digest_of_the_push(
    tiny_bundle, tmp_path, saved_model, reseal_bytes
):
    pushed = read_contract(tiny_bundle).digest
    (tiny_bundle / "assets" / "carriers").write_text("UA\nQQ\nEV\nDL\n")
    reseal_bytes(tiny_bundle)
    log = write_rides(tiny_bundle, tmp_path / "log")
    assert prove(log, tiny_bundle).is_equal
    artifacts = RunArtifacts(model=saved_model, pushed_digest=pushed)
    (bundle,) = prove(log, tiny_bundle, artifacts=artifacts).bundles
    assert [file.path for file in bundle.files] == [
        "assets.extra/contract.json",
        "assets/carriers",
    ]
    assert bundle.files[1].lines[0].served == "QQ"
    assert bundle.columns[0].column == "carrier_xf"


def test_other_weights_behind_the_same_transform_are_told_apart(tiny_bundle, tmp_path):
    log = write_rides(
        tiny_bundle,
        tmp_path / "log",
        change=lambda outputs: {
            **outputs,
            "probability": outputs["probability"] + np.float32(1e-5),
        },
    )
    (column,) = prove(log, tiny_bundle).bundles[0].columns
    assert (column.part, column.column) == ("outputs", "probability")
    assert column.num_differing == NUM_RIDES
    assert "the weights or the graph behind the transform" in column.cause


def test_outputs_within_the_tolerance_are_equal(tiny_bundle, tmp_path):
    log = write_rides(
        tiny_bundle,
        tmp_path / "log",
        change=lambda outputs: {
            **outputs,
            "probability": outputs["probability"] + np.float32(5e-7),
        },
    )
    assert prove(log, tiny_bundle).is_equal


def test_rows_of_a_bundle_that_is_not_here_are_told_and_not_passed_over(
    rides_log, tiny_bundle, rewrite_contract
):
    rewrite_contract(
        tiny_bundle, lambda document: document["run"].update(run_id="other")
    )
    proof = prove(rides_log, tiny_bundle)
    assert proof.bundles == ()
    (unproven,) = proof.unproven
    assert unproven.num_rows == NUM_RIDES
    assert "no version here is the bundle" in unproven.reason


def test_a_contract_that_cannot_be_read_is_the_reason(rides_log, tiny_bundle):
    contract = tiny_bundle / "assets.extra" / "contract.json"
    contract.write_bytes(contract.read_bytes().replace(b"rides", b"ridez", 1))
    (unproven,) = prove(rides_log, tiny_bundle).unproven
    assert "was changed after it was written" in unproven.reason


def test_the_newest_rows_are_taken(rides_log, tiny_bundle):
    assert prove(rides_log, tiny_bundle, max_rows=100).num_rows == 100
    since = datetime(2026, 3, 1, 12, 0, 40, tzinfo=UTC)
    # Requests 40, 41 and the last, 42, of six rides.
    assert prove(rides_log, tiny_bundle, since=since).num_rows == 20


def test_a_log_without_transformed_features_says_so(tiny_bundle, tmp_path):
    log = write_rides(tiny_bundle, tmp_path / "log", transformed_share=0.0)
    (bundle,) = prove(log, tiny_bundle).bundles
    assert (bundle.num_transformed, bundle.num_outputs) == (0, NUM_RIDES)
    assert "transformed_share above 0" in bundle.not_compared[0]


def test_a_log_of_answers_alone_still_names_value_and_line(
    swapped, tiny_bundle, tmp_path
):
    log = write_rides(swapped, tmp_path / "log", transformed_share=0.0)
    column = prove(log, tiny_bundle).bundles[0].columns[0]
    assert (column.column, column.num_differing) == ("probability", NUM_B6)
    assert column.cause == (
        "every row that differs has carrier='B6', as 90 rows do: look at line 2 ('B6') "
        "of assets/carriers"
    )


def test_a_masked_input_leaves_outputs_unproven_and_the_transform_proven(
    tiny_bundle, tmp_path
):
    log = write_rides(tiny_bundle, tmp_path / "log", masked=("miles",))
    (bundle,) = prove(log, tiny_bundle).bundles
    assert bundle.is_equal
    assert (bundle.num_transformed, bundle.num_outputs) == (NUM_RIDES, 0)
    assert "masks miles" in bundle.not_compared[-1]


def test_an_empty_log_is_refused_with_its_folder(tiny_bundle, tmp_path):
    log = PredictionLog(tmp_path / "nowhere", "rides")
    with pytest.raises(NothingLoggedError, match=r"nowhere/rides holds no rows\. "):
        prove(log, tiny_bundle)
    with pytest.raises(NothingLoggedError, match="no rows of version 7"):
        prove(log, tiny_bundle, version=7)


def test_progress_tells_the_rows_read(rides_log, tiny_bundle):
    seen = []
    prove_log(rides_log, tiny_bundle.parent, ProofRequest(), on_rows=seen.append)
    assert seen[-1] == NUM_RIDES


def test_the_json_holds_all_of_it(swapped_log, swapped, tiny_bundle):
    proof = prove(swapped_log, tiny_bundle, served=swapped)
    document = json.loads(encode_proof(proof, distributions=None))
    assert document["format"] == "slipway-skew-proof"
    assert document["is_equal"] is False
    (bundle,) = document["bundles"]
    assert bundle["files"][0]["lines"][0]["served"] == "QQ"
    assert bundle["columns"][0]["worst"]["raw"] == {"carrier": "B6"}
    assert document["distributions"] is None


def test_numbers_json_does_not_have_become_text(swapped_log, tiny_bundle):
    proof = prove(swapped_log, tiny_bundle)
    (bundle,) = proof.bundles
    worst = dataclasses.replace(bundle.columns[0].worst, served=float("nan"))
    column = dataclasses.replace(bundle.columns[0], worst=worst)
    changed = dataclasses.replace(
        proof, bundles=(dataclasses.replace(bundle, columns=(column,)),)
    )
    (told,) = json.loads(encode_proof(changed))["bundles"][0]["columns"]
    assert told["worst"]["served"] == "nan"
