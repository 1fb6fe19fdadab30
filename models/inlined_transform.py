"""A transform graph as a part of the caller's graph, cut where columns become dense.

TensorFlow does not inline a function that holds a table, as every transform graph does:
called, it costs a request of one row a third more.

TFT traces the graph for what a parsed tf.Example is: one SparseTensor a feature, of no
or one value a row. Most of them are made dense at once. A request has dense columns
already: making them sparse first, to have them made dense again, costs another third.
So the graph is cut where a feature becomes dense, and what is in front of the cut is
left out. A feature that the graph uses otherwise is made sparse.

Behind the cut the graph is the same whatever is in front of it, and must stay so while
TensorFlow optimizes it: where it knows that shapes are equal, it adds up three numbers
in another order, and the last bit is another one. So it is not told shapes at the cut.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

# tft itself names only a Keras layer around this loader.
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from models.graph_cuts import MATRIX, Cut, find_cuts, operation_of, part_behind

Tensors = dict[str, tf.Tensor]


class InlinedTransform:
    """A loaded transform graph; its methods are for the tracing of a tf.function.

    Attributes:
        dense_keys: Features that the graph makes dense first and uses only so.
    """

    def __init__(self, loader: SavedModelLoader) -> None:
        """Looks for what can be cut.

        Args:
            loader: Holds the graph.

        Raises:
            ValueError: It is one of TensorFlow 1 (force_tf_compat_v1).
        """
        if loader.load_v2_in_compat:
            raise ValueError(
                "the transform graph is one of TensorFlow 1; run Transform with "
                "force_tf_compat_v1=False."
            )
        self._loader = loader
        self._graph: tf.Graph = loader._wrapped_function.graph
        self._inputs: Mapping[str, Any] = loader._structured_inputs
        self._features = {
            part.op.name: key
            for key, column in self._inputs.items()
            for part in tf.nest.flatten(column, expand_composites=True)
        }
        self._cuts: dict[str, list[Cut]] = {}
        ends = frozenset(tensor.name for tensor in self._graph.outputs)
        for key, column in self._inputs.items():
            if isinstance(column, tf.SparseTensor):
                self._cuts[key] = find_cuts(column, ends)
        self.dense_keys = frozenset(key for key, cuts in self._cuts.items() if cuts)

    def of_columns(
        self, rows: Mapping[str, tf.Tensor], outputs: Iterable[str]
    ) -> Tensors:
        """Returns transformed features.

        Args:
            rows: Features, [batch] each: string, "" where missing, or float32, NaN
                where missing. Where the graph has int64, the fraction is cut off.
            outputs: Which to return.

        Returns:
            By name. Shapes and dtypes are the graph's.

        Raises:
            KeyError: An output is not in the graph.
            ValueError: An output needs a feature that is not given.
        """
        self._check_known(rows)
        others = {key: rows[key] for key in rows if key not in self.dense_keys}
        dtypes = {key: self._inputs[key].dtype for key in others}
        fed = self._cut_columns(rows)
        shape = _shape(rows)
        for key in rows:
            fed[self._inputs[key].dense_shape.name] = shape
        for key, column in to_sparse(others, dtypes).items():
            fed[self._inputs[key].indices.name] = column.indices
            fed[self._inputs[key].values.name] = column.values
        return self._import(fed, outputs)

    def of_sparse(
        self, features: Mapping[str, tf.SparseTensor], outputs: Iterable[str]
    ) -> Tensors:
        """Returns the same, to the last bit, of features of parsed tf.Examples.

        Args:
            features: [batch, <=1] each: string, float32 or int64.
            outputs: Which to return.
        """
        self._check_known(features)
        fed = {}
        for key, column in features.items():
            inside = self._inputs[key]
            fed[inside.dense_shape.name] = column.dense_shape
            if key not in self.dense_keys:
                fed[inside.indices.name] = column.indices
                fed[inside.values.name] = column.values
        return self._import(fed | self._cut_sparse(features), outputs)

    def _import(self, fed: Tensors, outputs: Iterable[str]) -> Tensors:
        caller = tf.compat.v1.get_default_graph()
        given = {name: _of_unknown_shape(tensor) for name, tensor in fed.items()}
        for outside, inside in self._graph.captures:
            given[inside.name] = caller.capture(outside)
        wanted = {key: self._loader.structured_outputs[key] for key in outputs}
        part = part_behind(self._graph, given, wanted.values(), self._features)
        inside_part = {node.name for node in part.node}
        used = [name for name in given if operation_of(name) in inside_part]
        results = tf.graph_util.import_graph_def(
            part,
            input_map={name: given[name] for name in used},
            return_elements=[tensor.name for tensor in wanted.values()],
            name="transform",
        )
        for result, tensor in zip(results, wanted.values(), strict=True):
            result.set_shape(tensor.shape)  # the import forgets some
        return dict(zip(wanted, results, strict=True))

    def _cut_columns(self, rows: Mapping[str, tf.Tensor]) -> Tensors:
        """Returns what is at the cuts, by name of the graph's tensor.

        All columns of one kind together: what a request of one row costs is the number
        of operations.
        """
        alike: dict[tuple[Any, ...], list[tuple[str, Cut]]] = {}
        for key in sorted(self.dense_keys & rows.keys()):
            for cut in self._cuts[key]:
                # As text: NaN does not equal itself.
                kind = (self._inputs[key].dtype, cut.dtypes, str(cut.default))
                alike.setdefault(kind, []).append((key, cut))
        fed = {}
        for (dtype, dtypes, _), cuts in alike.items():
            columns = [rows[key] for key, _ in cuts]
            filled = _filled(columns, (dtype, *dtypes), cuts[0][1].default)
            for (_, cut), column in zip(cuts, filled, strict=True):
                is_matrix = cut.rank == MATRIX
                fed[f"{cut.operation}:0"] = column[:, None] if is_matrix else column
        return fed

    def _cut_sparse(self, features: Mapping[str, tf.SparseTensor]) -> Tensors:
        fed = {}
        for key in sorted(self.dense_keys & features.keys()):
            column = features[key]
            shape = tf.stack([column.dense_shape[0], 1])
            for cut in self._cuts[key]:
                values = column.values
                for dtype in cut.dtypes:
                    values = tf.cast(values, dtype)
                dense = tf.sparse.to_dense(
                    tf.SparseTensor(column.indices, values, shape), cut.default
                )
                is_matrix = cut.rank == MATRIX
                fed[f"{cut.operation}:0"] = dense if is_matrix else dense[:, 0]
        return fed

    def _check_known(self, features: Iterable[str]) -> None:
        for key in features:
            if not isinstance(self._inputs.get(key), tf.SparseTensor):
                raise KeyError(f"{key!r} is not a sparse input of the transform graph.")


def to_sparse(
    rows: Mapping[str, tf.Tensor], dtypes: Mapping[str, tf.DType]
) -> dict[str, tf.SparseTensor]:
    """Returns columns as a parsed tf.Example has them: without NaN and "".

    All columns of one dtype together: what a request of one row costs is the number of
    operations.

    Args:
        rows: Features, [batch] each, string or float32.
        dtypes: What each is to be: string, float32 or int64.

    Returns:
        By name, [batch, 1] each.
    """
    shape = _shape(rows) if rows else None
    together: dict[tf.DType, list[str]] = {}
    for key in rows:
        together.setdefault(dtypes[key], []).append(key)
    sparse = {}
    for dtype, keys in together.items():
        block = tf.stack([rows[key] for key in keys])
        present = ~_is_missing(block)
        places = tf.where(present)
        values = tf.cast(tf.gather_nd(block, places), dtype)
        indices = tf.pad(places[:, 1:], [[0, 0], [0, 1]])
        counts = tf.math.count_nonzero(present, axis=1)
        for key, own_indices, own_values in zip(
            keys,
            tf.split(indices, counts, num=len(keys)),
            tf.split(values, counts, num=len(keys)),
            strict=True,
        ):
            sparse[key] = tf.SparseTensor(own_indices, own_values, shape)
    return sparse


def _of_unknown_shape(tensor: tf.Tensor) -> tf.Tensor:
    """Returns a tensor without what is known of its shape."""
    forgetful = tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=None)
    forgetful.set_shape(tensor.shape)  # for Python; not a part of the graph
    return forgetful


def _shape(rows: Mapping[str, tf.Tensor]) -> tf.Tensor:
    return tf.stack([tf.size(next(iter(rows.values())), tf.int64), 1])


def _is_missing(block: tf.Tensor) -> tf.Tensor:
    is_text = block.dtype == tf.string
    return tf.equal(block, "") if is_text else tf.math.is_nan(block)


def _filled(
    columns: list[tf.Tensor], dtypes: tuple[tf.DType, ...], default: Any
) -> list[tf.Tensor]:
    """Returns columns cast to one dtype after the other, defaults where missing."""
    is_text = columns[0].dtype == tf.string
    stands_as_is = default == b"" if is_text else math.isnan(default)
    if stands_as_is and set(dtypes) == {columns[0].dtype}:
        return columns
    block = tf.stack(columns)
    is_missing = _is_missing(block)
    for dtype in dtypes:
        block = tf.cast(block, dtype)
    block = tf.where(is_missing, tf.constant(default, block.dtype), block)
    filled: list[tf.Tensor] = tf.unstack(block, num=len(columns))
    return filled
