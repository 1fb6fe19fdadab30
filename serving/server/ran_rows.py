"""What a run of the graph took and gave, for whoever is told of answered requests."""

from dataclasses import dataclass

from serving.server.core import Arrays


@dataclass(kw_only=True, slots=True, eq=False)
class RanRows:
    """Rows of one request, or of several that ran as one; nobody changes them.

    Attributes:
        signature: The signature's name.
        inputs, outputs: [rows, …] each.
    """

    signature: str
    inputs: Arrays
    outputs: Arrays
