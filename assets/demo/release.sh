#!/bin/sh
# Releases the demo world's `web` by switching a version file, as a small team's deploy script would.
# usage: release.sh deploy|rollback    (OPSROOM_ENV says where, OPSROOM_INPUT_VERSION which version)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
env=${OPSROOM_ENV:?set by opsroom}
service=web
current="$here/releases/$service.$env"
previous="$current.previous"
running=$(cat "$current")

case "$1" in
deploy)
    version=${OPSROOM_INPUT_VERSION:-}
    if [ -z "$version" ]; then
        patch=${running##*.}
        version="${running%.*}.$((patch + 1))"
    fi
    echo "$service $env: $running -> $version"
    echo "fetch   sources of $version"
    sleep 1
    echo "install 214 packages from cache"
    echo "build   38 modules, 1 warning"
    echo "warning: image hero.png is larger than 500 kB" >&2
    sleep 1
    echo "test    112 passed"
    printf '%s\n' "$running" >"$previous"
    ;;
rollback)
    version=${OPSROOM_INPUT_VERSION:-}
    if [ -z "$version" ]; then
        version=$(cat "$previous" 2>/dev/null || true)
    fi
    if [ -z "$version" ]; then
        echo "no earlier release of $service in $env" >&2
        exit 1
    fi
    echo "$service $env: back from $running to $version"
    : >"$previous"
    ;;
*)
    echo "usage: release.sh deploy|rollback" >&2
    exit 2
    ;;
esac

printf '%s\n' "$version" >"$current.new"
mv "$current.new" "$current"
echo "release $version is current"
