"""What can be wrong with ML Metadata: retryable or not is a type."""


class MetadataError(RuntimeError):
    """The store is missing or cannot be used; the text says which and why."""

    exit_code = 1


class MetadataUnavailableError(MetadataError):
    """The server does not answer. The same again may go well later."""


class MetadataLostError(MetadataError):
    """The connection broke while something new was written.

    Whether it was written is not known, so it is not tried again here; a node that is
    started again begins with an execution of its own.
    """


class MetadataRefusedError(MetadataError):
    """The server answers and refuses: password, database, rights, version.

    The same again would end the same.
    """

    exit_code = 2
