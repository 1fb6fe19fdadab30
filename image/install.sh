#!/usr/bin/env bash
# Fills a virtual environment with what the image runs; the Dockerfile's two steps.
#
#   image/install.sh packages VENV           the locked packages of a cluster's nodes
#   image/install.sh check VENV              that they are the lock's, and nothing else
#   image/install.sh project VENV PROJECT    this project's wheel, and its settings files
#
# Every package is the lock's, checked by its hash; a package that the lock does not hold
# ends the build. The lock also has what developers need: that is left out.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lock="$root/.setup/py312.txt"
# Parts of setup.py: TFX's stack, and kfp, which every container command needs.
extras=(pipeline kubeflow)

fail() {
  printf 'image: %s\n' "$*" >&2
  exit 1
}

locked_uv() { awk '/^uv==/ { on = 1 } on { print; if (!/\\$/) exit }' "$lock"; }

# pip brings uv by the lock's hash, as .setup/setup.sh does; uv installs the rest.
bring_uv() {
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
  "${PYTHON:-python3.12}" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --no-deps --require-hashes --requirement <(locked_uv)
}

install_packages() {
  local venv=$1 install extra options=()
  for extra in "${extras[@]}"; do options+=(--extra "$extra"); done
  bring_uv
  "$tools/bin/uv" venv --quiet --python "${PYTHON:-python3.12}" "$venv"
  # Constraints with hashes: versions are the lock's, and what was fetched is compared.
  install=("$tools/bin/uv" pip install --quiet --python "$venv/bin/python" --constraint "$lock")
  "${install[@]}" pip setuptools wheel
  # setuptools is the lock's: no second, unlocked build environment.
  "${install[@]}" --no-build-isolation --compile-bytecode --requirement "$root/setup.py" "${options[@]}"
  check_locked "$venv"
}

# Names as PEP 503 writes them: a lock and pip differ in dots and dashes.
normalized() { awk -F'==' 'NF == 2 { name = tolower($1); gsub(/[._]/, "-", name); print name "==" $2 }'; }

check_locked() {
  local strangers
  strangers=$("$1/bin/python" -m pip freeze --all --exclude slipway | normalized |
    grep -vxFf <(sed -n 's/^\([^ #]*==[^ ]*\) \\$/\1/p' "$lock" | normalized) | tr '\n' ' ' || true)
  [ -z "$strangers" ] || fail "installed, and not in .setup/py312.txt: $strangers
Renew the lock with 'make lock'."
}

install_project() {
  local venv=$1 project=$2
  wheels=$(mktemp -d)
  trap 'rm -rf "$wheels"' EXIT
  "$venv/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$wheels" "$root"
  "$venv/bin/python" -m pip install --quiet --no-deps --no-index --force-reinstall --compile "$wheels"/*.whl
  "$venv/bin/python" -m pip check
  # The configuration's paths count from the folder that holds pyproject.toml.
  mkdir -p "$project"
  (cd "$root" && find pyproject.toml data models -name '*.yaml' -o -name '*.pbtxt' -o -name pyproject.toml) |
    tar -C "$root" -cf - --files-from=- | tar -C "$project" -xf -
}

case "${1:-}" in
  packages) install_packages "${2:?the environment to make}" ;;
  check) check_locked "${2:?the environment to check}" ;;
  project) install_project "${2:?the environment to fill}" "${3:?the folder for settings}" ;;
  *) fail "expected: packages VENV, check VENV, or project VENV PROJECT" ;;
esac
