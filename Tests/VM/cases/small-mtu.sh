# guests: 2
# mtu: 1500
# timeout: 120
# commands: node ping bench
# The ordinary Ethernet MTU, where a message of o2iblnd takes several packets: ping and bulk with
# checksums. No judge: tshark does not put such messages together.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

in_guest() {
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")"
  if [ "$NODE" = 0 ]; then
    verbena bench bulk --size 64K,1M --iterations 5 --warmup 1 --operation both --checksum on \
      --force "$(nid_of 1)"
  fi
  barrier "bulk-done"
  stop_node
}

if [ "$NODE" != judge ]; then in_guest; fi
