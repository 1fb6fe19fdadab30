"""Ten ways a model goes wrong, each injected into a sealed bundle: what catches it.

The hashes are right after every injection, so that the guard named here has to see it.
"""

import shutil

import pytest

from serving.bundle.verify import GUARDS, verify_bundle
from serving.chaos.code_failures import (
    add_hidden_pickle,
    add_pickle,
    add_python_function,
)
from serving.chaos.failure_mode import (
    FailureMode,
    Injection,
    NotApplicableError,
    reseal,
)
from serving.chaos.failure_modes import FAILURE_MODES
from serving.chaos.feature_failures import (
    empty_raw_names,
    empty_transformed_names,
    number_the_inputs,
    swap_in_contract,
    swap_in_signature,
)
from serving.chaos.identity_failures import (
    change_library_version,
    empty_name,
    remove_contract,
    remove_golden_batch,
)
from serving.chaos.input_failures import examine_feed, feed_unknown_categories
from serving.chaos.preprocessing_failures import (
    fill_missing_by_hand,
    refit_constants,
    refit_vocabularies,
)
from serving.chaos.rehearse import rehearse
from serving.chaos.weight_failures import change_one_weight, leave_dropout_on


def assert_refused(bundle, guard, *telling):
    found = verify_bundle(bundle)
    assert (found.is_ok, found.guard) == (False, guard), found
    for part in telling:
        assert part in found.reason


# 1
def test_reordered_vocabulary_is_caught(tiny_bundle):
    refit_vocabularies(tiny_bundle)
    assert_refused(
        tiny_bundle, "golden_batch", "'carrier_xf' is another than at the push"
    )


def test_refitted_scaling_is_caught(tiny_bundle):
    refit_constants(tiny_bundle)
    assert_refused(
        tiny_bundle,
        "golden_batch",
        "'miles_xf' is another than at the push for 24 of 24 golden rows",
    )


# 2
def test_another_fill_value_is_caught(tiny_bundle):
    assert "2 features get -1.0" in fill_missing_by_hand(tiny_bundle)
    assert_refused(tiny_bundle, "golden_batch", "'serving_default' is another")


# 3
def test_swapped_tensors_are_caught(tiny_bundle):
    assert "'miles' and 'month'" in swap_in_signature(tiny_bundle)
    assert_refused(tiny_bundle, "golden_batch", "'serving_default' is another")


def test_swapped_names_in_the_contract_are_caught(tiny_bundle):
    swap_in_contract(tiny_bundle)
    assert_refused(
        tiny_bundle,
        "feature_order",
        "raw_features.0 is 'month' in the contract and 'miles' in",
    )


# 4
def test_numbered_inputs_are_caught(tiny_bundle):
    number_the_inputs(tiny_bundle)
    assert_refused(tiny_bundle, "signatures", "'serving_default' lack 'carrier'")


def test_empty_raw_names_are_caught(tiny_bundle):
    empty_raw_names(tiny_bundle)
    assert_refused(tiny_bundle, "schema", "feature '' is not in")


def test_empty_transformed_names_are_caught(tiny_bundle):
    empty_transformed_names(tiny_bundle)
    assert_refused(tiny_bundle, "feature_order", "transformed_features.0 has no name")


# 5
def test_pickle_is_caught(tiny_bundle):
    add_pickle(tiny_bundle)
    assert_refused(tiny_bundle, "no_code", "'assets/encoder.pkl' could run code")


def test_pickle_under_another_name_is_caught(tiny_bundle):
    add_hidden_pickle(tiny_bundle)
    assert_refused(tiny_bundle, "no_code", "'assets/categories.txt' could run code")


def test_python_function_in_the_graph_is_caught(tiny_bundle):
    add_python_function(tiny_bundle)
    assert_refused(tiny_bundle, "no_code", "holds a PyFunc op")


# 6
def test_one_changed_weight_is_caught(tiny_bundle):
    assert change_one_weight(tiny_bundle) == "bias[0] is -0.34 and was -0.35"
    assert_refused(tiny_bundle, "golden_batch", "'probability'", "24 of 24 golden rows")


# 7
def test_active_dropout_is_caught(tiny_bundle):
    leave_dropout_on(tiny_bundle)
    assert_refused(tiny_bundle, "determinism", "'probability'", "dropout")


# 8
def test_unknown_categories_in_three_of_ten_rows_are_caught(tiny_bundle):
    feed_unknown_categories(tiny_bundle)
    refusal = examine_feed(tiny_bundle)
    assert refusal.guard == "input_statistics"
    assert "'carrier'" in refusal.reason
    assert "'as-of-today'" in refusal.reason
    assert verify_bundle(tiny_bundle).is_ok, "the bundle itself is sound"


# 9
def test_another_tensorflow_is_caught(tiny_bundle):
    change_library_version(tiny_bundle)
    assert_refused(tiny_bundle, "library_versions", "when the model was made. Install")


