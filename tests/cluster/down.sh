#!/usr/bin/env bash
# Takes the cluster down and leaves nothing: processes (only those that up.sh started), namespaces, cgroups, state.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
# A node is ended by its unshare process, which takes the node's pid 1 with it, and so everything in the node.
wait_for=()
for f in "$WC_STATE"/pids/*; do
    [ -e "$f" ] || continue
    read -r pid since <"$f"
    [ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "$since" ] || continue   # another process has the number now
    # each was started with a session of its own: what it started ends with it
    kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    wait_for+=("$pid")
    [ ! -e "$WC_STATE/${f##*/}/pid" ] || wait_for+=("$(cat "$WC_STATE/${f##*/}/pid")")
done
for pid in "${wait_for[@]}"; do
    while [ -e "/proc/$pid" ]; do sleep 0.05; done
done
for ns in $(ip netns list | grep -o '^wc-node[0-9]*'); do ip netns del "$ns"; done
# A node whose uplink was in a switch of its own left its last connections unfinished: for minutes the kernel keeps their
# namespace, and with it the veth, unless its other end is deleted.
for link in $(ip -o link show type veth | grep -o 'wc-veth[0-9]*'); do ip link del "$link" 2>/dev/null || true; done
ip link del wc-br0 2>/dev/null || true      # the routes through the nodes go with it
for c in /sys/fs/cgroup/*/wc; do
    [ ! -e "$c" ] || find "$c" -depth -type d -exec rmdir {} \;
done
rm -rf "$WC_STATE"
