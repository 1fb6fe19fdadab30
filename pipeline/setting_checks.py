"""What settings have in common to check: choices, fractions, lower bounds."""

from pipeline.settings_loader import ConfigError, did_you_mean


def require(condition: bool, message: str) -> None:
    """Raises ConfigError with this message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ConfigError unless the value is one of the choices."""
    require(
        value in choices,
        f"{name} is {value!r}; it can be {', '.join(choices)}."
        f"{did_you_mean(value, choices)}",
    )


def require_fraction(name: str, value: float) -> None:
    """Raises ConfigError unless 0 < value < 1."""
    require(0 < value < 1, f"{name} is {value!r}; expected a fraction between 0 and 1.")


def require_at_least(name: str, value: float, minimum: float) -> None:
    """Raises ConfigError unless value >= minimum."""
    require(value >= minimum, f"{name} is {value!r}; expected at least {minimum}.")
