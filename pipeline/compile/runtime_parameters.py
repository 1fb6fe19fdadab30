"""What may be told to each run of a compiled pipeline, and how it reaches the nodes.

TFX's RuntimeParameter is not used: beside an exit handler its compiler wires it to
inputs that the DAG inside does not have, and no cluster resolves those. So parameters
are wired here, from the root through the DAG to the node's own parameter, or to one key
of a parameter that holds JSON: `set--custom_config--max_epochs` arrives at the node
beside `custom_config`, and pipeline/compile/container_entry.py puts it in.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.compile.spec_parts import NODES_DAG, Json, node_tasks, task_name
from pipeline.config import PipelineConfig

INTO_JSON = "set--"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "STRING": str,
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": (int, float),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One value that a run may be given.

    Attributes:
        kind: STRING, NUMBER_INTEGER or NUMBER_DOUBLE.
        default: Taken where a run is given none. None: it must be given.
        help: What it is, for a person.
        nodes: The nodes that read it.
        parameter: Their parameter.
        key: Key of that parameter's JSON object; None: all of the parameter.
    """

    kind: str
    default: str | int | float | None
    help: str
    nodes: Sequence[str]
    parameter: str
    key: str | None = None


def parameters_of(
    config: PipelineConfig, data_digest: str = ""
) -> dict[str, Parameter]:
    """Returns the parameters of a pipeline by name, defaults from its configuration.

    Args:
        config: The configuration.
        data_digest: SHA-256 that the spans must have; "": any.
    """
    trainers = ("tuner", "trainer") if config.tune.enabled else ("trainer",)
    return {
        "spans": Parameter(
            kind="STRING",
            default=_default_spans(config),
            help="JSON list of the spans to read",
            nodes=("example_gen",),
            parameter="spans",
        ),
        "data_digest": Parameter(
            kind="STRING",
            default=data_digest,
            help="SHA-256 that these spans must have; empty: any",
            nodes=("example_gen",),
            parameter="data_digest",
        ),
        **{
            name: Parameter(
                kind=kind,
                default=getattr(config.train, name),
                help=f"train.{name}",
                nodes=trainers,
                parameter="custom_config",
                key=name,
            )
            for name, kind in (
                ("max_epochs", "NUMBER_INTEGER"),
                ("batch_size", "NUMBER_INTEGER"),
                ("learning_rate", "NUMBER_DOUBLE"),
            )
        },
        "max_out_of_domain_fraction": Parameter(
            kind="NUMBER_DOUBLE",
            default=config.validation.max_out_of_domain_fraction,
            help="validation.max_out_of_domain_fraction",
            nodes=("anomaly_gate",),
            parameter="max_out_of_domain_fraction",
        ),
        "thresholds": Parameter(
            kind="STRING",
            default=json.dumps(
                [dataclasses.asdict(each) for each in config.evaluation.thresholds]
            ),
            help="JSON list of evaluation.thresholds",
            nodes=("quality_gate",),
            parameter="thresholds",
        ),
    }


def _default_spans(config: PipelineConfig) -> str | None:
    spans = config.data.spans
    if spans.first is None or spans.last is None or spans.newest is not None:
        return None  # Which spans there are is seen where they lie.
    return json.dumps(list(range(spans.first, spans.last + 1)))


def wire_parameters(spec: Json, parameters: Mapping[str, Parameter]) -> None:
    """Declares the parameters at the root and leads each to the nodes that read it."""
    dag = spec["components"][NODES_DAG]
    caller = spec["root"]["dag"]["tasks"][NODES_DAG]
    for name, parameter in parameters.items():
        declaration: dict[str, Any] = {
            "parameterType": parameter.kind,
            "description": parameter.help,
        }
        if parameter.default is not None:
            declaration["defaultValue"] = parameter.default
        _declare(spec["root"], name, declaration)
        _declare(dag, name, {"parameterType": parameter.kind})
        _give(caller, name, name)
        for node_id in parameter.nodes:
            task = node_tasks(spec)[task_name(node_id)]
            _lead_to(
                spec["components"][task["componentRef"]["name"]], task, name, parameter
            )


def _lead_to(component: Json, task: Json, name: str, parameter: Parameter) -> None:
    target = parameter.parameter
    if parameter.key is not None:
        target = f"{INTO_JSON}{target}--{parameter.key}"
        _declare(component, target, {"parameterType": parameter.kind})
    _give(task, target, name)


def _declare(component: Json, name: str, declaration: Json) -> None:
    inputs = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    inputs[name] = declaration


def _give(task: Json, name: str, source: str) -> None:
    inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
    inputs[name] = {"componentInputParameter": source}


def is_of_kind(value: object, kind: str) -> bool:
    """Tells whether a plain value can be given for a parameter of this kind."""
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)
