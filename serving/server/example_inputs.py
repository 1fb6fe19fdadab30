"""tensorflow.serving.Input: the tf.Examples that Classify and Regress take.

Source: tensorflow_serving/apis/input.proto;
tensorflow_serving/servables/tensorflow/util.cc, InputToSerializedExampleTensor: a
context is put before every example, and where both have a feature, the example's wins
as protobuf's concatenation has it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.status import Code, ServingError


def serialized_examples(message: Any) -> npt.NDArray[Any]:
    """Returns the examples as text (object) [examples].

    Raises:
        ServingError: INVALID_ARGUMENT: there is none.
    """
    kind = message.WhichOneof("kind")
    examples: list[bytes] = []
    if kind == "example_list":
        examples = [
            example.SerializeToString() for example in message.example_list.examples
        ]
    elif kind == "example_list_with_context":
        found = message.example_list_with_context
        context = found.context.SerializeToString()
        examples = [context + example.SerializeToString() for example in found.examples]
    if not examples:
        raise ServingError(Code.INVALID_ARGUMENT, "Input is empty.")
    array = np.empty(len(examples), dtype=object)
    array[:] = examples
    return array
