# guests: 2
# timeout: 300
# options: --guests
# commands: node ping
# The cable of a node is pulled and put in again; then its frames are lost without its card noticing,
# and come through again. Both times for longer than the devices try again. Fails if a ping meanwhile
# succeeds or does not end by its deadline, if a node's device does not give up (completion status 12,
# retries exceeded) or its connection is not closed then, or if the nodes do not find each other again
# within 60 s.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

harmed() {
  local began=$SECONDS
  refuses 1,69,75 verbena ping --deadline 3s "$(nid_of "$OTHER")"
  [ $((SECONDS - began)) -lt 15 ] || { echo "a ping of 3 s took $((SECONDS - began))" >&2; return 1; }
}

# given_up TIMES: so often has the device given up by now.
given_up() {
  [ "$(grep -c 'completion status 12: connection closed' "$LOG")" -ge "$1" ]
}

in_guest() {
  local harm times=0
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")"
  barrier acquainted
  for harm in "link_down link_up" "cut_link mend_link"; do
    if [ "$NODE" = 1 ]; then ${harm% *}; fi
    barrier "harmed-by-${harm% *}"
    harmed
    times=$((times + 1))
    await 60 given_up "$times"
    barrier "noticed-${harm% *}"
    if [ "$NODE" = 1 ]; then ${harm#* }; fi
    barrier "after-${harm#* }"
    await 60 verbena ping --deadline 3s "$(nid_of "$OTHER")"
    barrier "again-${harm#* }"
  done
  stop_node
}

if [ "$NODE" != judge ]; then in_guest; fi