# 10
def test_lost_contract_is_caught(tiny_bundle):
    remove_contract(tiny_bundle)
    assert_refused(tiny_bundle, "identity", "nobody can say what model this is")


def test_lost_golden_batch_is_caught(tiny_bundle):
    remove_golden_batch(tiny_bundle)
    assert_refused(tiny_bundle, "identity", "golden_batch.json is missing")


def test_lost_name_is_caught(tiny_bundle):
    empty_name(tiny_bundle)
    assert_refused(tiny_bundle, "identity", "model.name is empty")


# Injection, the guard taken out, and what refuses the copy then; "" if nothing does,
# so that the guard is the only one that sees the failure.
WITHOUT_THE_GUARD = [
    (refit_vocabularies, "golden_batch", ""),
    (refit_constants, "golden_batch", ""),
    (fill_missing_by_hand, "golden_batch", ""),
    (swap_in_signature, "golden_batch", ""),
    (swap_in_contract, "feature_order", ""),
    (number_the_inputs, "signatures", "golden_batch"),
    (empty_raw_names, "schema", "feature_order"),
    (empty_transformed_names, "feature_order", "signatures"),
    (add_pickle, "no_code", ""),
    (add_hidden_pickle, "no_code", ""),
    (add_python_function, "graph", ""),
    (change_one_weight, "golden_batch", ""),
    (leave_dropout_on, "determinism", "golden_batch"),
    (change_library_version, "library_versions", ""),
    # Whoever opens the contract or the golden batch is told so by the reader itself.
    (remove_contract, "identity", "identity"),
    (remove_golden_batch, "identity", "identity"),
    (empty_name, "identity", ""),
]


@pytest.mark.parametrize(
    ("inject", "taken_out", "then"),
    WITHOUT_THE_GUARD,
    ids=[inject.__name__ for inject, *_ in WITHOUT_THE_GUARD],
)
def test_the_guard_is_needed(tiny_bundle, inject, taken_out, then):
    inject(tiny_bundle)
    guards = [guard for guard in GUARDS if guard.__name__ != taken_out]
    assert len(guards) == len(GUARDS) - 1
    assert verify_bundle(tiny_bundle, guards=guards).guard == then


def test_every_injection_is_listed_above():
    injections = {entry.inject for mode in FAILURE_MODES for entry in mode.injections}
    listed = {inject for inject, *_ in WITHOUT_THE_GUARD}
    assert injections - {feed_unknown_categories} == listed


def test_unknown_categories_pass_without_the_guard(tiny_bundle):
    feed_unknown_categories(tiny_bundle)
    assert examine_feed(tiny_bundle) is not None
    golden_rows_only = {"carrier": {"UA": 900, "ZZ": 42}}
    (tiny_bundle.parent / "feed.json").write_text(
        str(golden_rows_only).replace("'", '"')
    )
    assert examine_feed(tiny_bundle) is None, "a few unknown ones are ordinary"


def test_rehearsal_counts_ten_and_leaves_the_bundle_alone(built_tiny_bundle):
    def contents():
        return {
            path: path.read_bytes()
            for path in built_tiny_bundle.rglob("*")
            if path.is_file()
        }

    before, told = contents(), []
    found = rehearse(built_tiny_bundle, on_mode=lambda mode: told.append(mode.number))

    assert contents() == before
    assert told == list(range(1, 11))
    assert (found.num_caught, found.num_applicable) == (10, 10)
    assert found.is_all_caught
    assert [entry.guard for entry in found.attempts] == [
        entry.expected_guard for entry in found.attempts
    ]
    assert "slipway-chaos" not in "".join(entry.reason for entry in found.attempts)


def harmless(bundle):
    reseal(bundle)
    return "nothing was done"


def impossible(bundle):
    raise NotApplicableError(f"{bundle.name} has no wheel to turn")


@pytest.mark.parametrize(
    ("injects", "states", "counts"),
    [
        ((harmless,), ["not caught"], (0, 1)),
        ((impossible,), ["not applicable"], (0, 0)),
        ((empty_name, harmless), ["caught", "not caught"], (0, 1)),
        ((empty_name, impossible), ["caught", "not applicable"], (1, 1)),
    ],
)
def test_only_what_a_guard_refused_counts_as_caught(
    built_tiny_bundle, injects, states, counts
):
    mode = FailureMode(
        number=1,
        name="a try",
        description="Tried.",
        injections=tuple(
            Injection(inject=inject, guard="identity") for inject in injects
        ),
    )
    found = rehearse(built_tiny_bundle, [mode])

    assert [entry.state for entry in found.attempts] == states
    assert (found.num_caught, found.num_applicable) == counts
    assert found.is_all_caught is (counts[0] == counts[1])


def test_what_a_bundle_has_no_place_for_is_not_applicable(tiny_bundle):
    shutil.rmtree(tiny_bundle / "assets")
    with pytest.raises(NotApplicableError, match="no vocabulary"):
        refit_vocabularies(tiny_bundle)
