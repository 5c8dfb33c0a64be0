#!/usr/bin/env bash
# Builds upstream's own binaries, at the versions in tools/go.mod, into $WC_CACHE/bin. Without names: all of them.
# Go's build cache makes a second run cheap. Times go to $WC_CACHE/build-times.txt. With --missing, those that are there at the
# versions of today's go.mod are left out.
#   build.sh [--missing] [etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl agnhost e2e.test ginkgo coredns pause containerd helm]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
mkdir -p "$WC_BIN"
declare -A sums
sum() { # NAME: sets sum to the digest of the go.mod that NAME is built from
    local d=tools
    case $1 in coredns | containerd | helm) d=$1 ;; esac
    [ -n "${sums[$d]:-}" ] || sums[$d]=$(cat "$here/$d/go.mod" "$here/$d/go.sum" | sha256sum | cut -d' ' -f1)
    sum=${sums[$d]}
}
missing=
[ "${1:-}" != --missing ] || { missing=1; shift; }
[ $# -gt 0 ] || set -- etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl agnhost \
    coredns pause ginkgo e2e.test containerd
if [ -n "$missing" ]; then
    for b; do
        shift
        sum "$b"
        [ "$(cat "$WC_BIN/.$b" 2>/dev/null)" = "$sum" ] || set -- "$@" "$b"
    done
    [ $# -gt 0 ] || exit 0
fi

"$here/go.sh"
cd "$here/tools"
export CGO_ENABLED=0

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)        # v1.36.3
IFS=. read -r major minor _ <<<"${version#v}"
flags="-s -w"
for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $p.gitVersion=$version -X $p.gitMajor=$major -X $p.gitMinor=$minor -X $p.gitTreeState=clean"
done

build() { # name: sets out to the file it made
    out=$WC_BIN/$1
    case $1 in
    etcd)     go build -p "$WC_JOBS" -trimpath -ldflags "-s -w" -o "$out" go.etcd.io/etcd/server/v3 ;;
    agnhost)  go build -p "$WC_JOBS" -trimpath -ldflags "$flags" -o "$out" k8s.io/kubernetes/test/images/agnhost ;;
    ginkgo)   go build -p "$WC_JOBS" -trimpath -ldflags "-s -w" -o "$out" github.com/onsi/ginkgo/v2/ginkgo ;;
    e2e.test) go test -c -p "$WC_JOBS" -trimpath -ldflags "$flags" -o "$out" k8s.io/kubernetes/test/e2e ;;
    coredns)  (cd "$here/coredns" && go build -p "$WC_JOBS" -trimpath -ldflags "-s -w" -o "$out" .) ;;
    containerd)
        for c in containerd containerd-shim-runc-v2 ctr; do
            (cd "$here/containerd" && go build -p "$WC_JOBS" -trimpath -tags no_btrfs,no_zfs,no_devmapper -ldflags "-s -w" \
                -o "$WC_BIN/containerd2/$c" "github.com/containerd/containerd/v2/cmd/$c")
        done
        out=$WC_BIN/containerd2/containerd ;;
    helm)     (cd "$here/helm" && go build -p "$WC_JOBS" -trimpath -ldflags "-s -w" -o "$out" helm.sh/helm/v3/cmd/helm) ;;
    pause)    go build -trimpath -ldflags "-s -w" -o "$out" ./pause ;;
    *)        go build -p "$WC_JOBS" -trimpath -ldflags "$flags" -o "$out" "k8s.io/kubernetes/cmd/$1" ;;
    esac
}

for b; do
    t0=$(date +%s.%N)
    build "$b"
    sum "$b"
    echo "$sum" >"$WC_BIN/.$b"
    printf '%-26s %7.1f s %6.1f MB  %s\n' "$b" "$(echo "$(date +%s.%N) - $t0" | bc)" \
        "$(echo "$(stat -c %s "$out") / 1000000" | bc -l)" "$(date -Is)" | tee -a "$WC_CACHE/build-times.txt"
done
