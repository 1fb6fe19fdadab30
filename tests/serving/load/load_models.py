"""Models whose answers tell which version gave them."""

import tensorflow as tf

from tests.serving.server.small_models import PREDICT, v1, write_v1

STEP = 100_000
"""Version v answers x + v * STEP; whole numbers up to 2**24 are exact in float32."""


def write_telling(folder, version):
    """Writes one version.

    serving_default  x float32 [rows] -> y = x + version * STEP
    slow             rounds int64 [rows] -> y = version, after so many rounds of a loop
    pair             x float32 [rows], word string [rows] -> both as they came
    wide             wide float32 [rows, any] -> as it came
    """

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        word = v1.placeholder(tf.string, [None], "word")
        wide = v1.placeholder(tf.float32, [None, None], "wide")
        rounds = v1.placeholder(tf.int64, [None], "rounds")
        shift = v1.Variable(float(version * STEP), name="shift")
        most = tf.reduce_max(rounds)
        _, last = tf.while_loop(
            lambda step, _: step < most,
            lambda step, value: (step + 1, tf.sin(value) + 1.0),
            [tf.constant(0, tf.int64), tf.cast(rounds, tf.float32)],
            parallel_iterations=1,
        )
        # The loop's values are never below 0.
        told = tf.minimum(last, 0.0) + float(version)
        pair = {"x": x, "word": word}
        return {
            "serving_default": ({"x": x}, {"y": x + shift}, PREDICT),
            "slow": ({"rounds": rounds}, {"y": told}, PREDICT),
            "pair": (pair, {k: tf.identity(t) for k, t in pair.items()}, PREDICT),
            "wide": ({"wide": wide}, {"wide": tf.identity(wide)}, PREDICT),
        }

    return write_v1(folder, build)


def write_other_graph(folder):
    """Writes a model whose variables are not those of the telling one."""

    def build():
        x = v1.placeholder(tf.float32, [None], "x")
        factor = v1.Variable([1.0, 2.0], name="factor")
        return {"serving_default": ({"x": x}, {"y": x * factor[0]}, PREDICT)}

    return write_v1(folder, build)
