# shellcheck shell=bash
# What a script in a guest may call; it starts with `. "$HELPERS"`.
#
# Set for it: NODE (0, 1, …), COUNT (how many nodes), ADDRESS (its own), PEERS (all others'),
# SHARE (a folder that the host and all nodes see and may write), MTU, GUESTS (1 in a guest, 0 where
# the host's own RDMA device is used). The device of a guest is rxe0 on eth0.

# Sends one line to the harness and prints its answer; fails if that is an error. One channel, so
# one at a time: a node that waits at a barrier can ask for nothing else.
tell() {
  local answer lock
  exec {lock}>"$LOCK"
  flock "$lock"
  printf '%s\n' "$1" >&"$CHANNEL"
  read -r answer <&"$CHANNEL"
  exec {lock}>&-
  [ "${answer%% *}" = ok ] || { printf '%s: %s\n' "$1" "$answer" >&2; return 1; }
}

# A line for the one who watches the run.
say() { tell "say $*"; }

# barrier NAME: waits for all nodes to come to it; fails when one has ended instead.
barrier() { tell "barrier $1"; }

# link_down [NODE], link_up [NODE]: the cable is pulled out of the node's card, and put in again.
link_down() { tell "link ${1:-$NODE} down"; }
link_up() { tell "link ${1:-$NODE} up"; }

# cut [NODE], mend [NODE]: every frame from and to the node is lost, and no card notices.
cut_link() { tell "cut ${1:-$NODE}"; }
mend_link() { tell "mend ${1:-$NODE}"; }

# lose PERCENT [NODE], delay MILLISECONDS [NODE]: for the frames towards the node; 0 ends it.
lose() { tell "lose ${2:-$NODE} $1"; }
delay() { tell "delay ${2:-$NODE} $1"; }

# address_of NODE
address_of() { echo "10.77.0.$(($1 + 1))"; }

# await_gid ADDRESS: an address can be bound by RDMA programs only once the device lists it.
await_gid() {
  local hex tries a b c d
  IFS=. read -r a b c d <<<"$1"
  hex=$(printf '0000:0000:0000:0000:0000:ffff:%02x%02x:%02x%02x' "$a" "$b" "$c" "$d")
  for ((tries = 0; tries < 200; tries++)); do
    if grep -qsx "$hex" /sys/class/infiniband/*/ports/*/gids/{?,??,???}; then return 0; fi
    sleep 0.05
  done
  echo "no GID for $1 on any RDMA device" >&2
  return 1
}

# more_addresses FIRST LAST: gives this guest the addresses 10.77.(NODE+1).FIRST to LAST.
more_addresses() {
  local last
  for ((last = $1; last <= $2; last++)); do
    ip address add "10.77.$((NODE + 1)).$last/16" dev eth0 || return 1
  done
  await_gid "10.77.$((NODE + 1)).$2"
}

# await SECONDS COMMAND…: until the command succeeds; fails when it did not in that time.
await() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || { echo "not within the time: $*" >&2; return 1; }
    sleep 0.1
  done
}

# listens PORT: whether a program here listens at it through librdmacm; no other table shows these.
listens() { rdma resource show cm_id | grep "state LISTEN.*:$1\b" >/dev/null; }
