#!/usr/bin/env bash
# Builds .venv/ from the lock. Safe to run again: a second run does nothing.
#
#   bash .setup/setup.sh            the environment, from the lock
#   bash .setup/setup.sh --lock     renew the lock for 3.12 and 3.13 (maintainers)
#
# Steps: find Python 3.12 or 3.13 -> where glibc is older than 2.39, give it a
# private newer glibc (private_runtime.sh) -> a venv -> uv -> the locked packages.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
setup_dir="$root/.setup"
venv="$root/.venv"
runtime="$root/.runtime"
stamp="$venv/.slipway-setup"
# shellcheck source=find_python.sh
source "$setup_dir/find_python.sh"

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# What the environment was made from. Absolute paths are inside it, so a moved
# checkout is set up again.
fingerprint() {
  {
    printf '%s\n' "$root"
    cat "$setup_dir"/*.sh "$setup_dir"/py3*.txt "$root/setup.py"
  } | sha256sum | cut -d' ' -f1
}

# uv reads neither pip.conf nor PIP_*: hand over the index and the certificates
# that this machine's pip was told to use.
adopt_pip_settings() {
  local python=$1 index
  index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
  if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
  export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
  export UV_NO_PROGRESS="${UV_NO_PROGRESS:-1}"
}

glibc_is_new_enough() {
  local version
  version=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{print $2}')
  [ -n "$version" ] || fail "this system has no GNU libc; TFX's wheels need glibc 2.39 or newer. Use Ubuntu 24.04, Debian 13, Fedora 40 or a container image of one of them."
  glibc_version=$version
  [ "$(printf '%s\n2.39\n' "$version" | sort -V | head -n 1)" = 2.39 ]
}

choose_python() {
  python=$(find_python || true)
  if glibc_is_new_enough; then
    [ -n "$python" ] || fail "no Python 3.12 or 3.13 found on PATH, in pyenv or through uv. Install one (for example: apt install python3.12 python3.12-venv, or: uv python install 3.12) and run this again."
    return
  fi
  bash "$setup_dir/private_runtime.sh" "$runtime" "$glibc_version" "$python"
  python="$runtime/python/bin/python3"
}

# pip brings uv, by the lock's own hash; uv then installs everything else.
build_venv() {
  local pip=("$python" -m pip --python "$venv/bin/python") wheel
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv"
  if ! "$python" -m pip --version >/dev/null 2>&1; then
    if "$python" -m ensurepip --version >/dev/null 2>&1; then
      "$venv/bin/python" -m ensurepip >/dev/null
      pip=("$venv/bin/python" -m pip)
    else
      wheel=$(find "$runtime" /usr/share/python-wheels -name 'pip-*.whl' 2>/dev/null | head -n 1)
      [ -n "$wheel" ] || fail "$python has no pip. Install python3-venv (or pip) and run this again."
      pip=("$venv/bin/python" "$wheel/pip")
    fi
  fi
  "${pip[@]}" install --quiet --no-deps --require-hashes --requirement <(locked_uv) ||
    fail "pip could not install uv (above); is the package index reachable?"
}

lock_file() { printf '%s/py3%s.txt' "$setup_dir" "$("$python" -c 'import sys; print(sys.version_info.minor)')"; }

locked_uv() { awk '/^uv==/ { on = 1 } on { print; if (!/\\$/) exit }' "$(lock_file)"; }

# pyfarmhash, which TFDV asks for, has wheels for 3.12 and none for 3.13.
check_compiler() {
  local lacks
  [[ $("$python" -V) == *" 3.13."* ]] || return 0
  lacks=$(missing_to_compile "$python")
  [ -z "$lacks" ] || fail "Python 3.13 needs $lacks for pyfarmhash, which has no wheel for it. Install that (apt install g++ python3.13-dev) or Python 3.12, and run this again."
}

install_locked() {
  local lock
  lock=$(lock_file)
  check_compiler
  say "installing $(grep -c '==' "$lock") locked packages (about 3 GB; a minute or two)"
  "$venv/bin/uv" pip sync --quiet --compile-bytecode --require-hashes --python "$venv/bin/python" "$lock"
  # setuptools comes from the lock: no second, unlocked build environment.
  "$venv/bin/uv" pip install --quiet --no-deps --no-build-isolation \
    --python "$venv/bin/python" --editable "$root"
  "$venv/bin/python" -m pip check
}

write_lock() {
  local minor
  for minor in 12 13; do
    "$venv/bin/uv" pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
      --no-emit-index-url --no-emit-find-links --python-version "3.$minor" \
      --python-platform x86_64-manylinux_2_40 --all-extras \
      --output-file "$setup_dir/py3$minor.txt" "$root/setup.py"
    say "wrote .setup/py3$minor.txt"
  done
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && [ "${1:-}" != --lock ]; then
  exit 0
fi
[ "$(uname -s)" = Linux ] || fail "TFX ships wheels for Linux on x86-64 only, this is $(uname -s). Use a Linux machine, WSL 2 or a container image."
choose_python
[ "${1:-}" = --lock ] || say "using $("$python" -V) from $python"
if [ "${1:-}" != --lock ] || [ ! -x "$venv/bin/uv" ]; then build_venv; fi
adopt_pip_settings "$venv/bin/python"
if [ "${1:-}" = --lock ]; then
  write_lock
  exit 0
fi
install_locked
fingerprint >"$stamp"
say "done: .venv/bin/slipway"
