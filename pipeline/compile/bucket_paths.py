"""Where a cluster's node sees a bucket: gs://bucket/a as /gcs/bucket/a.

Vertex AI mounts buckets there; Kubeflow's launcher downloads a node's inputs to there
before it starts and uploads its outputs from there when it has ended.

Source:
    kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, LocalPathForURI.
"""

MOUNTS = {"gs://": "/gcs/", "minio://": "/minio/", "s3://": "/s3/"}


def local_path(uri: str, mount_root: str = "") -> str:
    """Returns where a node sees a bucket's URI; anything else as it is.

    Args:
        uri: Such as gs://bucket/folder.
        mount_root: Folder in front of /gcs, /minio and /s3; "" on a cluster.
    """
    for scheme, folder in MOUNTS.items():
        if uri.startswith(scheme):
            return f"{mount_root}{folder}{uri.removeprefix(scheme)}"
    return uri


def bucket_uri(path: str, mount_root: str = "") -> str:
    """Returns the bucket's URI of such a path; anything else as it is."""
    for scheme, folder in MOUNTS.items():
        prefix = f"{mount_root}{folder}"
        if path.startswith(prefix):
            return scheme + path.removeprefix(prefix)
    return path
