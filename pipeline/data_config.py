"""The settings of the data: where rows come from, which are used and for what."""

from dataclasses import dataclass, field
from typing import Any

from data.span_layout import (
    DEFAULT_PATTERN,
    SpanLayout,
    pattern_problem,
    span_of_date,
)
from pipeline.setting_checks import (
    require,
    require_at_least,
    require_choice,
    require_fraction,
)
from pipeline.settings_loader import ConfigError

FORMATS = ("parquet", "csv", "feather", "orc")  # data/file_formats.py is not light
OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanRange:
    """Which spans a run reads: first to last, or the newest ones.

    Attributes:
        first: First span, inclusive. None: the first there is.
        last: Last span, inclusive. None: the newest there is.
        newest: Read this many spans, up to and with `last`. Excludes `first`.
        first_date, last_date: The same as ISO dates ("2013-01-31", in quotes), for
            spans that are dates.
    """

    first: int | None = None
    last: int | None = None
    newest: int | None = None
    first_date: str | None = None
    last_date: str | None = None

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            self._take_date(name)
        for name in ("first", "last", "newest"):
            value = getattr(self, name)
            require(
                value is None or value >= 1,
                f"{name} is {value!r}; expected at least 1.",
            )
        require(
            self.first is None or self.newest is None,
            f"newest is {self.newest!r} beside first {self.first!r}; "
            "give one of the two.",
        )
        require(
            self.first is None or self.last is None or self.first <= self.last,
            f"last is {self.last!r}, before first {self.first!r}.",
        )

    def _take_date(self, name: str) -> None:
        text = getattr(self, f"{name}_date")
        if text is None:
            return
        require(
            getattr(self, name) is None,
            f"{name}_date is {text!r} beside {name} {getattr(self, name)!r}; "
            "give one of the two.",
        )
        try:
            span = span_of_date(text)
        except ValueError as error:
            raise ConfigError(
                f"{name}_date is {text!r}; expected a date such as '2013-01-31'."
            ) from error
        object.__setattr__(self, name, span)  # frozen

    def select(self, available: list[int]) -> list[int]:
        """Returns the spans of `available` (sorted, unique) that this range names."""
        chosen = [
            span
            for span in available
            if (self.first is None or span >= self.first)
            and (self.last is None or span <= self.last)
        ]
        return chosen[-self.newest :] if self.newest else chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """How rows are divided into "train" and "eval".

    Attributes:
        by: "time" (default: no evaluation row is earlier than any training row),
            "hash" (of the key: rows of all times on both sides, which flatters
            a model that will predict the future) or "group" (all rows with one value
            of `column` are on one side).
        column: By group: the column whose values are the groups.
        eval_spans: By time: the newest spans that are evaluated on. None: use
            eval_fraction.
        eval_fraction: Share to evaluate on, in (0, 1): by time, of the rows, the
            latest; by hash, of the keys; by group, of the groups.
    """

    by: str = "time"
    column: str | None = None
    eval_spans: int | None = None
    eval_fraction: float | None = None

    def __post_init__(self) -> None:
        require_choice("by", self.by, ("time", "hash", "group"))
        require(
            (self.column is not None) == (self.by == "group"),
            f"column is {self.column!r}, and by is {self.by!r}; by: group needs a "
            "column, the others take none.",
        )
        require(
            (self.eval_spans is None) != (self.eval_fraction is None),
            "eval_spans and eval_fraction: give exactly one of the two.",
        )
        if self.eval_fraction is not None:
            require_fraction("eval_fraction", self.eval_fraction)
        if self.eval_spans is not None:
            require_at_least("eval_spans", self.eval_spans, 1)
            require(
                self.by == "time",
                f"eval_spans needs by: time; a {self.by} split takes eval_fraction.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where rows come from and what its special columns are; see docs/data.md.

    Attributes:
        input_base: Folder of all spans.
        pattern: Where a span lies below it: by number (default) or by date, with or
            without a version; see data/span_layout.py.
        versions: Span to the version to read; spans not named: the newest.
        prepare: Dotted path of a function `(input_base, spans)` that fills
            input_base; None: the spans are there already.
        format: "parquet", "csv", "feather" or "orc"; every file of every span has it.
        key: Column that names a row for good; never a feature.
        event_time: Column with the time the prediction is asked for; never a feature.
        label: Column to predict, 0 or 1. Rows without it are counted, not used.
        columns: Columns to keep. None: all.
        exclude_columns: Columns to leave out.
        where: Conditions [column, operator, value] that all have to hold for a row
            to be used; operators: ==, !=, <, <=, >, >=, in, not in.
        on_bad_rows: "fail" (default: the first row that cannot be read ends the run)
            or "quarantine" (such rows are set aside and counted).
        max_bad_rows: Most rows to set aside, >= 0. None: any number.
        max_bad_fraction: Largest share of rows to set aside, in [0, 1].
    """

    input_base: str
    pattern: str = DEFAULT_PATTERN
    versions: dict[str, int] = field(default_factory=dict)
    prepare: str | None = None
    format: str = "parquet"
    key: str
    event_time: str
    label: str
    columns: tuple[str, ...] | None = None
    exclude_columns: tuple[str, ...] = ()
    where: tuple[tuple[Any, ...], ...] = ()
    on_bad_rows: str = "fail"
    max_bad_rows: int | None = None
    max_bad_fraction: float = 0.01
    spans: SpanRange = field(default_factory=SpanRange)
    split: SplitConfig = field(default_factory=lambda: SplitConfig(eval_fraction=0.2))

    def __post_init__(self) -> None:
        require_choice("format", self.format, FORMATS)
        require(
            self.label not in (self.key, self.event_time),
            f"label is {self.label!r}, which is the key or the event_time; "
            "expected the column to predict.",
        )
        problem = pattern_problem(self.pattern)
        require(problem is None, f"pattern is {self.pattern!r}, which {problem}.")
        for span, version in self.versions.items():
            require(
                span.isdecimal() and version >= 1,
                f"versions.{span} is {version!r}; expected a span's number and a "
                "version of at least 1.",
            )
        self._check_columns()
        self._check_bad_rows()
        for index, condition in enumerate(self.where):
            check_condition(f"where[{index}]", condition)

    def layout(self) -> SpanLayout:
        """Returns where the spans lie below input_base."""
        versions = {int(span): version for span, version in self.versions.items()}
        return SpanLayout(pattern=self.pattern, versions=versions)

    def needed_columns(self) -> dict[str, str]:
        """Returns setting to column for each column that no projection may drop."""
        needed = {"key": self.key, "event_time": self.event_time, "label": self.label}
        if self.split.column is not None:
            needed["split.column"] = self.split.column
        return needed

    def keeps(self, column: str) -> bool:
        """Tells whether the projection keeps a column."""
        is_named = self.columns is None or column in self.columns
        return is_named and column not in self.exclude_columns

    def _check_columns(self) -> None:
        require(
            self.columns is None or not self.exclude_columns,
            "columns and exclude_columns: give at most one of the two.",
        )
        for setting, column in self.needed_columns().items():
            require(
                self.keeps(column),
                f"{'exclude_columns' if self.exclude_columns else 'columns'} leaves "
                f"out {column!r}, which is the data's {setting}.",
            )

    def _check_bad_rows(self) -> None:
        require_choice("on_bad_rows", self.on_bad_rows, ("fail", "quarantine"))
        if self.max_bad_rows is not None:
            require_at_least("max_bad_rows", self.max_bad_rows, 0)
        fraction = self.max_bad_fraction
        require(
            0 <= fraction <= 1,
            f"max_bad_fraction is {fraction!r}; expected a fraction from 0 to 1.",
        )


def check_condition(setting: str, condition: tuple[Any, ...]) -> None:
    """Raises ConfigError unless this is [column, operator, value]."""
    is_triple = len(condition) == 3 and isinstance(condition[0], str)  # noqa: PLR2004
    require(
        is_triple,
        f"{setting} is {list(condition)!r}; expected [column, operator, value], for "
        "example [distance_miles, '>', 100].",
    )
    _, operator, value = condition
    require_choice(f"{setting}[1]", str(operator), OPERATORS)
    is_list = isinstance(value, list)
    require(
        is_list == (operator in ("in", "not in")),
        f"{setting}[2] is {value!r}; expected "
        f"{'one value' if is_list else 'a list of values'} for {operator!r}.",
    )
    values = value if isinstance(value, list) else [value]
    require(
        all(isinstance(each, str | int | float | bool) for each in values),
        f"{setting}[2] is {value!r}; expected numbers, texts, true or false.",
    )
