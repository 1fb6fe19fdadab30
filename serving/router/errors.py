"""What the router refuses to do."""


class RouterError(RuntimeError):
    """The router cannot start or go on as it was told.

    Attributes:
        exit_code: Of the command line: wrong usage or configuration.
    """

    exit_code = 2
