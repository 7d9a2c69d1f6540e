# guests: 1
# timeout: 150
# files: .build/release/transport-conformance
# The conformance suite on the verbs backend over soft-RoCE, both sides in one guest: the same
# assertions that the emulated backend meets in ConformanceTests. Fails if one case does.
# shellcheck shell=bash source=../helpers.sh
. "$HELPERS"
set -euo pipefail

in_guest() {
  local peer=$ADDRESS
  if [ "$GUESTS" = 1 ]; then
    peer=10.77.1.1
    more_addresses 1 1
  fi
  timeout 120 "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --peer "$peer" \
    --silent 10.77.99.99
}

if [ "$NODE" != judge ]; then in_guest; fi
