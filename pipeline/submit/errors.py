"""What keeps a compiled pipeline from being taken by a cluster."""

from dataclasses import dataclass


@dataclass
class SubmitError(Exception):
    """A host that did not take the request; the text names host, reason and remedy.

    Attributes:
        host: URL that was asked.
        problem: What happened, as the end of "HOST …".
        remedy: What to do about it, whole sentences.
        status: HTTP status of the answer. None: there was no answer.
    """

    host: str
    problem: str
    remedy: str
    status: int | None = None

    exit_code = 1

    def __str__(self) -> str:
        return f"{self.host} {self.problem}. {self.remedy}"


def may_have_been_taken(host: str, problem: str, where: str) -> SubmitError:
    """Returns the error for a request that was sent and not answered.

    Sending it again could start the work twice, so nothing here is tried again.

    Args:
        host: URL that was asked.
        problem: What happened, as the end of "HOST …".
        where: Where a person sees whether it was taken.
    """
    return SubmitError(
        host=host,
        problem=problem,
        remedy=f"The request may have been taken all the same: look at {where} before "
        "you submit again.",
    )


def no_answer(timeout_s: float) -> str:
    """Returns the problem of a host that was waited for, in seconds."""
    return f"did not answer within {timeout_s:g} s (--timeout)"


HUNG_UP = "ended the connection without an answer"


def reason_of(error: BaseException) -> str:
    """Returns why there was no connection: in the system's words, where it has some."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return str(seen.strerror)
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
