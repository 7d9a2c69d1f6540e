# guests: 1
# timeout: 120
# options: --guests
# files: .build/release/transport-conformance
# The device is taken away while a process has seven loops and more on it: connections established and
# half-way, a listener, loops that come just then. Fails if a loop does not hear of it, if a request or
# a connection does not end, if the kernel cannot finish the removal because the process still holds
# the device, or if the process cannot use the device that comes in its place.
# shellcheck shell=bash source=../helpers.sh
. "$HELPERS"
set -euo pipefail

said() { grep -qx "$1" "$SHARE/said"; }

# One that has ended will say nothing more.
await_word() {
  await 40 said_or_ended "$1"
  said "$1" || { echo "never said: $1" >&2; cat "$SHARE/said" >&2; return 1; }
}
said_or_ended() { said "$1" || ! kill -0 "$TOOL"; }

in_guest() {
  local remove
  more_addresses 1 1
  "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --peer 10.77.1.1 \
    --run removal >"$SHARE/said" &
  TOOL=$!
  await_word connected
  timeout 60 rdma link delete rxe0 &
  remove=$!
  await_word removed
  wait "$remove"
  rdma link add rxe0 type rxe netdev eth0
  await_gid "$ADDRESS"
  await_gid 10.77.1.1
  wait "$TOOL"
  said again
}

if [ "$NODE" != judge ]; then in_guest; fi
