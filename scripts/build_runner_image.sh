#!/usr/bin/env bash
# Builds the image that sessions are re-executed in (RUNNER_IMAGE, else pr-telemetry-runner:1), unless one of the same
# content is here. --node builds the one that also has Node.js (RUNNER_NODE_IMAGE, else pr-telemetry-runner-node:1).
# --force builds it in any case.
set -euo pipefail
# shellcheck source=scripts/images.sh
source "$(dirname "${BASH_SOURCE[0]}")/images.sh"

image=${RUNNER_IMAGE:-pr-telemetry-runner:1}
lists=(runner/packages.txt)
force=
for option in "$@"; do
    case $option in
        --node) image=${RUNNER_NODE_IMAGE:-pr-telemetry-runner-node:1} lists+=(runner/packages-node.txt) ;;
        --force) force=yes ;;
        *) say "the options are --node and --force." && exit 2 ;;
    esac
done
base=$(sed -n 's/^FROM //p' "$images_root/runner/Dockerfile")
hash=$(content_hash runner/Dockerfile "${lists[@]}" runner/prepare.sh)

build_from_registry() {
    image_can_be_had "$base" || return 1
    say "building $image on $base."
    quietly build-runner.log timeout 900 \
        docker build --label "$images_label=$hash" --tag "$image" \
        --build-arg "LISTS=${lists[*]##*/}" "$images_root/runner"
}

build_from_packages() {
    say "building $image from Debian's packages, because $base cannot be had or built on (about half a minute)."
    # shellcheck disable=SC2016  # the hook's own variables
    PREPARE=$images_root/runner/prepare.sh import_debian_image "$image" <(cd "$images_root" && cat "${lists[@]}") \
        'chroot "$1" sh -s < "$PREPARE"' \
        --change "LABEL $images_label=$hash" --change "USER runner" --change "WORKDIR /work" --change 'CMD ["python3"]'
}

if [[ -z $force ]] && image_is_current "$image" "$hash"; then
    exit 0
fi
build_from_registry || build_from_packages
say "$image is ready ($(docker image inspect --format '{{.Size}}' "$image" | numfmt --to=si)B)."
