"""Evaluates the conditions of tasks: the part of CEL that TFX's compiler writes.

Source:
    tfx/orchestration/kubeflow/v2/compiler_utils.py, placeholder_to_cel.
"""

import ast
import operator
from typing import Any

from tests.e2e.cluster.artifacts import KnownArtifact

_COMPARE = {ast.Eq: operator.eq, ast.Lt: operator.lt, ast.Gt: operator.gt}


def holds(condition: str, inputs: dict[str, list[KnownArtifact]]) -> bool:
    """Tells whether a task runs, given its input artifacts."""
    text = condition
    for cel, python in (("&&", " and "), ("||", " or "), ("!(", " not (")):
        text = text.replace(cel, python)
    artifacts = {
        key: {"artifacts": [{"metadata": a.metadata, "uri": a.uri} for a in found]}
        for key, found in inputs.items()
    }
    tree = ast.parse(text.strip(), mode="eval").body
    return bool(_value(tree, {"inputs": {"artifacts": artifacts}}))


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Attribute | ast.Subscript):
        return _look_up(node, names)
    return _operation(node, names)


def _look_up(node: ast.Attribute | ast.Subscript, names: dict[str, Any]) -> Any:
    owner = _value(node.value, names)
    if isinstance(node, ast.Attribute):
        return owner[node.attr]
    return owner[_value(node.slice, names)]


def _operation(node: ast.expr, names: dict[str, Any]) -> Any:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, names) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_value(part, names) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _value(part, names)
        case ast.Compare(left=left, ops=[compare], comparators=[right]):
            return _COMPARE[type(compare)](_value(left, names), _value(right, names))
    raise NotImplementedError(ast.dump(node))
