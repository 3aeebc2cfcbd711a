#!/usr/bin/env bash
# For machines that no registry answers: makes an image that stands in for python:3.11-slim under the server's
# Dockerfile, from Debian's packages, with the wheels of requirements.txt inside (the build then needs no network).
# Its name is pr-telemetry-python:3.11, or the first argument. It is not called python:3.11-slim, because other builds
# on this machine would then stand on it without a word.
set -euo pipefail
# shellcheck source=scripts/images.sh
source "$(dirname "${BASH_SOURCE[0]}")/images.sh"

image=${1:-pr-telemetry-python:3.11}
wheels=$images_root/.cache/wheels
hash=$(content_hash requirements.txt scripts/build_python_base.sh scripts/images.sh)

if image_is_current "$image" "$hash"; then
    exit 0
fi
say "making $image from Debian's packages, a stand-in for python:3.11-slim (about a minute)."
"$images_root/scripts/venv.sh"
rm -rf "$wheels"
"$images_root/.venv/bin/python" -m pip download --quiet --quiet --disable-pip-version-check --only-binary=:all: \
    --python-version 3.11 --requirement "$images_root/requirements.txt" --dest "$wheels"

# What the official image has: python and pip by these names, and a pip that may install into the system.
# shellcheck disable=SC2016  # the hook's own variables
WHEELS=$wheels import_debian_image "$image" \
    <(printf '%s\n' python3 python-is-python3 python3-pip python3-venv ca-certificates) \
    'rm -f "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED && cp -r "$WHEELS" "$1"/opt/wheels && chmod -R a+rX "$1"/opt/wheels && printf "[global]\nno-index = true\nfind-links = /opt/wheels\nroot-user-action = ignore\n" > "$1"/etc/pip.conf' \
    --change "LABEL $images_label=$hash" --change 'CMD ["python3"]'
say "$image is ready."
