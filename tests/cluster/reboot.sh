#!/usr/bin/env bash
# Lets node I lose its power and start again: every process of it is killed and with them go the namespaces of its pods, /run and all its
# links; its disk stays.   reboot.sh I
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "${WC_STATE:-${WC_CACHE:-$HOME/.cache/weft-cluster}/state}/settings"
. "$here/env.sh"
. "$here/process.sh"
i=$1
name=wc-node$i
read -r pid _ <"$WC_STATE/pids/$name"
first=$(cat "$WC_STATE/$name/pid")
count=$(find "$WC_STATE" -maxdepth 2 -path '*/wc-node*/pid' | wc -l)
kill -KILL -- "-$pid" 2>/dev/null || true
kill -KILL "$first" 2>/dev/null || true
while [ -e "/proc/$pid" ] || [ -e "/proc/$first" ]; do sleep 0.05; done
rm "$WC_STATE/$name/pid"
ip netns del "$name"
ip link del "wc-veth$i" 2>/dev/null || true   # see down.sh
for c in /sys/fs/cgroup/*/wc/"$name"; do
    [ ! -e "$c" ] || find "$c" -mindepth 1 -depth -type d -exec rmdir {} \;
done
boot "$i" "$count"
for _ in $(seq 100); do [ ! -s "$WC_STATE/$name/pid" ] || exit 0; sleep 0.1; done
echo "$name does not start; see $WC_STATE/log/$name.log" >&2
exit 1
