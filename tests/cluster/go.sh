#!/usr/bin/env bash
# Sees to a Go that can build what is here: the machine's own if it is recent enough; else the one that tools/go.mod asks for, as a
# module, fetched by whatever older Go the system has in a package (Debian 12: 1.19, which cannot fetch it by itself).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
want=$(sed -n 's/^go //p' "$here/tools/go.mod")
have=$(cd / && go env GOVERSION 2>/dev/null || true)
if [ -n "$have" ] && printf '%s\n' "go$want" "$have" | sort -VC; then exit 0; fi
echo "fetching Go $want (here: ${have:-none})"
[ -n "$have" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go >/dev/null
mkdir -p "$WC_CACHE"
tmp=$(mktemp -d "$WC_CACHE/go.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
module=golang.org/toolchain@v0.0.1-go$want.linux-$(dpkg --print-architecture)
(cd "$tmp" && GOFLAGS=-modcacherw GOMODCACHE=$tmp go mod download "$module")
chmod +x "$tmp/$module"/bin/* "$tmp/$module"/pkg/tool/*/*      # a module's archive carries no modes
rm -rf "$WC_CACHE/go"
mv "$tmp/$module" "$WC_CACHE/go"
go version
