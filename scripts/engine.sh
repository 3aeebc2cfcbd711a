#!/usr/bin/env bash
# Makes sure that a container engine answers. Where none does and this is root on Debian or Ubuntu, it installs and
# starts one; anywhere else it says in one sentence what is missing. Called, or sourced for ensure_engine.

engine_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
engine_log=$engine_root/.cache/dockerd.log

ensure_engine() {
    if engine_answers; then
        return 0
    fi
    if [[ -n ${DOCKER_HOST:-} ]]; then
        engine_says "DOCKER_HOST=$DOCKER_HOST does not answer: start that engine, or unset DOCKER_HOST to use the local one."
        return 1
    fi
    if ((EUID != 0)); then
        engine_missing_without_root
        return 1
    fi
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
        engine_install || return 1
    fi
    if ! engine_answers_within 3; then
        engine_start || return 1
    fi
}

engine_answers() {
    command -v docker >/dev/null && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

engine_answers_within() {
    local deadline=$((SECONDS + $1))
    while ((SECONDS < deadline)); do
        if engine_answers; then
            return 0
        fi
        sleep 0.5
    done
    return 1
}

engine_missing_without_root() {
    if [[ -S /var/run/docker.sock && ! -w /var/run/docker.sock ]]; then
        engine_says "a container engine is here, but this user may not use it: add the user to the group docker and log in again."
    else
        engine_says "no container engine answers: install and start Docker (on Debian or Ubuntu, as root: apt-get install docker.io), or set DOCKER_HOST."
    fi
}

engine_install() {
    if ! command -v apt-get >/dev/null; then
        engine_says "no container engine is installed: install Docker with this system's package manager, or set DOCKER_HOST."
        return 1
    fi
    engine_says "no container engine is installed, so docker.io and iptables are installed now with apt-get."
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$engine_root/.cache"
    local packages=(docker.io iptables)
    {
        apt-get update
        # newer releases keep the client in a package of its own
        if apt-cache show docker-cli >/dev/null 2>&1; then
            packages+=(docker-cli)
        fi
        apt-get install --yes --no-install-recommends "${packages[@]}"
    } </dev/null >"$engine_root/.cache/apt.log" 2>&1 || {
        engine_says "docker.io could not be installed (see .cache/apt.log): install Docker by hand, or set DOCKER_HOST."
        return 1
    }
}

engine_start() {
    if [[ -d /run/systemd/system ]] && systemctl start docker >/dev/null 2>&1 && engine_answers_within 30; then
        return 0
    fi
    engine_says "no container engine is running, so dockerd is started now (its log: .cache/dockerd.log)."
    mkdir -p "$engine_root/.cache"
    : >"$engine_log"
    # the sandbox has no network, so an engine that may not touch the packet filter still serves it
    if engine_launch || engine_launch --iptables=false --bridge=none; then
        return 0
    fi
    engine_says "dockerd does not start on this machine (see .cache/dockerd.log): point DOCKER_HOST at an engine elsewhere."
    return 1
}

engine_launch() {
    # a session and streams of its own: whoever waits for this script must not wait for the engine
    setsid dockerd "$@" </dev/null >>"$engine_log" 2>&1 &
    local pid=$! deadline=$((SECONDS + 60))
    while ((SECONDS < deadline)); do
        if engine_answers; then
            return 0
        fi
        if ! kill -0 "$pid" 2>/dev/null; then
            # another start may have been quicker; this dockerd then gave way to it
            engine_answers_within 2
            return
        fi
        sleep 0.5
    done
    kill "$pid" 2>/dev/null
    return 1
}

engine_says() {
    printf 'engine: %s\n' "$*" >&2
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    ensure_engine
fi
