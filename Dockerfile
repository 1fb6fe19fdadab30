# syntax=docker/dockerfile:1.10
# What every node of a compiled pipeline runs in. Built by image/build.sh, which pins the
# base by digest:
#
#   image/build.sh --name registry.example/slipway --push                  CPU
#   image/build.sh --name registry.example/slipway --flavor gpu --push     with CUDA
#
# TFX's wheels need glibc 2.39, which Ubuntu 24.04 has. CUDA 12 and cuDNN 9 are what the
# locked TensorFlow was built for (tf.sysconfig.get_build_info); the image brings them.
ARG BASE_IMAGE=ubuntu:24.04
ARG GPU_IMAGE=nvidia/cuda:12.6.3-cudnn-runtime-ubuntu24.04
ARG FLAVOR=cpu

FROM ${BASE_IMAGE} AS base-cpu
FROM ${GPU_IMAGE} AS base-gpu

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3.12 python3.12-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# Packages before sources: an edit does not install 3 GB again.
COPY .setup/py312.txt .setup/py312.txt
COPY image/install.sh image/install.sh
COPY setup.py pyproject.toml ./
# A package index of your own, which may hold a password, is a secret of the build:
# UV_DEFAULT_INDEX=https://… image/build.sh. It stays out of the image and its history.
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=package_index,env=UV_DEFAULT_INDEX \
    bash image/install.sh packages /opt/venv
COPY README.md ./
COPY data data
COPY models models
COPY serving serving
COPY components components
COPY pipeline pipeline
RUN bash image/install.sh project /opt/venv /opt/slipway

FROM base-${FLAVOR} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3.12 \
 && rm -rf /var/lib/apt/lists/*
# Kubeflow's launcher puts artifacts below these folders; OpenShift runs any user of
# group 0.
RUN useradd --uid 10001 --gid 0 --create-home --home-dir /home/slipway slipway \
 && mkdir -p /gcs /minio /s3 \
 && chgrp 0 /gcs /minio /s3 /home/slipway \
 && chmod 0775 /gcs /minio /s3 /home/slipway
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/slipway /opt/slipway
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/home/slipway \
    PYTHONUNBUFFERED=1
WORKDIR /home/slipway
# A number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 10001:0
# A cluster replaces both by the task's own command.
ENTRYPOINT ["slipway"]
CMD ["--help"]
