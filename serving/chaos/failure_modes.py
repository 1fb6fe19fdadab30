"""The ten failure modes, each with the guard that must catch it."""

from serving.chaos.code_failures import (
    add_hidden_pickle,
    add_pickle,
    add_python_function,
)
from serving.chaos.failure_mode import FailureMode, Injection
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
from serving.chaos.weight_failures import change_one_weight, leave_dropout_on

FAILURE_MODES: tuple[FailureMode, ...] = (
    FailureMode(
        number=1,
        name="refitted preprocessing",
        description="Vocabulary or scaling was learned again, from other rows than "
        "the weights: every answer is a little wrong.",
        injections=(
            Injection(inject=refit_vocabularies, guard="golden_batch"),
            Injection(inject=refit_constants, guard="golden_batch"),
        ),
    ),
    FailureMode(
        number=2,
        name="another fill value",
        description="Preprocessing was rebuilt by hand and fills missing values "
        "otherwise than training did.",
        injections=(Injection(inject=fill_missing_by_hand, guard="golden_batch"),),
    ),
    FailureMode(
        number=3,
        name="swapped features",
        description="Two features of the same type took each other's place; nothing "
        "fails, all answers are wrong.",
        injections=(
            Injection(inject=swap_in_signature, guard="golden_batch"),
            Injection(inject=swap_in_contract, guard="feature_order"),
        ),
    ),
    FailureMode(
        number=4,
        name="feature names missing",
        description="The export lost the names of the features, so that a caller has "
        "to guess their order.",
        injections=(
            Injection(inject=number_the_inputs, guard="signatures"),
            Injection(inject=empty_raw_names, guard="schema"),
            Injection(inject=empty_transformed_names, guard="feature_order"),
        ),
    ),
    FailureMode(
        number=5,
        name="code in the bundle",
        description="A file or an op would run somebody's code when it is loaded.",
        injections=(
            Injection(inject=add_pickle, guard="no_code"),
            Injection(inject=add_hidden_pickle, guard="no_code"),
            Injection(inject=add_python_function, guard="no_code"),
        ),
    ),
    FailureMode(
        number=6,
        name="changed weight",
        description="One number of the weights is another than when the model was "
        "judged.",
        injections=(Injection(inject=change_one_weight, guard="golden_batch"),),
    ),
    FailureMode(
        number=7,
        name="dropout left active",
        description="The model was exported as it is in training: the same row gets "
        "another answer each time.",
        injections=(Injection(inject=leave_dropout_on, guard="determinism"),),
    ),
    FailureMode(
        number=8,
        name="unknown categories",
        description="The rows to be scored carry categories that training never saw; "
        "all of them share one place in the vocabulary.",
        injections=(
            Injection(
                inject=feed_unknown_categories,
                guard="input_statistics",
                examine=examine_feed,
            ),
        ),
    ),
    FailureMode(
        number=9,
        name="another library version",
        description="The model was made with another TensorFlow than the one that is "
        "to answer.",
        injections=(
            Injection(inject=change_library_version, guard="library_versions"),
        ),
    ),
    FailureMode(
        number=10,
        name="no identity",
        description="Nobody can say which model this is, or whether it still answers "
        "as it did when it was judged.",
        injections=(
            Injection(inject=remove_contract, guard="identity"),
            Injection(inject=remove_golden_batch, guard="identity"),
            Injection(inject=empty_name, guard="identity"),
        ),
    ),
)
