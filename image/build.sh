#!/usr/bin/env bash
# Builds the image of a cluster's nodes and prints the reference for `cluster.image`.
#
#   image/build.sh --name registry.example/team/slipway [--flavor gpu] [--tag TAG] [--push]
#
# The reference is by digest: a tag can be moved. A registry makes it, so --push prints
# it; without --push the image stays on this machine, under NAME:TAG.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
name= flavor=cpu tag= push=

fail() {
  printf 'image: %s\n' "$1" >&2
  exit "${2:-1}"
}

while [ $# -gt 0 ]; do
  case "$1" in
    --name | --flavor | --tag)
      [ $# -gt 1 ] || fail "$1 needs a value." 2
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --push) push=yes && shift ;;
    *) fail "unknown option $1; there are --name, --flavor, --tag and --push." 2 ;;
  esac
done
[[ "$name" =~ ^[a-z0-9][a-z0-9._:/-]*$ ]] || fail "--name is '$name'; expected a repository such as registry.example/team/slipway." 2
[[ "${name##*/}" != *:* ]] || fail "--name is '$name', with a tag; give that as --tag." 2
[[ "$flavor" =~ ^(cpu|gpu)$ ]] || fail "--flavor is '$flavor'; expected cpu or gpu." 2
cd "$root"
tag=${tag:-$(git rev-parse --short=12 HEAD)-$flavor}

command -v docker >/dev/null || fail "there is no docker; install Docker Engine with buildx, or build the Dockerfile with another builder."
docker info >/dev/null 2>&1 || fail "docker is here and its engine does not answer: start it, or set DOCKER_HOST."
dirty=$(git status --porcelain -- Dockerfile .dockerignore image .setup/py312.txt setup.py pyproject.toml README.md data models serving components pipeline)
[ -z "$dirty" ] || [ -z "$push" ] || fail "these files differ from the commit that names the image; commit them before --push:
$dirty"

# The base that is a tag in the Dockerfile is built from by its digest of today.
pinned() {
  local image digest
  image=$(sed -n "s/^ARG $1=//p" Dockerfile)
  if [[ "$image" == *@* ]]; then printf '%s' "$image" && return; fi
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image") ||
    fail "the digest of $image cannot be had (above)."
  printf '%s@%s' "${image%:*}" "$digest"
}

# GPU_IMAGE is large: only asked for where it is built from.
bases=(BASE_IMAGE)
if [ "$flavor" = gpu ]; then bases+=(GPU_IMAGE); fi
arguments=(--file Dockerfile --target runtime --platform linux/amd64 --build-arg "FLAVOR=$flavor")
for base in "${bases[@]}"; do
  reference=$(pinned "$base")
  arguments+=(--build-arg "$base=$reference" --label "org.opencontainers.image.base.$base=$reference")
done
arguments+=(--label "org.opencontainers.image.revision=$(git rev-parse HEAD)" --tag "$name:$tag")
if [ -n "${UV_DEFAULT_INDEX:-}" ]; then arguments+=(--secret "id=package_index,env=UV_DEFAULT_INDEX"); fi

metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT
if [ -z "$push" ]; then
  docker buildx build "${arguments[@]}" --load . >&2
  printf 'built  %s:%s (on this machine; --push prints the digest for cluster.image)\n' "$name" "$tag"
  exit 0
fi
docker buildx build "${arguments[@]}" --metadata-file "$metadata" --push . >&2
digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]\{64\}\)".*/\1/p' "$metadata")
[ -n "$digest" ] || fail "docker pushed $name:$tag and named no digest; look it up in the registry."
printf '%s@%s\n' "$name" "$digest"
