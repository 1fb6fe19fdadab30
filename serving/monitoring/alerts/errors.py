"""What can go wrong between an alarm and the person it is meant for."""


class AlertError(ValueError):
    """Settings or a state file that cannot be used; the text names the remedy.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 2


class DeliveryError(RuntimeError):
    """A channel did not take a notification; it is tried again later.

    The text never holds a webhook's address, which is a secret.
    """


class RefusedError(DeliveryError):
    """The channel refuses this very notification: trying again cannot help."""
