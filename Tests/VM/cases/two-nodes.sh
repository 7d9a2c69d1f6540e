# guests: 2
# mtu: 9000
# timeout: 150
# commands: info node ping discover bench decode
# The main job: two nodes, each on a soft-RoCE device of its own, connect through rdma_cm, ping and
# discover each other over LNet and move bulk data with checksums, each towards the other. Fails if
# one of them does not come through, if tshark finds a malformed frame in the capture, or if its
# fields are not those that `verbena decode` shows.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

in_guest() {
  verbena info
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")"
  barrier pinged
  verbena discover "$(nid_of "$OTHER")"
  barrier discovered
  for caller in 0 1; do
    if [ "$NODE" = "$caller" ]; then
      verbena bench bulk --size 4K..1M --iterations 10 --warmup 1 --operation both --checksum on \
        --force "$(nid_of "$OTHER")"
    fi
    barrier "bulk$caller"
  done
  stop_node
}

judge() {
  local bad
  bad=$(malformed)
  [ -z "$bad" ] || { printf 'tshark cannot decode:\n%s\n' "$bad" >&2; return 1; }
  frames 'lnet.ib.type == 0xc0' 1            # CONNREQ
  frames 'lnet.ib.type == 0xc1' 1            # CONNACK
  frames 'lnet.ib.type == 0xd1 && lnet.msg_type == 2' 2 # GET, a ping
  frames 'lnet.ib.type == 0xd2' 10           # PUT_REQ
  frames 'lnet.ib.type == 0xd6' 10           # GET_REQ
  frames 'infiniband.bth.opcode >= 6 && infiniband.bth.opcode <= 11' 100 # RDMA WRITE
  "$VM_ROOT/Tests/VM/compare" "$VM_COMMAND" "$PCAP"
}

if [ "$NODE" = judge ]; then judge; else in_guest; fi
