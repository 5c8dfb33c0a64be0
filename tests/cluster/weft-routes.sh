#!/usr/bin/env bash
# A router beside the cluster: holds, in the root namespace, a route to each AddressBlock through the node that owns it (IPv4), so
# that the API server reaches pods (webhooks, aggregation, its proxy). Reads everything again at each change; ends with the cluster.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
proto=157      # marks our routes among others

# "CIDR NODE-ADDRESS" of every block whose node is there, and of every address that lives on another node than its block
wanted() {
    local nodes
    nodes=$(kubectl get nodes -o json) || return 1
    kubectl get addressblocks -o json | jq -r --argjson nodes "$nodes" '
        ($nodes.items | map({key: .metadata.name, value: ([.status.addresses[]? | select(.type == "InternalIP" and (.address | contains(":") | not)) | .address][0])}) | from_entries) as $ip
        | .items[] | .spec.node as $own
        | (.spec | [.cidr, .node]), (.allocations[]? | select((.node // "") != "" and .node != $own) | [.address + "/32", .node])
        | select(contains([":"]) | not) | select($ip[.[1]]) | "\(.[0]) \($ip[.[1]])"' | sort
}
sync() {
    local want have
    want=$(wanted) || return
    have=$(ip route show proto $proto | awk '{print ($1 ~ "/" ? $1 : $1 "/32"), $3}' | sort)
    comm -13 <(echo "$have") <(echo "$want") | while read -r cidr via; do [ -z "$via" ] || ip route replace "$cidr" via "$via" proto $proto; done
    comm -23 <(echo "$have" | cut -d' ' -f1) <(echo "$want" | cut -d' ' -f1) | while read -r cidr; do [ -z "$cidr" ] || ip route del "$cidr" proto $proto; done
}
while :; do
    sync
    kubectl get addressblocks --watch -o name 2>/dev/null | while read -r _; do
        while read -r -t 0.2 _; do :; done
        sync
    done
    sleep 1      # no such resource yet, or the API server is away
done
