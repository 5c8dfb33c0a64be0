#!/usr/bin/env bash
# Brings up a real cluster: etcd and the control plane here, N nodes in network namespaces of their own.
#   up.sh [N]        default 2, 0 for the control plane alone; settings: env.sh; the network in it: WC_NET (see README)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/process.sh"
n=${1:-2}
if [ ! -x "$WC_BIN/kubelet" ] || [ ! -e "$WC_CACHE/images/pause.name" ]; then
    echo "first: build.sh and images.sh" >&2
    exit 1
fi
"$here/down.sh"
pki=$WC_STATE/pki
mkdir -p "$pki" "$WC_STATE"/{pids,log,etcd,images}
declare -p WC_FAMILIES WC_PROXY WC_NET WC_HOOK WC_CONTAINERD >"$WC_STATE/settings"   # for reboot.sh
[ -z "$WC_WEFT_IMAGE" ] || cp "$WC_WEFT_IMAGE" "$WC_STATE/images/"
if [ "$WC_NET" = weft ]; then
    for b in weft-controller weft-agent weft-cni weftctl; do install -D "$WC_WEFT_BIN/$b" "$WC_STATE/weft/bin/$b"; done
fi
step() { printf '%(%T)T %s\n' -1 "$*"; }

# --- certificates: one CA for all
key() { openssl ecparam -genkey -name prime256v1 -noout -out "$1"; }
cert() { # NAME SUBJECT [SUBJECT-ALT-NAMES]
    key "$pki/$1.key"
    openssl req -new -key "$pki/$1.key" -subj "$2" |
        openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 -out "$pki/$1.crt" \
            -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}") 2>/dev/null
}
kubeconfig() { # NAME: writes $WC_STATE/NAME.conf from NAME's certificate
    cat >"$WC_STATE/$1.conf" <<Y
apiVersion: v1
kind: Config
clusters: [{name: wc, cluster: {server: "https://$WC_API:16443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: wc, context: {cluster: wc, user: $1}}]
current-context: wc
Y
}
key "$pki/ca.key"
openssl req -x509 -new -key "$pki/ca.key" -subj /CN=wc-ca -days 30 -out "$pki/ca.crt"
key "$pki/sa.key"
openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
cert apiserver /CN=kube-apiserver "IP:$WC_API,IP:${WC_SERVICES%.*.*}.0.1,IP:127.0.0.1,DNS:kubernetes,DNS:kubernetes.default,\
DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
cert kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
cert front-proxy /CN=front-proxy-client
cert admin /O=system:masters/CN=admin
cert controller-manager /CN=system:kube-controller-manager
cert scheduler /CN=system:kube-scheduler
cert kube-proxy /CN=system:kube-proxy
for c in admin controller-manager scheduler kube-proxy; do kubeconfig $c; done

# --- the nodes' network: a bridge here, a veth to each node
ip link add wc-br0 type bridge
ip addr add "$WC_API/24" dev wc-br0
[ "$WC_FAMILIES" != dual ] || ip addr add "$WC_UNDERLAY6:1/64" dev wc-br0 nodad
# With Open vSwitch's netdev datapath in the nodes nobody fills in a checksum that was left to hardware.
ethtool -K wc-br0 tx off >/dev/null
ip link set wc-br0 up

# --- control plane
step "control plane"
start etcd etcd --data-dir "$WC_STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
    --initial-cluster default=http://127.0.0.1:12380
# shellcheck disable=SC2086
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:12379 \
    --bind-address "$WC_API" --advertise-address "$WC_API" --secure-port 16443 \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$WC_SERVICES" --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key" \
    --requestheader-client-ca-file "$pki/ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- --enable-aggregator-routing \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key" $WC_API_ARGS
for _ in $(seq 120); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.5; done
kubectl get --raw /readyz >/dev/null
as() { echo "--kubeconfig $WC_STATE/$1.conf --authentication-kubeconfig $WC_STATE/$1.conf --authorization-kubeconfig $WC_STATE/$1.conf"; }
# Weft gives pods addresses out of blocks of its own: its nodes have no spec.podCIDR.
allocate=--allocate-node-cidrs
[ "$WC_NET" = stand-in ] || allocate=--allocate-node-cidrs=false
# shellcheck disable=SC2046
start kube-controller-manager kube-controller-manager $(as controller-manager) --leader-elect=false \
    --bind-address 127.0.0.1 --secure-port 20257 --use-service-account-credentials \
    --service-account-private-key-file "$pki/sa.key" --root-ca-file "$pki/ca.crt" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    $allocate --cluster-cidr "$WC_PODS" --service-cluster-ip-range "$WC_SERVICES"
# shellcheck disable=SC2046
start kube-scheduler kube-scheduler $(as scheduler) --leader-elect=false --bind-address 127.0.0.1 --secure-port 20259
[ -z "$WC_CLUSTER_HOOK" ] || "$WC_CLUSTER_HOOK"

# --- nodes
step "$n nodes"
for i in $(seq "$n"); do
    name=wc-node$i ip=$WC_UNDERLAY.$((10 + i))
    mkdir -p "$WC_STATE/$name"
    cert "$name" "/O=system:nodes/CN=system:node:$name" "IP:$ip,DNS:$name"
    kubeconfig "$name"
    boot "$i" "$n"
done
[ "$n" != 0 ] || exit 0
[ "$WC_DNS" = 0 ] || sed "s/DNS_IP/$WC_DNS_IP/" "$here/coredns.yaml" | kubectl apply -f - >/dev/null
[ "$WC_NET" = stand-in ] || start routes "$here/weft-routes.sh"
for i in $(seq "$n"); do
    kubectl wait --for=create "node/wc-node$i" --timeout=90s >/dev/null
    [ "$WC_NET" = stand-in ] || continue
    kubectl wait --for=jsonpath='{.spec.podCIDR}' "node/wc-node$i" --timeout=30s >/dev/null
    # the control plane reaches pods as any host beside the nodes would: through their node
    ip route replace "$(kubectl get node "wc-node$i" -o jsonpath='{.spec.podCIDR}')" via "$WC_UNDERLAY.$((10 + i))"
done
if [ "$WC_NET" != none ]; then
    kubectl wait --for=condition=Ready nodes --all --timeout=120s >/dev/null
    [ "$WC_DNS" = 0 ] || kubectl -n kube-system rollout status deployment/coredns --timeout=120s >/dev/null
fi
step "ready: export KUBECONFIG=$KUBECONFIG"
kubectl get nodes -o wide
