# guests: 1
# timeout: 240
# commands: node ping discover bench
# files: .build/release/transport-conformance
# Two nodes on one device, in two processes: they reach each other, move bulk data with checksums, and one
# notices the death of the other and finds its successor. Then two in one process.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

SECOND=10.77.1.1
listens_at() { rdma resource show cm_id | grep -F "$1:987" | grep -F 'state LISTEN' >/dev/null; }

start_at() {
  "$VM_COMMAND" node --net o2ib --bind "$1" --log-level debug >>"$SHARE/node0/$1.log" 2>&1 &
  NODE_PID=$!
  await 30 listens_at "$1"
}

in_guest() {
  local first
  if [ "$GUESTS" = 1 ]; then more_addresses 1 1; else return 77; fi
  start_at "$ADDRESS"
  first=$NODE_PID
  start_at "$SECOND"
  verbena ping --bind "$ADDRESS" "$SECOND@o2ib"
  verbena ping --bind "$SECOND" "$ADDRESS@o2ib"
  verbena discover --bind "$SECOND" "$ADDRESS@o2ib"
  verbena bench bulk --bind "$ADDRESS" --size 4K,1M --iterations 5 --warmup 1 --operation both \
    --checksum on --force "$SECOND@o2ib"
  kill_node
  refuses 1,69,75 verbena ping --bind "$ADDRESS" --deadline 3s "$SECOND@o2ib"
  start_at "$SECOND"
  await 30 verbena ping --bind "$ADDRESS" --deadline 3s "$SECOND@o2ib"
  stop_node
  NODE_PID=$first
  stop_node
  timeout 60 "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --peer "$SECOND" \
    --run nodes
}

if [ "$NODE" != judge ]; then in_guest; fi
