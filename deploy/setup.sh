# Sourced by deploy/demo.sh and Tests/run.sh: installs what is missing, once, and says what it does.
#
#   set_up REQUIREMENTS   Debian packages, a Python virtual environment in .venv with REQUIREMENTS
#
# Afterwards PYTHON names the environment's interpreter. A second call does nothing.

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# The Debian packages: libzmq and SQLite with their headers, and what makes virtual environments. The tests add theirs.
DEBIAN_PACKAGES=(libzmq3-dev libsqlite3-dev python3 python3-venv)

install_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    [ -e /usr/include/zmq.h ] || [ -e /usr/local/include/zmq.h ] || [ -e /opt/homebrew/include/zmq.h ] ||
      fail "This is no Debian or Ubuntu. Install libzmq 4.3 and SQLite 3.35 with their headers and Python 3.9 or later, then run this again."
    return
  fi
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "Need root to install ${missing[*]}: run 'apt-get install ${missing[*]}' as root first."
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq || fail "apt-get update failed; its words are above."
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}; its words are above."
}

set_up_python() {
  local requirements=$1 stamp
  PYTHON=$ROOT/.venv/bin/python
  stamp=$ROOT/.venv/installed-$(cat "$ROOT/deploy/requirements.txt" "$requirements" | cksum | cut -d' ' -f1)
  [ ! -e "$stamp" ] || return 0
  say "making the Python environment .venv"
  [ -x "$PYTHON" ] || python3 -m venv "$ROOT/.venv" || fail "python3 -m venv failed; its words are above."
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$requirements" ||
    fail "pip could not install $requirements; its words are above."
  touch "$stamp"
}

check_swift() {
  command -v swift >/dev/null ||
    fail "No Swift toolchain found. Install Swift 6.2 or later (https://www.swift.org/install/) and run this again."
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  [ "$(printf '6.2\n%s\n' "$version" | sort -V | head -n 1)" = 6.2 ] ||
    fail "Swift $version is too old: 6.2 or later is needed."
}

set_up() {
  ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  check_swift
  install_packages
  set_up_python "$1"
}
