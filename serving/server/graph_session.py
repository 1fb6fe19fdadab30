"""A SavedModel in a v1 session, called through session callables.

As TF Serving loads it: graph, variables, init ops and assets, for models of TensorFlow
1 and 2 alike. A callable takes any shape that the graph's operations take, as TF
Serving does: `session.run` would refuse what the placeholder does not declare.

Small models run in TensorFlow's single-threaded executor, which answers one row four
times as fast. It refuses some graphs (control flow of TensorFlow 1): those get the
usual one. It checks no dtypes either and ends the whole process over a wrong one, so
nothing may be fed to it that `request_checks` has not seen.
"""

import gc
import logging
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Signature, TensorInfo
from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_SINGLE_THREADED = "SINGLE_THREADED_EXECUTOR"
_DEFAULT_EXECUTOR = ""
_CALLERS_THREAD = -1
"""Else the graph's functions run in a thread of TensorFlow's, and handing them over
is a third of one row's time.
Source: RunOptions in tensorflow/core/protobuf/config.proto.
"""
# Above this a model is mostly arithmetic, which several threads share.
_SMALL_MODEL_BYTES = 64 << 20
# What TensorFlow puts around the reason.
_NOISE = re.compile(
    r"Graph execution error|Detected at node|Node: '|<stack traces|\d+ root error|\[\["
    r"|\s*File |Restoring from checkpoint failed"
)

_ENDLESS_OPS = frozenset(
    ("While", "StatelessWhile", "LoopCond", "PyFunc", "PyFuncStateless", "EagerPyFunc")
)

Array = npt.NDArray[Any]


class GraphSession:
    """One loaded SavedModel.

    Attributes:
        signatures: By name.
        signature_defs: By name, SignatureDef messages; without the loader's own.
        ends_surely: Whether a call runs in the thread that makes it, and has neither
            loops nor code that is not TensorFlow's.
    """

    def __init__(self, model_dir: Path, tags: Sequence[str] = ("serve",)) -> None:
        """Loads the model.

        Raises:
            ServingError: The loader rejects it; the message is TensorFlow's.
        """
        self._model_dir = model_dir
        self._tags = list(tags)
        is_small = _stored_bytes(model_dir) < _SMALL_MODEL_BYTES
        executor = _SINGLE_THREADED if is_small else _DEFAULT_EXECUTOR
        try:
            self._load(executor)
        except ServingError:
            if executor == _DEFAULT_EXECUTOR:
                raise
            # The reason may be the executor; if it is not, this raises the same.
            self._load(_DEFAULT_EXECUTOR)

    def callable_for(self, signature: str, outputs: Sequence[str]) -> Any:
        """Returns a function of one array an input, in alphabetical order.

        Args:
            signature: Its name.
            outputs: Names of outputs, in the order in which the function gives them.

        Raises:
            ServingError: The graph cannot be run so, say because an output is an
                input.
        """
        from tensorflow.core.protobuf import config_pb2

        described = self.signatures[signature]
        options = config_pb2.CallableOptions()
        options.feed.extend(info.tensor_name for info in described.inputs.values())
        options.fetch.extend(described.outputs[name].tensor_name for name in outputs)
        if self._is_single_threaded:
            options.run_options.inter_op_thread_pool = _CALLERS_THREAD
        try:
            return self._session._make_callable_from_options(options)
        except Exception as error:  # TensorFlow raises what it likes
            raise run_error(error) from error

    def close(self) -> None:
        """Gives the memory back; no call may be running or follow."""
        self._session.close()
        del self._session
        # A graph refers to itself: without this its memory stays until some later day.
        gc.collect()

    def _load(self, executor: str) -> None:
        import tensorflow as tf

        config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
        config.experimental.executor_type = executor
        session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            with session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(
                    session, self._tags, str(self._model_dir)
                )
            self._session = session
            self._is_single_threaded = executor == _SINGLE_THREADED
            self._describe(meta_graph, session.graph)
            self.ends_surely = self._is_single_threaded and not _has_loops(
                meta_graph.graph_def
            )
            if executor != _DEFAULT_EXECUTOR:
                # It says no when it is first asked to run a part of the graph.
                for name, signature in self.signatures.items():
                    self.callable_for(name, list(signature.outputs))
        except Exception as error:  # what a damaged file makes TensorFlow do
            session.close()
            if executor != _DEFAULT_EXECUTOR:
                _LOG.debug("not loaded by %s: %s", executor, telling_line(error))
            raise load_error(error) from error

    def _describe(self, meta_graph: Any, graph: Any) -> None:
        self.signature_defs = {
            name: definition
            for name, definition in sorted(meta_graph.signature_def.items())
            if not name.startswith("__saved_model")
        }
        self.signatures = {
            name: Signature(
                name=name,
                method_name=definition.method_name,
                inputs=_infos(definition.inputs, graph),
                outputs=_infos(definition.outputs, graph),
            )
            for name, definition in self.signature_defs.items()
            if _is_dense(definition)
        }


def _has_loops(graph_def: Any) -> bool:
    functions = graph_def.library.function
    nodes = chain(graph_def.node, *(function.node_def for function in functions))
    return any(node.op in _ENDLESS_OPS for node in nodes)


def _is_dense(definition: Any) -> bool:
    tensors = [*definition.inputs.values(), *definition.outputs.values()]
    return all(info.WhichOneof("encoding") == "name" for info in tensors)


def _infos(tensors: Any, graph: Any) -> dict[str, TensorInfo]:
    """Describes tensors; their dtype is the graph's, not what the signature claims."""
    described = {}
    for name, info in sorted(tensors.items()):
        dtype = graph.get_tensor_by_name(info.name).dtype.base_dtype
        shape = info.tensor_shape
        described[name] = TensorInfo(
            name=name,
            dtype=np.dtype(dtype.as_numpy_dtype),
            tf_dtype=int(dtype.as_datatype_enum),
            shape=(
                None
                if shape.unknown_rank
                else tuple(int(size.size) for size in shape.dim)
            ),
            tensor_name=info.name,
        )
    return described


def _stored_bytes(model_dir: Path) -> int:
    files = [model_dir / "saved_model.pb", *model_dir.glob("variables/*")]
    return sum(file.stat().st_size for file in files if file.is_file())


def telling_line(error: BaseException) -> str:
    """Returns the line of TensorFlow's text that says what went wrong."""
    text = getattr(error, "message", None) or str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    telling = [line for line in lines if not _NOISE.match(line)]
    chosen = (telling or lines or [repr(error)])[0]
    return re.sub(r"^\(\d+\) (\w+: )?", "", chosen)


def load_error(error: Exception) -> ServingError:
    """Returns why a model was not loaded, under TensorFlow's code if it has one."""
    code: Any = getattr(error, "error_code", None)
    known = {int(member): member for member in Code}
    return ServingError(known.get(code, Code.INTERNAL), telling_line(error))


def run_error(error: Exception) -> ServingError:
    """Returns why a call failed.

    What TensorFlow lays to its own account keeps its code; all else is the request's.
    """
    code = getattr(error, "error_code", None)
    own = (
        Code.FAILED_PRECONDITION,
        Code.RESOURCE_EXHAUSTED,
        Code.UNIMPLEMENTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
        Code.OUT_OF_RANGE,
        Code.NOT_FOUND,
    )
    chosen = Code(code) if code in own else Code.INVALID_ARGUMENT
    return ServingError(chosen, telling_line(error))
