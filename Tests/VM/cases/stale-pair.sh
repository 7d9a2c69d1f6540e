# guests: 2
# timeout: 150
# options: --guests
# commands: node ping
# A node dies while it is cut off, and its device is made anew: the next connection has the queue pair
# number of the one that its peer still holds, and the peer's kernel refuses it as stale (CM reason 10), with
# no word of o2iblnd. Fails if the node does not get through with another number within 30 s, or if the
# capture shows no such refusal.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

in_guest() {
  start_node
  barrier up
  if [ "$NODE" = 1 ]; then verbena ping "$(nid_of 0)"; fi
  barrier acquainted
  if [ "$NODE" = 1 ]; then
    cut_link
    kill_node
    rdma link delete rxe0
    rdma link add rxe0 type rxe netdev eth0
    await_gid "$ADDRESS"
    start_node
    mend_link
    await 30 verbena ping --deadline 5s "$(nid_of 0)"
  fi
  barrier successor
  if [ "$NODE" = 0 ]; then await 60 verbena ping --deadline 5s "$(nid_of 1)"; fi
  barrier reached
  stop_node
}

judge() { frames 'infiniband.cm.rej.reason == 10' 1; }

if [ "$NODE" = judge ]; then judge; else in_guest; fi
