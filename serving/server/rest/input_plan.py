"""What a signature's inputs ask of a request, worked out once.

Inputs of one type are read as one block; see packed_rows.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from serving.server.core import Signature
from serving.server.packed_rows import RowLayout
from serving.server.rest.tensor_types import ElementType, Kind, element_type

_NULLABLE = (Kind.FLOAT, Kind.TEXT)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputPlan:
    """One input.

    Attributes:
        name: Its key in the signature.
        element: What its elements may be.
        is_nullable: Whether null is taken, and becomes NaN or b"".
    """

    name: str
    element: ElementType
    is_nullable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class InputBlock:
    """Inputs that are read together.

    Attributes:
        plans: At least one; all alike but for the name.
        names: Of the plans.
        pick: One row to the values of these inputs, in order.
    """

    plans: tuple[InputPlan, ...]
    names: tuple[str, ...]
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]

    @property
    def first(self) -> InputPlan:
        """The input the others are like."""
        return self.plans[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class SignaturePlan:
    """All inputs of a signature.

    Attributes:
        inputs: By name, in alphabetical order.
        blocks: The same inputs, by type.
        layout: Of the blocks.
        is_one_base64: Its only input is named b64: {"b64": "…"} is then a value, not
            an object of inputs.
    """

    inputs: Mapping[str, InputPlan]
    blocks: tuple[InputBlock, ...]
    layout: RowLayout
    is_one_base64: bool


def plan_signature(
    signature: Signature, nullable: Collection[str] = ()
) -> SignaturePlan:
    """Returns the plan of a signature.

    Args:
        signature: With at least one input.
        nullable: Inputs that take null; only of float, double and string.
    """
    inputs = {}
    for name in sorted(signature.inputs):
        element = element_type(signature.inputs[name].tf_dtype)
        inputs[name] = InputPlan(
            name=name,
            element=element,
            is_nullable=name in nullable and element.kind in _NULLABLE,
        )
    together: dict[tuple[str, bool], list[InputPlan]] = {}
    for plan in inputs.values():
        key = (plan.element.name, plan.is_nullable)
        together.setdefault(key, []).append(plan)
    blocks = tuple(_block(tuple(plans)) for plans in together.values())
    return SignaturePlan(
        inputs=inputs,
        blocks=blocks,
        layout=RowLayout(
            [block.names for block in blocks],
            [block.first.element.dtype for block in blocks],
        ),
        is_one_base64=set(inputs) == {"b64"},
    )


def _block(plans: tuple[InputPlan, ...]) -> InputBlock:
    names = tuple(plan.name for plan in plans)
    if len(plans) > 1:
        return InputBlock(plans=plans, names=names, pick=itemgetter(*names))
    [name] = names
    return InputBlock(plans=plans, names=names, pick=lambda row: (row[name],))
