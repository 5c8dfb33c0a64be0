#!/usr/bin/env bash
# The node's hook for Weft (WC_HOOK): Open vSwitch of the node's own, the plugin, the node's certificate, and the agent, which
# writes the CNI configuration itself when the node can serve. The agent holds no right to the Kubernetes API.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
unset KUBECONFIG
weft=$WC_STATE/weft
log=$WC_STATE/$NODE_NAME/log
PATH=$weft/bin:$PATH

export OVS_RUNDIR=/run/openvswitch
"$here/node-switch.sh"
mkdir -p /run/keep

install -m 755 "$weft/bin/weft-cni" "$CNI_BIN_DIR/.weft-cni.new"
mv "$CNI_BIN_DIR/.weft-cni.new" "$CNI_BIN_DIR/weft-cni"

cp /usr/lib/cni/portmap "$CNI_BIN_DIR/"      # host ports, as beside every network that leaves them to this plugin

weft-controller certificate --pki "$weft/pki" --node "$NODE_NAME" --out /etc/weft/pki
"$here/keep.sh" /run/keep/weft-agent weft-agent --node "$NODE_NAME" --controller "$(cat "$weft/controllers")" --pki /etc/weft/pki \
    --ovs-rundir "$OVS_RUNDIR" --run-dir /run/weft --state-dir /var/lib/weft --cni-conf-dir "$CNI_CONF_DIR" --cni-chain portmap \
    >"$log/weft-agent.log" 2>&1 </dev/null &
