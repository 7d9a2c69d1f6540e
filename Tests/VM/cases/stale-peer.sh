# guests: 2
# timeout: 150
# options: --guests
# commands: node ping
# A node dies while it is cut off, so that its peer hears no good-bye, and its successor is there
# before the peer has noticed: the peer still holds a connection to the old incarnation (stamp).
# Fails if the successor does not reach the peer within 30 s, or the peer the successor within 60 s,
# or if the peer had no reason to refuse the old connection.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

in_guest() {
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")"
  barrier acquainted
  if [ "$NODE" = 1 ]; then
    cut_link
    kill_node
    start_node
    # What the old one's kernel had to say is said by now, to nobody.
    sleep 3
    mend_link
    await 30 verbena ping --deadline 5s "$(nid_of 0)"
  fi
  barrier successor
  if [ "$NODE" = 0 ]; then await 60 verbena ping --deadline 5s "$(nid_of 1)"; fi
  barrier reached
  stop_node
}

# That it was this and not a peer that noticed in time.
judge() { grep CONN_STALE "$SHARE/node0/verbena.log" >/dev/null; }

if [ "$NODE" = judge ]; then judge; else in_guest; fi
