# guests: 2
# timeout: 150
# commands: node ping
# A node is killed without a word and started again: its peer still holds a connection and the
# incarnation (stamp) of the dead one. Fails if the peer does not notice, does not reach the new one
# within 30 s, or leaves otherwise than in order. Both ways round.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

in_guest() {
  local victim
  start_node
  barrier up
  for victim in 0 1; do
    verbena ping "$(nid_of "$OTHER")"
    barrier "acquainted$victim"
    if [ "$NODE" = "$victim" ]; then kill_node; fi
    barrier "killed$victim"
    if [ "$NODE" != "$victim" ]; then
      refuses 1,69,75 verbena ping --deadline 3s "$(nid_of "$victim")"
    fi
    barrier "noticed$victim"
    if [ "$NODE" = "$victim" ]; then start_node; fi
    barrier "back$victim"
    await 30 verbena ping --deadline 3s "$(nid_of "$OTHER")"
    barrier "reached$victim"
  done
  stop_node
}

if [ "$NODE" != judge ]; then in_guest; fi
