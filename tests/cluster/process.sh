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
