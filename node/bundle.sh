#!/usr/bin/env bash
# Writes what is installed on a node to standard output, as a tar.xz archive: install.sh and what it copies, without comments and indentation,
# as user data has room for 16 KB. The same files make the same archive.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT

cp --recursive "$here"/{install.sh,program,systemd} "$work"
# Lines that are comments, but not the first line of a script.
find "$work" -type f -exec sed --in-place --regexp-extended '/^[[:space:]]*#([^!]|$)/d; s/^[[:space:]]+//' {} +
tar --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --create install.sh program systemd | xz -9 --extreme
