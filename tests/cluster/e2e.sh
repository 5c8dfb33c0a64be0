#!/usr/bin/env bash
# Runs upstream's own e2e suite, unmodified, against the cluster that up.sh made.
#   e2e.sh FOCUS [FLAGS...]     FOCUS is a regular expression over test names; FLAGS go to e2e.test after the defaults
#   e2e.sh -p N FOCUS ...       N tests at a time, through upstream's ginkgo
# Reports go to $WC_STATE/e2e (junit_01.xml); the exit status is the suite's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
run=("$WC_BIN/e2e.test")
if [ "${1:-}" = -p ]; then
    run=("$WC_BIN/ginkgo" "--procs=$2" --no-color --timeout=24h "$WC_BIN/e2e.test" --)
    shift 2
fi
focus=$1
shift
mkdir -p "$WC_STATE/e2e"
"${run[@]}" -provider=skeleton -kubeconfig="$KUBECONFIG" -report-dir="$WC_STATE/e2e" -ginkgo.no-color \
    -ginkgo.focus="$focus" -ginkgo.skip="$WC_SKIP" -ginkgo.timeout=24h -dump-logs-on-failure=false -disable-log-dump "$@" |
    sed -uE 's/S{4,}/…/g'      # thousands of skipped tests, a letter each
