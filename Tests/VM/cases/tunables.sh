# guests: 2
# timeout: 240
# options: --guests
# commands: node ping
# What a user sets about device and connection reaches the wire: the device's name, port and GID index
# choose the address, and the connect request and the data carry traffic class, retries and the source port.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

SECOND=10.77.1.1

# gid_index ADDRESS: where the device lists it.
gid_index() {
  local hex file a b c d
  IFS=. read -r a b c d <<<"$1"
  hex=$(printf '0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x' "$a" "$b" "$c" "$d")
  # A thousand places, most of which cannot be read.
  file=$(grep -slx "$hex" /sys/class/infiniband/rxe0/ports/1/gids/* || true)
  [ -n "$file" ] && basename "${file%%$'\n'*}"
}

ask() {
  local index to
  to=$(nid_of 1)
  more_addresses 1 1
  index=$(gid_index "$SECOND")
  verbena ping -d rxe0 -i 1 -x "$index" --tos 32 --retry-count 3 --rnr-retry-count 4 "$to"
  verbena ping -d rxe0 -x "$(gid_index "$ADDRESS")" --use-privileged-port 0 "$to"
  refuses 69 verbena ping -d rxe7 "$to"
  refuses 69 verbena ping -i 2 "$to"
  refuses 69 verbena ping -x 250 "$to"
}

in_guest() {
  if [ "$NODE" = 1 ]; then start_node; fi
  barrier up
  if [ "$NODE" = 0 ]; then ask; fi
  barrier asked
  if [ "$NODE" = 1 ]; then stop_node; fi
}

# none FILTER: fails when a frame matches.
none() {
  local found
  found=$(tshark -r "$PCAP" -Y "$1" 2>/dev/null)
  [ -z "$found" ] || { printf 'frames match %s:\n%s\n' "$1" "$found" >&2; return 1; }
}

judge() {
  local set="ip.src == $SECOND" unset="ip.src == 10.77.0.1"
  frames "$set && infiniband.cm.req.retrcount == 3 && infiniband.cm.req.rnrretrcount == 4 &&
    infiniband.cm.req.prim_tfcclass == 32 && infiniband.cm.req.ip_cm.sport < 1024" 1
  frames "$set && infiniband.bth.opcode <= 4 && ip.dsfield == 32" 1 # SEND
  none "$set && infiniband.bth.opcode <= 4 && ip.dsfield != 32"
  frames "$unset && infiniband.cm.req.retrcount == 5 && infiniband.cm.req.rnrretrcount == 6 &&
    infiniband.cm.req.prim_tfcclass == 0 && infiniband.cm.req.ip_cm.sport >= 1024" 1
  frames "$unset && infiniband.bth.opcode <= 4 && ip.dsfield == 0" 1
}

if [ "$NODE" = judge ]; then judge; else in_guest; fi
