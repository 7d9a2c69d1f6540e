# guests: 2
# timeout: 150
# options: --guests
# commands: node ping discover bench
# A node with two NIDs on one device: both are reached from the other node, which has two as well, and
# both are told to who discovers it. Fails as well if a node with NIDs on two devices starts, or does not
# say which address is on which.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

second_of() { echo "10.77.$(($1 + 1)).1"; }

two_devices() {
  local out
  ip link add lonely type veth peer name other
  ip address add 10.88.0.1/24 dev lonely
  ip link set lonely up
  ip link set other up
  rdma link add rxe1 type rxe netdev lonely
  await_gid 10.88.0.1
  if out=$(verbena node --net o2ib --bind 10.77.9.1 --bind 10.88.0.1 2>&1); then return 1; fi
  grep -F '10.88.0.1 is on the device rxe1, 10.77.9.1 on rxe0' <<<"$out" || {
    printf 'not the reason: %s\n' "$out" >&2
    return 1
  }
}

in_guest() {
  more_addresses 1 1
  node_arguments+=(--bind "$(second_of "$NODE")")
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")" "$(second_of "$OTHER")@o2ib"
  barrier pinged
  verbena discover "$(second_of "$OTHER")@o2ib" | tee /dev/stderr |
    grep -F "$(nid_of "$OTHER")" >/dev/null
  barrier discovered
  if [ "$NODE" = 0 ]; then
    verbena bench bulk --size 64K,1M --iterations 5 --warmup 1 --operation both --checksum on \
      --force "$(second_of 1)@o2ib"
  fi
  barrier bulk
  stop_node
  if [ "$NODE" = 0 ]; then
    ip address add 10.77.9.1/16 dev eth0
    await_gid 10.77.9.1
    two_devices
  fi
}

# Somebody really has connected to a second address.
judge() { frames 'lnet.ib.type == 0xc0 && ip.dst == 10.77.2.1' 1; }

if [ "$NODE" = judge ]; then judge; else in_guest; fi
