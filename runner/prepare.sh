#!/bin/sh
# Runs as root inside the image, however it is made: the user that code under test runs as, and its two folders.
set -eu
groupadd --gid 1000 runner
useradd --uid 1000 --gid 1000 --create-home --home-dir /home/runner --shell /bin/bash runner
install --directory --owner=runner --group=runner /work
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*
