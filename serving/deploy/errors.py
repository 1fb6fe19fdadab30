"""The one error of this package: a deployment that cannot be generated as asked."""


class DeployError(ValueError):
    """An option that cannot be used; the text names it, its value and the remedy.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 2
