#!/usr/bin/env bash
# An Open vSwitch of the node's own, at its ordinary paths: /run, /etc and /var are the node's. Run inside the node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
log=$WC_STATE/$(hostname)/log
export OVS_RUNDIR=/run/openvswitch
mkdir -p "$OVS_RUNDIR" /etc/openvswitch
rm -f /etc/openvswitch/conf.db /etc/openvswitch/.conf.db.~lock~      # the machine's, seen through the overlay
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /etc/openvswitch/conf.db --remote=punix:$OVS_RUNDIR/db.sock --pidfile=$OVS_RUNDIR/ovsdb-server.pid \
    --log-file="$log/ovsdb-server.log" -vconsole:off --detach
ovs-vsctl --no-wait init
ovs-vswitchd "unix:$OVS_RUNDIR/db.sock" --pidfile=$OVS_RUNDIR/ovs-vswitchd.pid --log-file="$log/ovs-vswitchd.log" \
    -vconsole:off --detach
