#!/usr/bin/env bash
# Runs the scenarios of a suite in the virtual machine: scenarios.sh BINARIES SUITE FILTER...
# What a scenario says is seen when it says it: a machine that is ended for its time tells nothing later.
set -euo pipefail
binaries=$1 suite=$2
shift 2
WEFT_SHARE=1 WEFT_BIN=$binaries exec "$suite" "$@" --test-threads=1 --nocapture
