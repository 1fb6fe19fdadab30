"""Real rows with what the model makes of them, for everyone who checks it later."""
