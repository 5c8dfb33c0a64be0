#!/usr/bin/env bash
# The cluster's hook for Weft (WC_CLUSTER_HOOK): what `kubectl apply` of the manifests would bring, with the controller's
# replicas as processes of the root namespace. They hold the service account's token and nothing more.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
. "$here/process.sh"
weft=$WC_STATE/weft
mkdir -p "$weft/pki"

kubectl apply --server-side -f "$WC_ROOT/manifests/crds/" >/dev/null
kubectl wait --for=condition=Established --timeout=30s -f "$WC_ROOT/manifests/crds/" >/dev/null
kubectl apply --server-side -l weft.dev/part=access -f "$WC_ROOT/manifests/weft.yaml" >/dev/null

cat >"$weft/controller.conf" <<Y
apiVersion: v1
kind: Config
clusters: [{name: wc, cluster: {server: "https://$WC_API:16443", certificate-authority-data: $(base64 -w0 "$WC_STATE/pki/ca.crt")}}]
users: [{name: weft-controller, user: {token: "$(kubectl -n weft-system create token weft-controller --duration=24h)"}}]
contexts: [{name: wc, context: {cluster: wc, user: weft-controller}}]
current-context: wc
Y
cat >"$weft/controller.yaml" <<Y
defaultSubnet: {name: default, cidrs: [$WC_PODS], natOutgoing: true}
quietTime: 5s
# Where kube-proxy serves the nodes and what comes from outside, Weft leaves that to it. Upstream's suite asks for externalIPs.
services: {proxy: $([ "$WC_PROXY" = none ] && echo full || echo pods), externalIPs: true}
Y
controllers=
for i in $(seq "$WC_CONTROLLERS"); do controllers+=${controllers:+,}$WC_API:$((10340 + 10 * i)); done
echo "$controllers" >"$weft/controllers"
for i in $(seq "$WC_CONTROLLERS"); do
    start "weft-controller-$i" "$weft/bin/weft-controller" run --kubeconfig "$weft/controller.conf" --config "$weft/controller.yaml" \
        --pki "$weft/pki" --replica "weft-controller-$i" --listen "$WC_API:$((10340 + 10 * i))" --health "127.0.0.1:$((10341 + 10 * i))"
    for _ in $(seq 100); do
        curl -sfm 1 "http://127.0.0.1:$((10341 + 10 * i))/readyz" >/dev/null 2>&1 && continue 2
        sleep 0.2
    done
    echo "weft-controller-$i is not ready; its log:" >&2
    tail -n 20 "$WC_STATE/log/weft-controller-$i.log" >&2
    exit 1
done
"$weft/bin/weft-controller" certificate --pki "$weft/pki" --operator --out "$weft/operator"
