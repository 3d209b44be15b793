#!/usr/bin/env bash
# Makes the images' base, localhost/python:base, from Debian's packages: for machines that reach no
# registry of images. Needs root, debootstrap and buildah; Debian's signatures are checked.
#   docker/base.sh && PYTHON_IMAGE=localhost/python:base UNPINNED=yes make images
set -euo pipefail
release=${DEBIAN_RELEASE:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
name=${1:-localhost/python:base}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
root=$folder/root

debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
  "$release" "$root" "$mirror" > "$folder/log" || { tail -5 "$folder/log" >&2; exit 1; }
ln -sf python3 "$root/usr/bin/python"
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED  # pip installs uv in a stage of its own
# Behind a proxy with a certificate of its own: what this machine trusts, the image does.
bundle=/etc/ssl/certs/ca-certificates.crt
trusted=()
if [ -n "${TRUST:-}" ]; then
  cat "$TRUST" >> "$root$bundle"
  trusted=(--env SSL_CERT_FILE=$bundle --env PIP_CERT=$bundle)  # uv and pip bring lists of their own
fi
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,locale}/*

container=$(buildah from scratch)
trap 'buildah rm "$container" > /dev/null; rm -rf "$folder"' EXIT
buildah copy --quiet "$container" "$root" / > /dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${trusted[@]}" "$container"
buildah commit --quiet "$container" "$name" > /dev/null
echo "$name: $(($(du -sB 1 "$root" | cut -f1) / 1000000)) MB, $(chroot "$root" python --version)"
