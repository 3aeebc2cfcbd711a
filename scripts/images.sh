# Sourced. What the image scripts share: is an image here, can it be had, and how one is made from Debian's packages.
# shellcheck shell=bash

images_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly images_label=org.pr-telemetry.content
readonly images_suite=bookworm
readonly images_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# image_is_current IMAGE HASH: the image is here and was made from this content
image_is_current() {
    [[ $(docker image inspect --format "{{index .Config.Labels \"$images_label\"}}" "$1" 2>/dev/null) == "$2" ]]
}

# image_can_be_had IMAGE: it is here, or a registry hands it over within a minute
image_can_be_had() {
    docker image inspect "$1" >/dev/null 2>&1 || timeout "${PULL_TIMEOUT_S:-60}" docker pull --quiet "$1" >/dev/null 2>&1
}

# content_hash FILE...: names (relative to the repository) and bytes
content_hash() {
    (cd "$images_root" && sha256sum -- "$@") | sha256sum | cut -d ' ' -f 1
}

# import_debian_image IMAGE PACKAGES-FILE HOOK DOCKER-IMPORT-OPTION...: tags only what was made whole.
# HOOK is a line of shell that finds the image's root folder in $1.
import_debian_image() {
    local image=$1 packages hook=$3 id previous
    packages=$(paste --serial --delimiters=, "$2")
    shift 3
    ensure_mmdebstrap || return 1
    local options=(--variant=minbase --include="$packages" --quiet --customize-hook="$hook")
    for path in doc man info locale lintian bash-completion; do
        options+=(--dpkgopt="path-exclude=/usr/share/$path/*")
    done
    options+=(--dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='path-exclude=/usr/share/perl5/CPAN*')
    # shellcheck disable=SC2046  # no source is no argument
    if ! id=$(mmdebstrap "${options[@]}" "$images_suite" - $(host_sources) </dev/null |
        docker import --change "ENV PATH=$images_path" --change "ENV LANG=C.UTF-8" "$@" -); then
        [[ -z ${id:-} ]] || docker image rm "$id" >/dev/null 2>&1
        say "$image could not be made from Debian's packages."
        return 1
    fi
    previous=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null) || true
    docker tag "$id" "$image"
    # refused, and rightly, where it has another name or a container stands on it
    [[ -z $previous ]] || docker image rm "$previous" >/dev/null 2>&1 || true
}

# quietly LOG COMMAND...: what the command prints goes to .cache/LOG, and is shown only where it fails
quietly() {
    local log=$images_root/.cache/$1
    shift
    mkdir -p "$images_root/.cache"
    if ! "$@" </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        return 1
    fi
}

# the machine's own package sources where they are this suite's, so that a mirror it was set up with is used
host_sources() {
    local file=/etc/apt/sources.list.d/debian.sources
    if grep -qs "^VERSION_CODENAME=$images_suite" /etc/os-release && [[ -s $file ]]; then
        printf '%s\n' "$file"
    fi
}

ensure_mmdebstrap() {
    if command -v mmdebstrap >/dev/null; then
        return 0
    fi
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        say "no registry answers and mmdebstrap is missing: install it (as root: apt-get install mmdebstrap), or load the image by hand."
        return 1
    fi
    say "no registry answers, so mmdebstrap is installed now with apt-get to make the image from Debian's packages."
    if ! quietly apt.log apt-get update || ! quietly apt.log env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends mmdebstrap debian-archive-keyring; then
        say "mmdebstrap could not be installed."
        return 1
    fi
}

say() {
    printf 'image: %s\n' "$*" >&2
}
