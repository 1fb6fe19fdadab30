"""What runs where a model is served: never imports tfx."""
