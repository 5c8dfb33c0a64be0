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

# /run, /etc and /var are the node's own: these are Open vSwitch's ordinary paths
export OVS_RUNDIR=/run/openvswitch
mkdir -p "$OVS_RUNDIR" /etc/openvswitch /run/keep
rm -f /etc/openvswitch/conf.db /etc/openvswitch/.conf.db.~lock~      # the machine's, seen through the overlay
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /etc/openvswitch/conf.db --remote=punix:$OVS_RUNDIR/db.sock --pidfile=$OVS_RUNDIR/ovsdb-server.pid \
    --log-file="$log/ovsdb-server.log" -vconsole:off --detach
ovs-vsctl --no-wait init
ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --pidfile=$OVS_RUNDIR/ovs-vswitchd.pid --log-file="$log/ovs-vswitchd.log" \
    -vconsole:off --detach

install -m 755 "$weft/bin/weft-cni" "$CNI_BIN_DIR/.weft-cni.new"
mv "$CNI_BIN_DIR/.weft-cni.new" "$CNI_BIN_DIR/weft-cni"

cp /usr/lib/cni/portmap "$CNI_BIN_DIR/"      # host ports, as beside every network that leaves them to this plugin

weft-controller certificate --pki "$weft/pki" --node "$NODE_NAME" --out /etc/weft/pki
"$here/keep.sh" /run/keep/weft-agent weft-agent --node "$NODE_NAME" --controller "$(cat "$weft/controllers")" --pki /etc/weft/pki \
    --ovs-rundir "$OVS_RUNDIR" --run-dir /run/weft --state-dir /var/lib/weft --cni-conf-dir "$CNI_CONF_DIR" --cni-chain portmap \
    >"$log/weft-agent.log" 2>&1 </dev/null &
