#!/usr/bin/env bash
# Makes the images that upstream's e2e suite asks for, under its own names, into $WC_CACHE/images/*.tar.
# pause is our own (tools/pause); agnhost is upstream's agnhost with the shell tools its tests call, taken from this system
# (Debian: busybox-static curl wget netcat-openbsd iproute2 bind9-dnsutils iperf), and stands in for two more names that the
# network tests use (agnhost's version before, glibc-dns-testing); coredns is for cluster DNS.
# Images that are newer than what they are made of are left as they are.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
images=$WC_CACHE/images
if [ -e "$images/.made" ] && [ -z "$(find "$here" "$WC_BIN"/{agnhost,coredns,pause} -newer "$images/.made" \
    \( -name 'images.sh' -o -name 'oci.sh' -o -path "$WC_BIN/*" -o -path '*/imagename/*' \) -type f)" ]; then
    exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$images"
mapfile -t name < <(cd "$here/tools" && CGO_ENABLED=0 go run ./imagename pause agnhost busybox agnhost-prev glibc-dns-testing)
printf '%s\n' "${name[0]}" >"$images/pause.name"
printf '%s\n' "${name[1]}" >"$images/agnhost.name"

with_libraries() { # ROOT PROGRAM...: copies programs with the shared libraries they load
    local root=$1 p f
    shift
    for p; do
        p=$(realpath "$(command -v "$p")")
        for f in "$p" $(ldd "$p" | grep -o '/[^ ]*'); do install -D "$f" "$root$f"; done
    done
}

mkdir -p "$tmp"/{pause,coredns,busybox/bin,busybox/tmp}
install "$WC_BIN/pause" "$tmp/pause/pause"
install -D "$WC_BIN/coredns" "$tmp/coredns/coredns"

b=$tmp/busybox
install -D "$(command -v busybox)" "$b/bin/busybox"
for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$b/bin/$applet"; done
mkdir -p "$b"/{etc,root,usr/bin,usr/sbin,var}
chmod 1777 "$b/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$b/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$b/etc/group"
echo 'hosts: files dns' >"$b/etc/nsswitch.conf"

a=$tmp/agnhost
cp -a "$b" "$a"
tools=(curl wget nc.openbsd ip ss dig nslookup getent iperf bash dash)
rm -f "$a"/bin/{nc,ip,nslookup,wget,sh,bash,ash}
with_libraries "$a" "${tools[@]}"
for p in "${tools[@]}"; do ln -sf "$(realpath "$(command -v "$p")")" "$a/bin/${p%.openbsd}"; done
ln -s dash "$a/bin/sh"     # not busybox: its shell prefers its own nc, which lacks the flags that the tests use
src=$(cd "$here/tools" && go list -m -f '{{.Dir}}' k8s.io/kubernetes)/test/images/agnhost
install "$WC_BIN/agnhost" "$a/agnhost"
ln -s agnhost "$a/agnhost-2"
install "$WC_BIN/coredns" "$a/coredns"     # some DNS tests run one of their own
install -m 644 "$src"/porter/localhost.{crt,key} "$a/"
mkdir -p "$a/uploads" "$a/var/registry"
echo 'user-defined-in-image:x:1000:1000::/:/bin/sh' >>"$a/etc/passwd"
printf 'user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n' >>"$a/etc/group"

"$here/oci.sh" "$images/pause.tar" "${name[0]}" "$tmp/pause" /pause
"$here/oci.sh" "$images/agnhost.tar" "${name[1]},${name[3]},${name[4]}" "$a" /agnhost pause
"$here/oci.sh" "$images/busybox.tar" "${name[2]}" "$b" "" sh
"$here/oci.sh" "$images/coredns.tar" weft.dev/coredns:local "$tmp/coredns" /coredns
touch "$images/.made"
ls -l "$images"/*.tar
