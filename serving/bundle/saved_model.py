"""Reads saved_model.pb without loading it: which ops it holds, which files it opens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError

_ASSETS = "saved_model_assets"


def read_saved_model(bundle: Path) -> Any:
    """Reads it as a saved_model_pb2.SavedModel.

    Raises:
        BundleRefusedError: Guard "signatures": it is none.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    text = (bundle / layout.SAVED_MODEL).read_bytes()
    try:
        return saved_model_pb2.SavedModel.FromString(text)
    except DecodeError as error:
        raise BundleRefusedError(
            "signatures", f"{layout.SAVED_MODEL} is no SavedModel: {error}."
        ) from error


def op_names(saved_model: Any) -> set[str]:
    """Returns the ops of all graphs and of every function in them."""
    found: set[str] = set()
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        found.update(node.op for node in graph.node)
        for function in graph.library.function:
            found.update(node.op for node in function.node_def)
    return found


def asset_paths(saved_model: Any) -> set[str]:
    """Returns the files that a loader opens for the graph, relative to the bundle."""
    return {
        f"assets/{asset.filename}"
        for meta_graph in saved_model.meta_graphs
        for asset in _assets(meta_graph)
    }


def _assets(meta_graph: Any) -> Iterator[Any]:
    from tensorflow.core.protobuf import meta_graph_pb2

    yield from meta_graph.asset_file_def
    # Where TensorFlow 1 kept them; the v1 loader still looks here.
    for packed in meta_graph.collection_def[_ASSETS].any_list.value:
        asset = meta_graph_pb2.AssetFileDef()
        if packed.Unpack(asset):
            yield asset
