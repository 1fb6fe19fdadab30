"""Files and graphs that would run code by being loaded. Nothing here loads them."""

from pathlib import Path

from serving.chaos.failure_mode import reseal
from serving.chaos.saved_model_edit import add_constant, edited_meta_graph

# A pickle of protocol 2 by hand: who loads it calls print. Another name than print, and
# it would be any command.
_PICKLE = b"\x80\x02cbuiltins\nprint\nX\x05\x00\x00\x00hello\x85R."


def add_pickle(bundle: Path) -> str:
    """Adds a pickled encoder, as a notebook would leave it."""
    return _add_file(bundle, "assets/encoder.pkl")


def add_hidden_pickle(bundle: Path) -> str:
    """Adds a pickle under a name that looks like a vocabulary's."""
    return _add_file(bundle, "assets/categories.txt")


def _add_file(bundle: Path, relative: str) -> str:
    path = bundle / relative
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_PICKLE)
    reseal(bundle)
    return f"{relative!r} is a pickle; the contract has its hash"


def add_python_function(bundle: Path) -> str:
    """Adds an op to the graph that calls back into Python."""
    from tensorflow.core.framework import types_pb2

    with edited_meta_graph(bundle) as meta_graph:
        graph = meta_graph.graph_def
        kind = types_pb2.DT_FLOAT
        source = add_constant(graph, "python/source", 1.0, kind)
        node = graph.node.add(name="python/call", op="PyFunc", input=[source])
        node.attr["token"].s = b"pyfunc_0"
        node.attr["Tin"].list.type.append(kind)
        node.attr["Tout"].list.type.append(kind)
    reseal(bundle)
    return "the graph holds a PyFunc op"
