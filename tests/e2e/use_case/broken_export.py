"""A trainer whose export looks sound in Python and fails in TF Serving's loader.

It saves the Keras 3 model itself, as most examples on the web do, in a process that has
imported TFMA: the variables are then not where the C++ loader looks for them.
"""

import tensorflow as tf

from models import export
from models.flights import trainer


class ModelAsRoot(tf.Module):
    """Saves what it is given, but the model as such instead of its raw variables."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def __setattr__(self, name, value):
        """Leaves out the one attribute that makes the export sound."""
        if name != "variables_":
            super().__setattr__(name, value)


def run_fn(fn_args):
    """Trains as the real one does, exports the usual way."""
    real = export.write_saved_model

    def write_keras_model(model, *arguments, **named):
        original = tf.Module
        tf.Module = lambda: ModelAsRoot(model)
        try:
            real(model, *arguments, **named)
        finally:
            tf.Module = original

    trainer.write_saved_model = write_keras_model
    trainer.run_fn(fn_args)
