"""Reads FEATURE_KEYS and LABEL_KEY of a use case: a module of constants."""

from dataclasses import dataclass

from data.errors import list_in_words
from pipeline.dotted_path import DottedPathError, import_constants
from pipeline.settings_loader import did_you_mean


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureList:
    """The raw columns a model reads.

    Attributes:
        keys: Raw features, in the order of a serving request.
        label: Raw label column.
    """

    keys: tuple[str, ...]
    label: str


def read_feature_list(module_name: str) -> FeatureList:
    """Imports the module, which must be light, and reads its two constants.

    Raises:
        DottedPathError: There is no such module, it is not light, or it lacks
            FEATURE_KEYS (different column names) or LABEL_KEY (one).
    """
    module = import_constants(module_name)
    for name in ("FEATURE_KEYS", "LABEL_KEY"):
        if not hasattr(module, name):
            raise DottedPathError(
                f"the module defines no {name!r}.{did_you_mean(name, vars(module))}"
            )
    keys, label = module.FEATURE_KEYS, module.LABEL_KEY
    if not isinstance(keys, tuple | list) or not keys or not _are_texts(keys):
        raise DottedPathError("its FEATURE_KEYS is no tuple of column names.")
    if not _are_texts([label]):
        raise DottedPathError(f"its LABEL_KEY is {label!r}; expected a column name.")
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise DottedPathError(
            f"its FEATURE_KEYS names more than once: {list_in_words(repeated)}."
        )
    return FeatureList(keys=tuple(keys), label=label)


def _are_texts(values: tuple[object, ...] | list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
