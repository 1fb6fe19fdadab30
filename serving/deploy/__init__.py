"""Everything to run tensorflow_model_server in production, generated from a bundle."""
