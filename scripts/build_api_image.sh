#!/usr/bin/env bash
# Builds the server's image (API_IMAGE, else pr-telemetry-api:0.1.0) on PYTHON_IMAGE. Unless that is set, it is
# python:3.11-slim, or the stand-in of build_python_base.sh where no registry answers.
set -euo pipefail
# shellcheck source=scripts/images.sh
source "$(dirname "${BASH_SOURCE[0]}")/images.sh"

image=${API_IMAGE:-pr-telemetry-api:0.1.0}
base=${PYTHON_IMAGE:-python:3.11-slim}

if [[ -z ${PYTHON_IMAGE:-} ]] && ! image_can_be_had "$base"; then
    base=pr-telemetry-python:3.11
    "$images_root/scripts/build_python_base.sh" "$base"
fi
say "building $image on $base."
quietly build-api.log docker build --build-arg "PYTHON_IMAGE=$base" --tag "$image" "$images_root"
say "$image is ready."
