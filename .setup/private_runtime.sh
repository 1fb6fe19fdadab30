#!/usr/bin/env bash
# Gives an older Linux (Debian 12, Ubuntu 22.04) a private Python on a newer glibc.
#
#   private_runtime.sh FOLDER HOST_GLIBC [PYTHON]
#
# TFX's wheels need glibc 2.39. This unpacks the next release's libc6, libstdc++6
# and libgcc-s1 into FOLDER/lib and copies PYTHON to FOLDER/python, patched to load
# them. Without PYTHON, the next release's own Python comes along the same way.
# Nothing outside FOLDER changes; apt checks the signatures of what it fetches.
set -euo pipefail

folder=$1
host_glibc=$2
host_python=${3:-}
ways_out="Use a system with glibc 2.39 or newer (Ubuntu 24.04, Debian 13, Fedora 40) or a container image of one."

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

check_host() {
  [ "$(uname -m)" = x86_64 ] ||
    fail "TFX needs glibc 2.39, this system has $host_glibc, and the private runtime exists for x86-64 only, not $(uname -m). $ways_out"
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "TFX needs glibc 2.39, this system has $host_glibc, and the private runtime is fetched with apt, which is missing here. $ways_out"
  # shellcheck source=/dev/null
  source /etc/os-release
  case "${ID:-}" in
    debian) suite=trixie component=main keyring=/usr/share/keyrings/debian-archive-keyring.gpg debian_python=python3.13 ;;
    ubuntu) suite=noble component="main universe" keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg debian_python=python3.12 ;;
    *) fail "TFX needs glibc 2.39, this system (${ID:-unknown}) has $host_glibc, and the private runtime is known for Debian and Ubuntu only. $ways_out" ;;
  esac
  [ -r "$keyring" ] || fail "the archive's signing keys are missing ($keyring). Install the archive keyring package, or: $ways_out"
  [ -n "$VERSION_CODENAME" ] || fail "/etc/os-release names no VERSION_CODENAME. $ways_out"
}

# The mirror this machine already uses for its own release.
host_mirror() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$VERSION_CODENAME" '$2 == release { print $1; exit }'
}

# apt with a state of its own, so that the machine's package lists stay as they are.
write_apt_config() {
  local mirror
  mirror=$(host_mirror)
  [ -n "$mirror" ] || fail "apt names no mirror for $VERSION_CODENAME. Run 'apt-get update' as root once, or: $ways_out"
  mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
  : >"$apt/state/status"
  printf 'deb [signed-by=%s] %s %s %s\n' \
    "$keyring" "$mirror" "$suite" "$component" \
    "$keyring" "$mirror" "$VERSION_CODENAME" "$component" >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt/state";
Dir::State::lists "$apt/state/lists";
Dir::State::status "$apt/state/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "$(id -un)";
APT::Get::AllowUnauthenticated "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
}

