# guests: 1
# memory: 1024
# timeout: 200
# options: --guests
# files: .build/release/transport-conformance
# As many queue pairs on one transport as it promises: one more is refused with its errno, all of them are
# given back, and the same number is there again. Fails as well if the device counts fewer than we do, or
# keeps some.
# shellcheck shell=bash source=../helpers.sh
. "$HELPERS"
set -euo pipefail

in_guest() {
  local before after
  before=$(rdma -j resource show)
  "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --run limit | while read -r word count; do
    echo "$word $count"
    if [ "$word" = all ]; then rdma resource show; fi
  done
  after=$(rdma -j resource show)
  [ "$before" = "$after" ] || { echo "before: $before, after: $after" >&2; return 1; }
}

if [ "$NODE" != judge ]; then in_guest; fi
