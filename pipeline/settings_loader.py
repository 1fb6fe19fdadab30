"""Turns plain YAML values into frozen dataclasses, refusing whatever does not fit.

Unknown keys, wrong types and missing keys are errors that name the dotted setting,
the value and the nearest known name. Ranges are checked by each dataclass itself.
"""

import dataclasses
import difflib
import json
import math
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

_SHORT = reprlib.Repr(maxstring=80, maxother=80, maxlist=5, maxdict=5, maxlevel=3)


class ConfigError(ValueError):
    """A setting that cannot be used; the text names it, its value and the remedy."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the nearest known name, or an empty string."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def build_settings[Settings](
    settings_class: type[Settings], values: object, path: str = ""
) -> Settings:
    """Builds one settings dataclass from a YAML mapping.

    Args:
        settings_class: A dataclass whose field types are bool, int, float, str,
            tuples and dicts of these, other settings dataclasses, Any (plain
            values that JSON can hold), or one of these `| None`.
        values: The mapping as YAML gave it; None counts as an empty mapping.
        path: Dotted path of the mapping in the file, "" for the whole file.

    Raises:
        ConfigError: An unknown or missing key, a value of another type, or one
            that the dataclass itself refuses.
    """
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{path or 'the configuration'} is {_shown(values)}; "
            "expected a mapping of settings."
        )
    fields = {field.name: field for field in dataclasses.fields(settings_class)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise ConfigError(
                f"unknown setting {_join(path, str(key))}; known settings are "
                f"{', '.join(fields)}.{did_you_mean(str(key), fields)}"
            )
    hints = typing.get_type_hints(settings_class)
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], _join(path, name))
        elif _is_required(field):
            raise ConfigError(f"setting {_join(path, name)} is missing.")
    try:
        return settings_class(**arguments)
    except ValueError as error:
        # ConfigError is one; settings of other packages do not know it.
        raise ConfigError(_join(path, str(error))) from error


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return (
        field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _convert(hint: Any, value: object, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        (hint,) = [part for part in typing.get_args(hint) if part is not type(None)]
        return _convert(hint, value, path)
    if dataclasses.is_dataclass(hint):
        return build_settings(typing.cast(type, hint), value, path)
    if origin is tuple:
        return _convert_list(typing.get_args(hint)[0], value, path)
    if origin is dict:
        return _convert_mapping(typing.get_args(hint)[1], value, path)
    return _convert_scalar(hint, value, path)


def _convert_list(item_hint: Any, value: object, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{path} is {_shown(value)}; expected a list.")
    return tuple(
        _convert(item_hint, item, f"{path}[{index}]")
        for index, item in enumerate(value)
    )


def _convert_mapping(value_hint: Any, value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} is {_shown(value)}; expected a mapping.")
    return {
        str(key): _convert(value_hint, item, _join(path, str(key)))
        for key, item in value.items()
    }


def _convert_scalar(hint: Any, value: object, path: str) -> Any:
    if hint is Any or hint is object:
        return _require_plain(value, path)
    if hint is float and type(value) in (int, float):
        return _finite_float(value, path)
    if type(value) is not hint:
        raise ConfigError(
            f"{path} is {_shown(value)}; expected {_KIND_NAMES[hint]}."
            f"{_exponent_remedy(hint, value)}"
        )
    return value


def _require_plain(value: object, path: str) -> object:
    """Refuses what cannot travel to a component as JSON, for example a date."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is {_shown(value)}; expected plain values: text, finite numbers, "
            "true, false, null, and lists and mappings of these."
        ) from error
    return value


def _finite_float(value: Any, path: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{path} is {_shown(value)}; expected a finite number.")
    return number


def _exponent_remedy(hint: Any, value: object) -> str:
    """YAML 1.1 takes 1e-3 for text; only 1.0e-3 is a number."""
    if hint is not float or not isinstance(value, str):
        return ""
    try:
        return f" YAML takes {value} for text; write {float(value)!r}."
    except ValueError:
        return ""


def _shown(value: object) -> str:
    """Returns the value as Python writes it, long ones cut."""
    try:
        return _SHORT.repr(value)
    except ValueError:
        return "a number of more than 4,300 digits"


_KIND_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
