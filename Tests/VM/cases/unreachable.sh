# guests: 2
# timeout: 200
# options: --guests
# commands: node ping
# files: .build/release/transport-conformance
# Packets of the connection manager that nobody answers, as behind a firewall: the address resolves, and no
# more. Fails if a ping there does not end with its reason, if the node is not reached once packets come
# through again, or if the kernel's own giving up (UNREACHABLE, after more than a minute) is not reported.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

NOBODY=10.77.9.9

in_guest() {
  local card kernel began=$SECONDS
  cat /sys/class/net/eth0/address >"$SHARE/card$NODE"
  if [ "$NODE" = 0 ]; then
    ip neighbor replace $NOBODY lladdr 02:00:00:00:09:09 dev eth0 nud permanent
    "$VM_ROOT/.build/release/transport-conformance" --bind "$ADDRESS" --silent $NOBODY \
      --run unreachable &
    kernel=$!
  fi
  start_node
  barrier up
  if [ "$NODE" = 0 ]; then
    read -r card <"$SHARE/card1"
    ip neighbor replace "$(address_of 1)" lladdr "$card" dev eth0 nud permanent
    cut_link 1
    refuses 69,75 verbena ping --deadline 50s "$(nid_of 1)"
    echo "refused after $((SECONDS - began)) s"
    grep -F "$(nid_of 1): cannot connect: ETIMEDOUT" "$LOG"
    mend_link 1
    await 30 verbena ping --deadline 5s "$(nid_of 1)"
    # Nobody has the address at all.
    refuses 69,75 verbena ping --deadline 30s 10.77.8.8@o2ib
    grep -E '10.77.8.8@o2ib: cannot connect: (ETIMEDOUT|EHOSTUNREACH)' "$LOG"
    wait "$kernel"
  fi
  barrier ended
  stop_node
}

if [ "$NODE" != judge ]; then in_guest; fi
