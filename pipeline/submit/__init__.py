"""Hands a compiled pipeline to a cluster: Kubeflow Pipelines or Vertex AI."""
