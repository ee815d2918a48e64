#!/usr/bin/env bash
# Builds the image from deploy/Containerfile with buildah where no registry can be reached, and runs it. Its base images
# are stood in for by Debian packages: the final one by the packages that distroless/cc is made of, the builder by a
# minimal Debian with this machine's Swift toolchain mounted. Needs root, buildah, mmdebstrap, and Debian's mirror; takes
# as long as a release build, and so is no part of the tests.
#
#   deploy/container/image-check.sh [OPTION OF buildah build]…      such as --volume, for a mirror of the packages
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot BUILDAH_FORMAT=docker
store=(--root "$work/storage" --runroot "$work/run")
trap 'buildah "${store[@]}" rm --all >/dev/null 2>&1; rm -rf "$work"' EXIT
toolchain=$(dirname "$(dirname "$(dirname "$(realpath "$(command -v swift)")")")")

# An image of the name $1 from a tar archive; the rest goes to `buildah config`.
stand_in() {
  local name=$1 archive=$2 container folder
  shift 2
  container=$(buildah "${store[@]}" from scratch)
  folder=$(buildah "${store[@]}" mount "$container")
  tar -xf "$archive" -C "$folder"
  buildah "${store[@]}" umount "$container" >/dev/null
  buildah "${store[@]}" config "$@" "$container"
  buildah "${store[@]}" commit -q "$container" "$name" >/dev/null
  buildah "${store[@]}" rm "$container" >/dev/null
}

mmdebstrap --quiet --variant=extract --include=base-files,netbase,libc6,libgcc-s1,libstdc++6,libssl3,libgomp1,ca-certificates,tzdata \
  bookworm "$work/final.tar"
stand_in localhost/final "$work/final.tar" --user 65532
mmdebstrap --quiet --variant=minbase --include=ca-certificates,git,gcc,g++,libc6-dev,binutils,zlib1g-dev,libxml2,libncurses6,libcurl4,tzdata \
  bookworm "$work/builder.tar"
stand_in localhost/swift "$work/builder.tar" --env "PATH=$toolchain/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin"

buildah "${store[@]}" build -f deploy/Containerfile -t localhost/tidemark --pull-never \
  --build-arg SWIFT_IMAGE=localhost/swift --build-arg FINAL_IMAGE=localhost/final \
  --build-arg "VERSION=$(git describe --always)" --build-arg "REVISION=$(git rev-parse HEAD)" \
  --volume "$toolchain:$toolchain:ro" "$@" .

buildah "${store[@]}" inspect --type image --format \
  'user {{.OCIv1.Config.User}}, entry {{.OCIv1.Config.Entrypoint}}, health {{.Docker.Config.Healthcheck.Test}}' localhost/tidemark
echo
container=$(buildah "${store[@]}" from localhost/tidemark)
folder=$(buildah "${store[@]}" mount "$container")
printf 'of the base %s bytes, with Tidemark %s bytes, the program %s bytes\n' \
  "$(tar -tvf "$work/final.tar" | awk '{n += $3} END {print n}')" "$(du -sb "$folder" | cut -f1)" "$(stat -c %s "$folder/usr/bin/tidemark")"
[ "$(stat -c %u "$folder/var/lib/tidemark" "$folder/run/tidemark" | sort -u)" = 65532 ]
[ ! -e "$folder/bin/sh" ] && [ ! -e "$folder/usr/bin/sh" ]
buildah "${store[@]}" run --user 65532 "$container" -- /usr/bin/tidemark --version
buildah "${store[@]}" run --user 65532 "$container" -- /usr/bin/tidemark check --config /etc/tidemark/tidemark.yaml
