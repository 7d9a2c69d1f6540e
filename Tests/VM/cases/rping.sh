# guests: 2
# mtu: 9000
# timeout: 90
# options: --guests
# The ground below everything else: kernel soft-RoCE, librdmacm and the capture, with the system's
# own tools. Fails if a device is not active, rping does not come through both ways, or tshark does
# not find the connection set-up in the capture.
# shellcheck shell=bash source=../helpers.sh
. "$HELPERS"
set -euo pipefail

serve() { timeout 30 rping -s -a "$ADDRESS" -C 5 -v & }
call() { timeout 30 rping -c -a "$PEERS" -C 5 -v; }

in_guest() {
  ibv_devinfo -d rxe0 | grep PORT_ACTIVE
  for server in 0 1; do
    if [ "$NODE" = "$server" ]; then
      serve
      await 10 listens 7174
      barrier "serving$server"
      wait $!
    else
      barrier "serving$server"
      call
    fi
    barrier "served$server"
  done
}

judge() {
  local filter count
  for filter in ConnectRequest:2 ConnectReply:2 ReadyToUse:2 DisconnectRequest:2; do
    count=$(tshark -r "$PCAP" 2>/dev/null | grep -c "CM: ${filter%:*}" || true)
    [ "$count" -ge "${filter#*:}" ] || { echo "${filter%:*}: $count in the capture" >&2; return 1; }
  done
  [ -z "$(tshark -r "$PCAP" -Y _ws.malformed 2>/dev/null)" ]
}

if [ "$NODE" = judge ]; then judge; else in_guest; fi
