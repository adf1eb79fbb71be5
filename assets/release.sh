#!/usr/bin/env bash
# Builds the release archive: the binary, completions, man pages and the licence. The binary starts on systems with
# glibc 2.17 and newer, which is that of old bastions.
#
#   assets/release.sh          builds target/release-archive/opsroom-VERSION-TARGET.tar.gz and its checksum
#   PROFILE=release assets/release.sh     links less hard: a shorter build, for trying the script
#   assets/release.sh check BINARY        only checks which versions of glibc a binary needs
#
# Needs cargo-zigbuild and zig (pip install cargo-zigbuild ziglang) and readelf (binutils).
set -euo pipefail
cd "$(dirname "$0")/.."

glibc=2.17
target=${TARGET:-x86_64-unknown-linux-gnu}
profile=${PROFILE:-dist}

# Fails when a binary needs a symbol of a newer glibc.
check() {
    local needed newest
    needed=$(readelf --wide --version-info "$1" | grep -o 'GLIBC_[0-9][0-9.]*' | sed 's/GLIBC_//' | sort -Vu)
    if [ -z "$needed" ]; then
        echo "$1 names no version of glibc; is it a dynamically linked program?" >&2
        return 1
    fi
    newest=$(printf '%s\n' "$needed" | tail -n 1)
    if [ "$(printf '%s\n' "$newest" "$glibc" | sort -V | tail -n 1)" != "$glibc" ]; then
        echo "$1 needs glibc $newest; the release may need $glibc at most" >&2
        return 1
    fi
    echo "$1 needs glibc $newest"
}

if [ "${1-}" = check ]; then
    check "${2:?name a binary}"
    exit
fi

if ! command -v cargo-zigbuild >/dev/null; then
    echo "cargo-zigbuild is missing: pip install cargo-zigbuild ziglang" >&2
    exit 1
fi
cargo zigbuild --locked --profile "$profile" --target "$target.$glibc"
binary=target/$target/$profile/opsroom
check "$binary"

version=$("$binary" --version | cut -d ' ' -f 2)
name=opsroom-$version-$target
out=target/release-archive
rm -rf "${out:?}/$name"
mkdir -p "$out/$name/completions" "$out/$name/man/man1" "$out/$name/man/man7"
cp "$binary" LICENSE README.md CHANGELOG.md "$out/$name/"
for shell in bash fish zsh; do
    "$binary" completions "$shell" >"$out/$name/completions/opsroom.$shell"
done
"$binary" man --out "$out/$name/man"
mv "$out/$name"/man/*.1 "$out/$name/man/man1/"
mv "$out/$name"/man/*.7 "$out/$name/man/man7/"

# The same sources give the same archive: names in order, no owner, the time of the commit.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" --directory "$out" "$name" |
    gzip --no-name >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
