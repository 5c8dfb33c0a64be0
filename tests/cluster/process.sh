# shellcheck shell=bash
# What starts the cluster's processes and keeps them. Read by up.sh and by the cluster's hook, after env.sh.

# NAME COMMAND...: runs a process on its own, with its output in the log folder; its pid is kept with the process's start time,
# so that down.sh ends no other.
spawn() {
    setsid nohup "${@:2}" >"$WC_STATE/log/$1.log" 2>&1 </dev/null &
    echo "$! $(cut -d' ' -f22 "/proc/$!/stat")" >"$WC_STATE/pids/$1"
}

# NAME COMMAND...: the same, and started again whenever it ends (keep.sh), as static pods of a control plane would be.
start() { spawn "$1" "$here/keep.sh" "$WC_STATE/pids/$1.kept" "${@:2}"; }

# I N: node I of N, as a machine that is switched on: its end of the underlay, then its first process. It finds what its disk has.
boot() {
    local name=wc-node$1 ip=$WC_UNDERLAY.$((10 + $1)) ips
    ip netns add "$name"
    # A machine that is switched off and on has the MAC that it had, and the link-local address that follows from it.
    ip link add "wc-veth$1" type veth peer name eth0 address "$(printf '02:57:43:00:00:%02x' "$1")" netns "$name"
    ethtool -K "wc-veth$1" tx off >/dev/null
    ip link set "wc-veth$1" master wc-br0 up
    ip -n "$name" link set lo up
    ip -n "$name" link set eth0 up
    ip -n "$name" addr add "$ip/24" dev eth0
    ip -n "$name" route add default via "$WC_API"
    ips=$ip
    if [ "$WC_FAMILIES" = dual ]; then
        ips=$ip,$WC_UNDERLAY6:$((10 + $1))
        ip -n "$name" addr add "${ips#*,}/64" dev eth0 nodad
        ip -n "$name" route add default via "$WC_UNDERLAY6:1"
    fi
    NODE_NAME=$name NODE_IP=$ip NODE_IPS=$ips NODE_COUNT=$2 spawn "$name" \
        nsenter --net="/run/netns/$name" unshare --mount --uts --ipc --pid --fork --kill-child "$here/node.sh"
}
