"""Programs that are copied into a deployment's folder and run there by themselves."""
