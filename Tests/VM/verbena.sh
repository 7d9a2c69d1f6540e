# shellcheck shell=bash
# For cases that run `verbena`: sourced after helpers.sh, in guests and by the judge.
# shellcheck source=helpers.sh
. "$HELPERS"
set -euo pipefail

nid_of() { echo "$(address_of "$1")@o2ib"; }
if [ "$NODE" != judge ]; then
  # shellcheck disable=SC2034
  OTHER=$((1 - NODE))
  node_arguments=(--net o2ib --bind "$ADDRESS")
  LOG=$SHARE/node$NODE/verbena.log
  # What the node had to say is the first thing to know of a case that failed.
  trap '[ $? = 0 ] || ! [ -s "$LOG" ] || tail -n 8 "$LOG" | cut -c1-300 >&2' EXIT
fi

# verbena …: the command, under a limit well above every limit of its own.
verbena() { timeout -k 5 60 "$VM_COMMAND" "$@"; }

# start_node: a node at this guest's address, or as `node_arguments` say; returns once it can be
# reached.
start_node() {
  "$VM_COMMAND" node "${node_arguments[@]}" --log-level debug >>"$LOG" 2>&1 &
  NODE_PID=$!
  if ! await 30 listens_or_ended || ! listens 987; then
    echo "the node does not serve; its log ends:" >&2
    tail -n 20 "$LOG" >&2
    return 1
  fi
}

listens_or_ended() { listens 987 || ! kill -0 "$NODE_PID"; }

# stop_node: as a service manager would; it has to leave in order.
stop_node() {
  local code=0
  kill -TERM "$NODE_PID"
  wait "$NODE_PID" || code=$?
  [ "$code" = 0 ] || echo "the node ended with $code" >&2
  return "$code"
}

kill_node() {
  kill -KILL "$NODE_PID"
  wait "$NODE_PID" || true
}

# refuses CODES COMMAND…: it must fail, and with one of these exit codes.
refuses() {
  local codes=$1 code=0
  shift
  "$@" || code=$?
  case ",$codes," in
    *",$code,"*) return 0 ;;
  esac
  echo "ended with $code, not $codes: $*" >&2
  return 1
}

# The frames that tshark cannot decode. It reads GET_REQ (0xd6) four bytes early, says bad_buflen of
# LNet payloads that it does not know, such as a push, and guesses at the protocol of the raw data
# that an RDMA WRITE (6 to 11) carries.
malformed() {
  tshark -r "$PCAP" -Y '_ws.malformed && !(lnet.ib.type == 0xd6) && !lnet.bad_buflen &&
    !(infiniband.bth.opcode >= 6 && infiniband.bth.opcode <= 11)' 2>/dev/null
}

# frames FILTER AT_LEAST: fails when the capture has fewer that match.
frames() {
  local count
  count=$(tshark -r "$PCAP" -Y "$1" 2>/dev/null | wc -l)
  [ "$count" -ge "$2" ] || { echo "$count frames match, not $2: $1" >&2; return 1; }
}
