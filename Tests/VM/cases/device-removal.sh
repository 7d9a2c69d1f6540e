# guests: 1
# timeout: 180
# options: --guests
# files: .build/release/transport-conformance
# commands: node ping
# The device is taken away while a process has seven loops and more on it: connections established and
# half-way, a listener, loops that come just then. Fails if a loop does not hear of it, if a request or
# a connection does not end, if the kernel cannot finish the removal because the process still holds
# the device, or if the process cannot use the device that comes in its place.
# Then under a running node with a connection: it must end by itself with status 69 and say which device
# went, the removal must return, and a node must start on the device that comes in its place.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

SECOND=10.77.1.1

said() { grep -qx "$1" "$SHARE/said"; }

# One that has ended will say nothing more.
await_word() {
  await 40 said_or_ended "$1"
  said "$1" || { echo "never said: $1" >&2; cat "$SHARE/said" >&2; return 1; }
}
said_or_ended() { said "$1" || ! kill -0 "$TOOL"; }

bring_back() {
  rdma link add rxe0 type rxe netdev eth0
  await_gid "$ADDRESS"
  await_gid "$SECOND"
}

under_loops() {
  local remove
  "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --peer "$SECOND" \
    --run removal >"$SHARE/said" &
  TOOL=$!
  await_word connected
  timeout 60 rdma link delete rxe0 &
  remove=$!
  await_word removed
  wait "$remove"
  bring_back
  wait "$TOOL"
  said again
}

gone() { ! kill -0 "$1"; }

under_node() {
  local code=0
  start_node
  # The peer stays, so that the node has a connection when it happens.
  "$VM_COMMAND" node --net o2ib --bind "$SECOND" >"$SHARE/peer" 2>&1 &
  PEER_PID=$!
  await 30 verbena ping --bind "$SECOND" "$ADDRESS@o2ib"
  timeout 60 rdma link delete rxe0
  await 30 gone "$NODE_PID"
  wait "$NODE_PID" || code=$?
  [ "$code" = 69 ] || { echo "the node ended with $code" >&2; tail -n 20 "$LOG" >&2; return 1; }
  grep -F 'the RDMA device rxe0 was removed' "$LOG" >&2
  code=0
  await 30 gone "$PEER_PID"
  wait "$PEER_PID" || code=$?
  [ "$code" = 69 ] || { echo "the peer ended with $code" >&2; cat "$SHARE/peer" >&2; return 1; }
  bring_back
  start_node
  verbena ping --bind "$SECOND" "$ADDRESS@o2ib"
  stop_node
}

in_guest() {
  more_addresses 1 1
  under_loops
  under_node
}

if [ "$NODE" != judge ]; then in_guest; fi
