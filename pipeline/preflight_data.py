"""What a run's spans lack, seen from their headers alone: part of preflight."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from components.columnar_example_gen.row_filter import check_filter
from components.columnar_example_gen.source_files import SourceFile
from components.columnar_examples.encode import example_kind
from data.errors import DataContractError, list_in_words
from data.file_formats import format_of
from data.manifest import MANIFEST_NAME
from data.span_files import list_data_files
from data.spans import find_span, list_spans, load_manifest
from pipeline.config import PipelineConfig, named_columns
from pipeline.feature_list import read_feature_list
from pipeline.schema_file import CuratedSchema
from pipeline.settings_loader import did_you_mean

# What a column that a CSV reader takes for the one kind can be read as.
_CSV_READABLE_AS = {
    "int": ("int", "float", "bytes"),
    "float": ("float", "bytes"),
    "bytes": ("bytes",),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Header:
    """The columns of one span's first file."""

    file: Path
    columns: pa.Schema

    def fits(self, column: str, kind: str) -> bool:
        """Tells whether the column can be stored as the schema's kind."""
        arrow_type = self.columns.field(column).type
        if pa.types.is_null(arrow_type):
            return True
        found = example_kind(arrow_type)
        if format_of(self.file) == "csv":
            return kind in _CSV_READABLE_AS.get(found or "", ())
        return kind == found


def find_data_problems(
    config: PipelineConfig, spans: Sequence[int], schema: CuratedSchema
) -> list[str]:
    """Returns one text for each problem; see `preflight.check_data`."""
    if not spans:
        return [_no_spans(config)]
    problems = []
    eval_spans = config.data.split.eval_spans
    if eval_spans is not None and len(spans) <= eval_spans:
        problems.append(
            f"data.split.eval_spans is {eval_spans}, and the run reads "
            f"{_spans_in_words(spans)}; expected at least one more span to train on. "
            "Widen data.spans, or use data.split.eval_fraction."
        )
    headers = {}
    for span in spans:
        try:
            headers[span] = _read_header(config, span)
            _check_filter(config, headers[span], span)
        except DataContractError as error:
            problems.append(_sentence(error))
    problems += _dropped_columns(config)
    for setting, column in named_columns(config):
        problems += _missing_column(setting, column, headers)
        problems += _wrong_type(setting, column, headers, schema)
    return problems


def _no_spans(config: PipelineConfig) -> str:
    input_base, wanted = Path(config.data.input_base), config.data.spans
    if not input_base.is_dir():
        return (
            f"data.input_base is {str(input_base)!r}; expected a folder that holds "
            "span-1, span-2 and so on, found none. Put the spans there or name a "
            "function that does as data.prepare."
        )
    try:
        known = list_spans(input_base, config.data.layout())
    except DataContractError as error:
        return _sentence(error)
    bounds = {"first": wanted.first, "last": wanted.last, "newest": wanted.newest}
    asked = ", ".join(f"{key} {value}" for key, value in bounds.items() if value)
    return (
        f"data.spans asks for {asked or 'all'}, which selects no span of "
        f"{str(input_base)!r}; spans there: {list_in_words(known) or 'none'}."
    )


def _read_header(config: PipelineConfig, span: int) -> _Header:
    """Reads the columns of a span's first file.

    Raises:
        DataContractError: The span or its files are missing or cannot be read. The
            text holds no row: pyarrow's, for a CSV, would.
    """
    input_base, layout = Path(config.data.input_base), config.data.layout()
    folder = find_span(input_base, span, layout).path
    if (folder / MANIFEST_NAME).is_file():
        load_manifest(input_base, span, layout)
    file = list_data_files(folder)[0]
    if format_of(file) != config.data.format:
        raise DataContractError(
            f"data.format is {config.data.format!r}, but span {span} holds {file.name}"
        )
    try:
        columns = SourceFile(path=str(file), span=span, csv_kinds={}).schema()
    except DataContractError as error:
        raise DataContractError(
            f"{file} cannot be read as {config.data.format}; write span {span} anew"
        ) from error
    return _Header(file=file, columns=columns)


def _check_filter(config: PipelineConfig, header: _Header, span: int) -> None:
    where = [(column, operator, value) for column, operator, value in config.data.where]
    check_filter(where, header.columns, f"{header.file.name} of span {span}")


def _dropped_columns(config: PipelineConfig) -> Iterator[str]:
    """Names the features and slices that the projection leaves out."""
    needed = [("train.features", key) for key in _feature_keys(config)]
    needed += [("evaluation.slices", column) for column in config.evaluation.slices]
    for setting, column in needed:
        if not config.data.keeps(column):
            which = "exclude_columns" if config.data.exclude_columns else "columns"
            yield (
                f"data.{which} leaves out {column!r}, which {setting} names. "
                "Keep that column."
            )


def _feature_keys(config: PipelineConfig) -> Sequence[str]:
    if config.data.columns is None and not config.data.exclude_columns:
        return ()
    return read_feature_list(config.train.features).keys


def _missing_column(
    setting: str, column: str, headers: Mapping[int, _Header]
) -> Iterator[str]:
    lacking = [s for s, header in headers.items() if column not in header.columns.names]
    if lacking:
        names = headers[lacking[0]].columns.names
        yield (
            f"{setting} is {column!r}, which {_spans_in_words(lacking)} does not hold; "
            f"columns there: {list_in_words(names)}.{did_you_mean(column, names)}"
        )


def _wrong_type(
    setting: str, column: str, headers: Mapping[int, _Header], schema: CuratedSchema
) -> Iterator[str]:
    kind = schema.kinds.get(column)
    if kind is None:
        return
    wrong = [
        span
        for span, header in headers.items()
        if column in header.columns.names and not header.fits(column, kind)
    ]
    if wrong:
        found = headers[wrong[0]].columns.field(column).type
        yield (
            f"{setting} is {column!r}, which is {found} in {_spans_in_words(wrong)}; "
            f"expected {kind.upper()}, as in {schema.name}."
        )


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith((".", "?")) else f"{text}."


def _spans_in_words(spans: Sequence[int]) -> str:
    return f"span {list_in_words(spans)}"
