"""Compiles the one DAG for a cluster: what `slipway compile` does.

    from pipeline.compile.compile_pipeline import CompileOptions, compile_pipeline
    from pipeline.compile.compiled_file import write_compiled

    compiled = compile_pipeline(config_path, "kubeflow", overrides, CompileOptions())
    compiled.content        bytes of the file: YAML for kubeflow, JSON for vertex
    compiled.suffix         ".yaml" or ".json"
    compiled.parameters     name -> Parameter(kind, default, help, …); default None:
                            must be given
    compiled.name           the pipeline's name on the cluster
    compiled.pipeline_root  where the cluster keeps artifacts

`write_compiled(compiled, path)` writes beside and renames. Everything is checked before
it is returned; what cannot work raises pipeline.settings_loader.ConfigError (exit 2).
The `cluster` section of the configuration (pipeline/cluster_config.py) says what a
cluster sees: the image by digest, the project's folder in it (`project_root`, by
default /opt/slipway, with data/…/schema.pbtxt below it), buckets or volumes for
artifacts, spans and models, resources by node. Containers run
`python -m pipeline.compile.container_entry`.
"""
