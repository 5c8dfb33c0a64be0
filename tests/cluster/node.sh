#!/usr/bin/env bash
# One node's first process (pid 1 of its own pid namespace; up.sh starts it). Gives the node a root of its own at the
# usual paths (/etc /opt /var /run, all private), then starts containerd, kubelet, kube-proxy and the CNI's hook.
# When it ends, the kernel ends everything in the node and frees its mounts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
disk=$WC_STATE/$NODE_NAME
mkdir -p "$disk"/{etc,opt,var,work,hold,containerd,kubelet,log,sysctl}
read -r pid _ </proc/self/stat      # /proc is still the outer one: this is the pid that in-node.sh and down.sh need
echo "$pid" >"$disk/pid"

# --- the node's own view
cd /
hostname "$NODE_NAME"
mount -t proc proc /proc
mount --rbind /sys/fs/cgroup "$disk/hold"
mount -t sysfs sysfs /sys            # the node's own interfaces in /sys/class/net
mount --rbind "$disk/hold" /sys/fs/cgroup
umount -R "$disk/hold"
mount --make-rshared /              # as systemd does; volumes with mountPropagation need it
for d in etc opt var; do
    mkdir -p "$disk/work/$d"
    mount -t overlay "wc-$d" -o "lowerdir=/$d,upperdir=$disk/$d,workdir=$disk/work/$d" "/$d"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/{containerd,kubelet,cni} /var/log/{pods,containers} /opt/cni/bin /etc/cni/net.d /etc/containerd /etc/kubernetes
mount --bind "$disk/containerd" /var/lib/containerd   # not on an overlay: the snapshots are overlays
mount --bind "$disk/kubelet" /var/lib/kubelet
echo "$NODE_NAME" >/etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "$NODE_IP" "$NODE_NAME" >/etc/hosts
: >/etc/resolv.conf
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
# kubelet writes these for the whole machine; it finds the values that it wants and leaves the machine's alone
for kv in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 \
    kernel/keys/root_maxbytes=25000000; do
    f=$disk/sysctl/$(tr / . <<<"${kv%=*}")
    echo "${kv#*=}" >"$f"
    mount --bind "$f" "/proc/sys/${kv%=*}"
done
# cgroup v1: a root for this node's pods in every hierarchy
for c in /sys/fs/cgroup/*/; do
    mkdir -p "$c/wc/$NODE_NAME"
    if [ -e "$c/cpuset.cpus" ]; then
        for d in wc "wc/$NODE_NAME"; do
            cat "$c/cpuset.cpus" >"$c/$d/cpuset.cpus"
            cat "$c/cpuset.mems" >"$c/$d/cpuset.mems"
        done
    fi
done

# --- containerd and the images
cp /usr/lib/cni/loopback /opt/cni/bin/     # containerd calls it for every pod
cat >/etc/containerd/config.toml <<T
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$(cat "$WC_CACHE/images/pause.name")"
  restrict_oom_score_adj = true   # root without CAP_SYS_RESOURCE may not lower it, and runc then fails every pod
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
T
containerd >"$disk/log/containerd.log" 2>&1 &
for _ in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
for image in "$WC_CACHE"/images/*.tar; do ctr -n k8s.io images import "$image" >/dev/null; done

# --- kubelet
cat >/etc/kubernetes/kubelet.yaml <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /wc/$NODE_NAME
enforceNodeAllocatable: []
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
evictionHard: {memory.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, imagefs.inodesFree: 0%}
imageGCHighThresholdPercent: 100
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDomain: cluster.local
clusterDNS: ["$WC_DNS_IP"]
resolvConf: /etc/resolv.conf
tlsCertFile: $WC_STATE/pki/$NODE_NAME.crt
tlsPrivateKeyFile: $WC_STATE/pki/$NODE_NAME.key
authentication: {x509: {clientCAFile: $WC_STATE/pki/ca.crt}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
Y
kubelet --config /etc/kubernetes/kubelet.yaml --kubeconfig "$WC_STATE/$NODE_NAME.conf" \
    --hostname-override "$NODE_NAME" --node-ip "$NODE_IP" >"$disk/log/kubelet.log" 2>&1 &

# --- kube-proxy
if [ "$WC_PROXY" != none ]; then
    # A pod's packet to a ClusterIP leaves the switch, is translated here and goes back into it: the reply must come the same way,
    # or the switch would carry it straight to the pod, from an address that the pod never called.
    proxy_more=
    [ "$WC_NET" = stand-in ] || proxy_more="$WC_PROXY: {masqueradeAll: true}"
    cat >/etc/kubernetes/kube-proxy.yaml <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: $WC_PROXY
oomScoreAdj: 0
clusterCIDR: $WC_PODS
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $WC_STATE/kube-proxy.conf}
$proxy_more
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
    kube-proxy --config /etc/kubernetes/kube-proxy.yaml >"$disk/log/kube-proxy.log" 2>&1 &
fi

# --- the CNI under test
export NODE_NAME NODE_IP NODE_COUNT CNI_BIN_DIR=/opt/cni/bin CNI_CONF_DIR=/etc/cni/net.d APISERVER=https://$WC_API:16443
"$WC_HOOK" >"$disk/log/hook.log" 2>&1 &
set +e
while :; do wait; sleep 3600; done   # bash, as pid 1, reaps what is left to it
