#!/bin/sh
# Gathers what the daemon needs at run time into a folder that is laid out as the image will be.
#
#   gather.sh BINARY FOLDER           beside distroless/cc, which has glibc, libgcc, libstdc++ and OpenSSL
#   gather.sh --whole BINARY FOLDER   those too, for an empty base (scratch)
#
# For every Debian package that a library comes from, the package's record is put where scanners of distroless images
# look for it (var/lib/dpkg/status.d), so that a weakness in libzmq or SQLite is found as it would be elsewhere.
set -eu
here=$(dirname "$0")
whole=''
if [ "$1" = --whole ]; then
  whole=yes
  shift
fi
binary=$1 folder=$2

# What the daemon opens by name when sinks are configured, and so ldd does not know: libcurl, as Debian calls it.
opened=libcurl.so.4

# `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x...)` and the loader, which has no arrow.
libraries() {
  ldd "$@" | sed -n -e 's/.*=> \(\/[^ ]*\) (0x.*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) (0x.*/\1/p' | sort -u
}

# The package of every library, in one question: `libzmq5:amd64: /usr/lib/x86_64-linux-gnu/libzmq.so.5`. A library is
# known to dpkg by the path it was shipped under, with or without /usr.
owners() {
  for library in $1; do
    real=$(realpath "$library")
    printf '%s\n' "$library" "$real" "${real#/usr}" "/usr$library"
  done | sort -u | xargs dpkg-query -S 2>/dev/null || true
}

package_of() {
  real=$(realpath "$1")
  printf '%s\n' "$owned" | awk -v a="$1" -v b="$real" -v c="${real#/usr}" -v d="/usr$1" \
    '$2 == a || $2 == b || $2 == c || $2 == d { sub(/:.*/, "", $1); print $1; exit }'
}

mkdir -p "$folder/usr/bin" "$folder/etc/tidemark" "$folder/var/lib/dpkg/status.d"
cp "$binary" "$folder/usr/bin/tidemark"
cp "$here/tidemark.yaml" "$folder/etc/tidemark/tidemark.yaml"
if ldd "$binary" | grep 'not found' >&2; then
  echo "gather.sh: $binary cannot be run here" >&2
  exit 1
fi
curl=$(ldconfig -p | sed -n "s/.*$opened .*=> //p" | head -n 1)
if [ -z "$curl" ]; then
  echo "gather.sh: $opened is not installed (Debian: libcurl4)" >&2
  exit 1
fi
found=$(printf '%s\n' "$curl" "$(libraries "$binary" "$curl")")
owned=$(owners "$found")
multiarch=$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
for library in $found; do
  package=$(package_of "$library")
  case $package in
    libc6 | libgcc-s1 | libstdc++6 | libssl3) [ -n "$whole" ] || continue ;;
  esac
  case $library in
    # The loader's path is written into the binary.
    */ld-linux*) target=$folder$library ;;
    # /usr/lib/TRIPLET is on the loader's path in merged and unmerged layouts alike.
    *) target=$folder/usr/lib/$multiarch/$(basename "$library") ;;
  esac
  mkdir -p "$(dirname "$target")"
  cp -L "$library" "$target"
  if [ -n "$package" ]; then
    dpkg-query -s "$package" >"$folder/var/lib/dpkg/status.d/$package"
  fi
done
