#!/usr/bin/env bash
# Runs the scenarios of a suite in the virtual machine: scenarios.sh BINARIES SUITE FILTER
set -euo pipefail
WEFT_SHARE=1 WEFT_BIN=$1 exec "$2" "$3" --test-threads=1
