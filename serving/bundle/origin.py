"""Parts of a contract: which model it is, and the run, code and rows it comes from."""

from dataclasses import dataclass
from typing import Any, ClassVar

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelIdentity:
    """Which model this is.

    Attributes:
        name: Its folder under the model base path.
        version: TF Serving's version number, >= 1.
        pushed_at: ISO 8601, UTC.
        model_digest: SHA-256 over what TF Serving reads; see layout.model_digest.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    version: int
    pushed_at: str
    model_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeRevision:
    """The sources that made the model.

    Attributes:
        commit: Git's commit id; None where the project is no git checkout.
        is_modified: Whether tracked files differed from that commit.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    commit: str | None
    is_modified: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOrigin:
    """The run that trained the model."""

    __pydantic_config__: ClassVar[Any] = _STRICT
    pipeline: str
    run_id: str
    code: CodeRevision


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One span of data the run read.

    Attributes:
        span: Its number, >= 1.
        digest: SHA-256 over its files, as its manifest has it.
        num_rows: Rows in its files.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    span: int
    digest: str
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DataOrigin:
    """The rows the model was trained and judged on.

    Attributes:
        spans: In order of their numbers.
        num_train_rows, num_eval_rows: Rows of the two splits.
        num_unlabelled_rows: Rows left out for want of a label.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    spans: tuple[Span, ...]
    num_train_rows: int
    num_eval_rows: int
    num_unlabelled_rows: int
