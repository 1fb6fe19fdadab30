"""The one error of a model that a server was tried with."""


class CheckFailedError(RuntimeError):
    """The model, or the server with it, does not answer as it must; says how."""
