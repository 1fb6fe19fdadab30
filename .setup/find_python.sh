# Sourced by setup.sh. find_python prints the first working Python 3.12 or 3.13.
#
# A pyenv shim that points nowhere, a Python without ssl or sqlite3 (built from
# source without the headers) and this project's own .venv do not count.

python_works() {
  "$1" - <<'PY' >/dev/null 2>&1
import sys, ssl, sqlite3, ctypes, zlib, bz2, lzma
sys.exit(0 if sys.version_info[:2] in ((3, 12), (3, 13)) and sys.prefix == sys.base_prefix else 1)
PY
}

python_candidates() {
  local minor
  [ -z "${SLIPWAY_PYTHON:-}" ] || printf '%s\n' "$SLIPWAY_PYTHON"
  for minor in 12 13; do
    command -v "python3.$minor" || true
    if command -v pyenv >/dev/null 2>&1; then
      ls -d "$(pyenv root)"/versions/3."$minor"*/bin/python3."$minor" 2>/dev/null || true
    fi
    if command -v uv >/dev/null 2>&1; then
      uv python find --no-project "3.$minor" 2>/dev/null || true
    fi
  done
  command -v python3 || true
}

find_python() {
  local candidate
  while read -r candidate; do
    if python_works "$candidate"; then
      "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
      return 0
    fi
  done < <(python_candidates)
  return 1
}

# What is missing to compile an extension of this Python; nothing if all is there. A
# distribution has the headers in a package of their own.
missing_to_compile() {
  local lacks="" headers
  command -v c++ >/dev/null || command -v g++ >/dev/null || lacks="a C++ compiler"
  headers=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [ -f "$headers/Python.h" ] || lacks="${lacks:+$lacks and }Python's headers"
  printf '%s' "$lacks"
}
