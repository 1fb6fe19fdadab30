"""Draws what a rollout measures: losses, errors, money."""

import math
from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
_SPENDERS = 0.1


def log_loss_of(share_of_positives: float, blur: float = 0.0) -> Draw:
    """Draws log losses of a classifier that is calibrated but for some blur.

    Args:
        share_of_positives: Mean of the true probabilities, which follow a beta
            distribution of sum 4.
        blur: Weight of the mean in what is predicted; 0: calibrated.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        a = 4 * share_of_positives
        truth = rng.beta(a, 4 - a, shape)
        label = rng.random(shape) < truth
        said = (1 - blur) * truth + blur * share_of_positives
        said = np.clip(said, 1e-4, 1 - 1e-4)
        return -np.log(np.where(label, said, 1 - said))

    return draw


def error_of(rate: float) -> Draw:
    """Draws 0 and 1."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return (rng.random(shape) < rate).astype(float)

    return draw


def revenue_of(scale: float, clip: float = math.inf) -> Draw:
    """Draws money: nine in ten spend nothing, the others log-normally.

    The coefficient of variation is 6.5, the skewness above 20 without a clip.
    """

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        spent = scale * np.exp(3.0 + 1.2 * rng.standard_normal(shape))
        return np.minimum(spent * (rng.random(shape) < _SPENDERS), clip)

    return draw


def drifting(first: Draw, second: Draw) -> Draw:
    """Draws the first half of the rows from one, the second from another."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        half = shape[1] // 2
        parts = (first(rng, (shape[0], half)), second(rng, (shape[0], shape[1] - half)))
        return np.concatenate(parts, axis=1)

    return draw