fetch_packages() {
  # patchelf runs on this system, so it is this system's; the rest is the newer release's.
  local packages=(libc6 libstdc++6 libgcc-s1 "patchelf/$VERSION_CODENAME")
  if [ -z "$host_python" ]; then
    packages+=("$debian_python" "$debian_python-minimal" "lib$debian_python-minimal" "lib$debian_python-stdlib" "lib$debian_python-dev"
      python3-pip-whl libexpat1 zlib1g libssl3t64 libffi8 libsqlite3-0 libbz2-1.0 liblzma5 libreadline8t64
      libtinfo6 libncursesw6 libuuid1 libzstd1)
  fi
  export APT_CONFIG="$apt/apt.conf"
  { apt-get -qq update && (cd "$apt/packages" && apt-get -qq download "${packages[@]}"); } >"$apt/log" 2>&1 || {
    cat "$apt/log" >&2
    fail "apt could not fetch ${packages[*]} of $suite (above). If it is the signature check, run this once as root. Otherwise: $ways_out"
  }
  local package
  for package in "$apt"/packages/*.deb; do dpkg-deb -x "$package" "$apt/root"; done
}

# Every library flat in one folder: it is the whole search path of the patched Python.
collect_libraries() {
  mkdir -p "$building/lib"
  find "$apt/root" -path '*/x86_64-linux-gnu/*' -name '*.so*' -not -name '*.py' \( -type f -o -type l \) \
    -not -path '*/gconv/*' -not -path '*/audit/*' -exec cp -P {} "$building/lib/" \;
  cp -L "$apt/root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$building/lib/"
}

copy_python() {
  mkdir -p "$building/python"
  if [ -z "$host_python" ]; then
    cp -R "$apt/root/usr/." "$building/python/"
    find "$apt/root" -name 'pip-*.whl' -exec cp {} "$building/" \;
    python_name=$debian_python
    # Debian's pyconfig.h includes another by a path from /usr/include.
    cp -R "$building/python/include/x86_64-linux-gnu" "$building/python/include/$python_name/"
  else
    local prefix
    prefix=$("$host_python" -c 'import sys; print(sys.base_prefix)')
    python_name=$("$host_python" -c 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")')
    copy_host_python "$prefix"
  fi
  ln -sf "$python_name" "$building/python/bin/python3"
}

# Without the interpreter's own tests and whatever was installed into it.
copy_host_python() {
  local prefix=$1 lib stdlib include
  stdlib=$("$host_python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  mkdir -p "$building/python/bin" "$building/python/lib/$python_name/site-packages"
  cp "$host_python" "$building/python/bin/$python_name"
  tar -C "$stdlib" --exclude=./test --exclude=./site-packages --exclude=./dist-packages \
    --exclude=./idlelib --exclude=__pycache__ -cf - . | tar -C "$building/python/lib/$python_name" -xf -
  include=$("$host_python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  if [ -f "$include/Python.h" ]; then
    mkdir -p "$building/python/include"
    cp -R "$include" "$building/python/include/$python_name"
  fi
  for lib in "$prefix"/lib/libpython3*.so*; do
    if [ -e "$lib" ]; then cp -P "$lib" "$building/python/lib/"; fi
  done
}

# Wheels that name a RUNPATH of their own would find the system's older libraries, so
# the newer ones must be loaded before: the program needs them from its start. The search
# path is set last and each change on its own: patchelf damages Debian's Python otherwise
# (0.14 loses the path when changes are combined, 0.18 writes a program that crashes).
patch_python() {
  local binary="$building/python/bin/$python_name" library
  local patchelf="$apt/root/usr/bin/patchelf" needed=()
  for library in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2 libgcc_s.so.1 libstdc++.so.6; do
    needed+=(--add-needed "$library")
  done
  "$patchelf" --set-interpreter "$folder/lib/ld-linux-x86-64.so.2" "$binary"
  "$patchelf" "${needed[@]}" "$binary"
  "$patchelf" --force-rpath --set-rpath "$folder/lib:$folder/python/lib" "$binary"
  for library in "$building"/python/lib/libpython3.*.so.1.0; do
    if [ -e "$library" ]; then "$patchelf" --force-rpath --set-rpath "$folder/lib" "$library"; fi
  done
}

check_host
if [ -f "$folder/.complete" ] && "$folder/python/bin/python3" -c 'import ssl, sqlite3' 2>/dev/null; then exit 0; fi
printf 'setup: glibc %s is older than the 2.39 that TFX needs: building a private Python in %s (the system stays as it is)\n' \
  "$host_glibc" "$(basename "$folder")/"
building="$folder.building"
apt="$building/apt"
rm -rf "$folder" "$building"
mkdir -p "$apt/root"
write_apt_config
fetch_packages
collect_libraries
copy_python
patch_python
rm -rf "$apt"
touch "$building/.complete"
mv "$building" "$folder"
# Compiled once, here: where PYTHONDONTWRITEBYTECODE is set, every start would do it again.
"$folder/python/bin/python3" -m compileall -q -x '/(test|tests|idlelib|lib2to3|site-packages)/' "$folder"/python/lib/python3.* >/dev/null
"$folder/python/bin/python3" -c 'import ssl, sqlite3, zlib, ctypes, lzma, bz2' ||
  fail "the private Python in $folder does not start. Remove that folder and run this again; if it stays so: $ways_out"
