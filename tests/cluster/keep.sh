#!/usr/bin/env bash
# Runs a command and starts it again whenever it ends; while PIDFILE.hold exists it stays down, for tests of its absence.
# PIDFILE gets the command's pid and start time. When keep.sh dies, the command dies with it.
#   keep.sh PIDFILE COMMAND...
set -uo pipefail
pidfile=$1
shift
while :; do
    while [ -e "$pidfile.hold" ]; do sleep 0.1; done
    setpriv --pdeathsig KILL "$@" &
    echo "$! $(cut -d' ' -f22 "/proc/$!/stat" 2>/dev/null)" >"$pidfile"
    wait $!
    printf '%(%FT%T)T keep: %s ended with status %s\n' -1 "$1" $? >&2
    sleep 0.5
done
