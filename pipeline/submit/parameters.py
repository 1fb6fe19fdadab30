"""Turns `--param name=value` into the typed values that a compiled pipeline takes."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.settings_loader import ConfigError, did_you_mean
from pipeline.submit.compiled_file import RuntimeParameter

# A cluster is handed google.protobuf.Value, whose numbers are float64.
_MAX_EXACT = 2**53


def parse_parameters(
    given: Sequence[str], parameters: Mapping[str, RuntimeParameter]
) -> dict[str, Any]:
    """Returns name to value, each of the type that the pipeline declares.

    Args:
        given: "name=value" each; the value may hold further "=". LIST and STRUCT are
            written as JSON. An empty value is the empty text, and no other type's.
        parameters: What the compiled pipeline takes.

    Raises:
        ConfigError: No "=", a name that the pipeline does not take or that is given
            twice, a value of another type, or a required parameter that is not given.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError(f"--param is {text!r}; expected NAME=VALUE.")
        if name not in parameters:
            raise ConfigError(_unknown(name, parameters))
        if name in values:
            raise ConfigError(f"--param {name} is given twice.")
        values[name] = _typed(name, value, parameters[name].type)
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.is_required and name not in values
    ]
    if missing:
        raise ConfigError(
            f"the pipeline's parameter {missing[0]} has no default; give "
            f"--param {missing[0]}=VALUE."
        )
    return values


def _unknown(name: str, parameters: Mapping[str, RuntimeParameter]) -> str:
    if not parameters:
        return f"--param {name}: the compiled pipeline takes no parameters."
    return (
        f"--param {name}: the compiled pipeline has no such parameter; it takes "
        f"{', '.join(parameters)}.{did_you_mean(name, parameters)}"
    )


def _typed(name: str, text: str, kind: str) -> Any:
    expected, parse = _KINDS[kind]
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(
            f"--param {name} is {text!r}; expected {expected}."
        ) from error


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,16}", text) or abs(int(text)) > _MAX_EXACT:
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _json_of(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("a text", str),
    "NUMBER_INTEGER": ("a whole number from -2^53 to 2^53", _whole_number),
    "NUMBER_DOUBLE": ("a finite number", _number),
    "BOOLEAN": ("true or false", _truth),
    "LIST": ("a JSON list, such as [1, 2]", _json_of(list)),
    "STRUCT": ('a JSON object, such as {"a": 1}', _json_of(dict)),
}
