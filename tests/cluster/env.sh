# shellcheck shell=bash disable=SC2034,SC2154
# Settings that every script here reads. Each may be set from outside.
: "${WC_CACHE:=$HOME/.cache/weft-cluster}"   # built binaries and images; not below /etc, /opt, /var or /run
: "${WC_STATE:=$WC_CACHE/state}"             # one cluster's certificates, logs and node disks; down.sh removes it
: "${WC_JOBS:=2}"                            # parallel compiles
: "${WC_FAMILIES:=ipv4}"                     # dual: IPv4 first, and IPv6
: "${WC_UNDERLAY:=10.211.0}"                 # the nodes' network, a /24: .1 is the control plane, .11 is node 1
: "${WC_UNDERLAY6:=fd00:211:}"               # the same of IPv6, a /64: :1 is the control plane, :11 is node 1
case $WC_FAMILIES in
dual) services6=,fd00:212::/108 pods6=,fd00:213::/48 ;;
*) services6= pods6= ;;
esac
: "${WC_SERVICES:=10.212.0.0/16$services6}"  # ClusterIPs
: "${WC_PODS:=10.213.0.0/16$pods6}"          # pods; every Node is given a part of it in spec.podCIDR
: "${WC_PROXY:=nftables}"                    # kube-proxy's mode (nftables, iptables), or "none" to leave it out
: "${WC_DNS:=1}"                             # 0 leaves CoreDNS out
: "${WC_CONTAINERD:=debian}"                 # debian (1.6, CNI 1.0) or 2 (built, CNI 1.1)
: "${WC_NET:=stand-in}"                      # whose network: weft, stand-in (Debian's bridge plugin), none (nodes stay NotReady)
case $WC_NET in                              # the two hooks may also be given one by one (see README):
weft) hook=$here/weft-node.sh cluster_hook=$here/weft-cluster.sh ;;
stand-in) hook=$here/bridge-cni.sh cluster_hook= ;;
*) hook=true cluster_hook= ;;
esac
: "${WC_HOOK:=$hook}"                        # run in every node to install and start the CNI under test
: "${WC_CLUSTER_HOOK:=$cluster_hook}"        # run once, in the root namespace, when the API answers and before the nodes start
: "${WC_CONTROLLERS:=2}"                     # replicas of weft-controller
: "${WC_WEFT_BIN:=}"                         # folder of Weft's built binaries
: "${WC_WEFT_IMAGE:=}"                       # archive of Weft's image, for a cluster that Weft is to be installed in
: "${WC_SKIP:=Feature:SCTPConnectivity|Internet connection}"   # tests that no CNI passes here: no SCTP in the kernel, no internet
: "${WC_API_ARGS:=}"                         # more flags for kube-apiserver, such as --feature-gates=...
WC_BIN=$WC_CACHE/bin
WC_ROOT=$(cd "$here/../.." && pwd)           # the repository
WC_API=$WC_UNDERLAY.1
WC_DNS_IP=${WC_SERVICES%.*.*}.0.10
export KUBECONFIG=$WC_STATE/admin.conf KUBECACHEDIR=$WC_STATE/kubectl
export PATH=$WC_BIN:$WC_CACHE/go/bin:$PATH:/usr/local/go/bin
[ "$WC_CONTAINERD" = debian ] || PATH=$WC_BIN/containerd2:$PATH
