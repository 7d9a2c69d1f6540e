# guests: 2
# mtu: 9000
# timeout: 200
# commands: serve mount connect import export target decode
# A file system on soft-RoCE: one guest hosts its management server, a metadata and two object targets, with their
# data in a directory; the other one mounts it, connects to one target alone, is refused where there is none, and leaves.
# Fails if an import does not come to FULL, if counts differ, if N targets on one node cost more than one CM exchange, if
# the exports do not go with the client, or if tshark's lustre dissector reads a field of an RPC differently.
# shellcheck shell=bash source=../lustre.sh
. "${HELPERS%/*}/lustre.sh"

serve() {
  start_server 1
  barrier serving
  barrier mounted
  local shown
  shown=$(exports)
  printf '%s\n' "$shown"
  # One export of the mount at each target; the targets' own are others' matter.
  [ "$(count "$(address_of 1)@o2ib" "$shown")" -ge 4 ]
  verbena target show --bind "$ADDRESS"
  barrier shown
  barrier left
  # An orderly departure leaves nothing behind.
  [ "$(count "$(address_of 1)@o2ib" "$(exports)")" = 0 ]
  barrier checked
  stop_node
}

mount() {
  barrier serving
  local out=$SHARE/node$NODE/mount.out
  verbena connect "${node_arguments[@]}" "$(nid_of "$OTHER")" lfs-OST0001
  refuses 1 verbena connect "${node_arguments[@]}" "$(nid_of "$OTHER")" lfs-OST0009
  start_mount "$out"
  cat "$out"
  expect 4 '^current_state: FULL' "$(cat "$out")"
  barrier mounted
  imports | grep -F lfs-MDT0000
  barrier shown
  stop_node
  barrier left
  barrier checked
}

in_guest() { if [ "$NODE" = 0 ]; then serve; else mount; fi; }

judge() {
  local bad
  bad=$(malformed)
  [ -z "$bad" ] || { printf 'tshark cannot decode:\n%s\n' "$bad" >&2; return 1; }
  # Two times `connect`, and the mount of four targets: one connection each.
  [ "$(tshark -r "$PCAP" -Y 'lnet.ib.type == 0xc0' 2>/dev/null | wc -l)" = 3 ]
  frames 'lustre.ptlrpc_body.pb_opc == 250' 1 # MGS_CONNECT
  frames 'lustre.ptlrpc_body.pb_opc == 38' 1  # MDS_CONNECT
  frames 'lustre.ptlrpc_body.pb_opc == 8' 2   # OST_CONNECT
  frames 'lustre.ptlrpc_body.pb_opc == 101' 1 # LDLM_ENQUEUE
  frames 'lustre.ptlrpc_body.pb_opc == 40' 1  # MDS_GET_ROOT
  "$VM_ROOT/Tests/VM/compare" "$VM_COMMAND" "$PCAP"
}

if [ "$NODE" = judge ]; then judge; else in_guest; fi
