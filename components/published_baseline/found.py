"""Tells a baseline from a folder that says there is none yet.

A component has to write its outputs, also where it has nothing to write; so on Kubeflow
"no baseline" arrives as an artifact with the property `is_absent`.
"""

from typing import Any

IS_ABSENT = "is_absent"


def found_baseline(model: Any) -> Any:
    """Returns the Model artifact; None for none and for one that is marked absent."""
    if model is None or model.get_int_custom_property(IS_ABSENT) == 1:
        return None
    return model
