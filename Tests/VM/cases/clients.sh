# guests: 2
# mtu: 9000
# memory: 4096
# timeout: 600
# commands: serve mount export target object bulk
# Fifty clients on soft-RoCE, each a process with an address and a NID of its own, mount a file system of the other guest
# that has four targets. Ten of them are killed, twenty leave in order; bulk with checksums goes on from the addresses that
# are free. Fails if a byte differs, or unless the server's exports are exactly one for each client and target, then those
# of the twenty fewer at once, and at last those of the killed at targets that evict the silent: the management server
# never does (specification 12 §3.1).
# shellcheck shell=bash source=../lustre.sh
. "${HELPERS%/*}/lustre.sh"

CLIENTS=50
KILLED=10 # the first ones
LEAVING=20 # those behind them
nid_pattern='10\.77\.2\.[0-9]*@o2ib$'

# Exports of clients, one to a line: TARGET CLIENT NID.
clients_exports() {
  exports | awk '/^[^ ].*:$/ {client = $1} / name: / {name = $2}
    / client: / {print name, client, $2}' | grep "$nid_pattern" || true
}

# by_target COUNT…: how many clients each target has, in the order of their names.
by_target() {
  local now
  now=$(clients_exports)
  [ "$(cut -d ' ' -f 1 <<<"$now" | sort | uniq -c | awk '{print $1}' | xargs)" = "$*" ] || {
    echo "clients of each target, not $*:" >&2
    cut -d ' ' -f 1 <<<"$now" | sort | uniq -c >&2
    return 1
  }
}

serve() {
  local all=$CLIENTS stay=$((CLIENTS - LEAVING)) live=$((CLIENTS - LEAVING - KILLED))
  start_server 1
  barrier serving
  barrier mounted
  by_target "$all" "$all" "$all" "$all"
  # At each of them the same clients under the same NIDs; their management clients are clients of their own.
  expect "$all" . "$(clients_exports | grep -v '^MGS ' | cut -d ' ' -f 2,3 | sort -u)"
  expect "$all" . "$(clients_exports | cut -d ' ' -f 3 | sort -u)"
  verbena target show --bind "$ADDRESS"
  barrier counted
  barrier gone
  by_target "$stay" "$stay" "$stay" "$stay"
  say "$LEAVING left in order, $KILLED were killed: $stay exports at each target"
  barrier fewer
  barrier moved
  await 200 by_target "$((live + KILLED))" "$live" "$live" "$live"
  say "the killed are evicted"
  verbena target show --bind "$ADDRESS"
  barrier evicted
  barrier left
  by_target "$KILLED"
  stop_node
}

out_of() { echo "$SHARE/node$NODE/mount.$1"; }

# mount_all FIRST LAST: all at once, and waits until each one's imports are FULL.
mount_all() {
  local one
  for ((one = $1; one <= $2; one++)); do
    "$VM_COMMAND" mount --net o2ib --bind "10.77.2.$one" --idle-timeout 0s --deadline 150s \
      "$(nid_of 0):/lfs" >"$(out_of "$one")" 2>>"$LOG" &
    pids[one]=$!
  done
  for ((one = $1; one <= $2; one++)); do
    await 150 grep -q 'imports FULL' "$(out_of "$one")"
  done
}

leave() {
  local one
  for ((one = $1; one <= $2; one++)); do kill -TERM "${pids[one]}"; done
  for ((one = $1; one <= $2; one++)); do wait "${pids[one]}"; done
}

# move CLIENT: objects at one target, in both directions, from the client's address.
move() {
  local target=lfs-OST000$(($1 % 2))
  timeout 100 "$VM_COMMAND" bench bulk --bind "10.77.2.$1" --objects "$target" --size 4K,1M --iterations 4 \
    --in-flight 2 --warmup 0 --operation both --checksum on --force "$(nid_of 0)" >"$(out_of "$1").bulk"
}

compare() {
  local made
  head -c 2500000 /dev/urandom >"/tmp/data.$1"
  made=$(verbena object put --bind "10.77.2.$1" "$(nid_of 0)" lfs-OST0001 "/tmp/data.$1" |
    sed -n 's/^object: //p')
  verbena object get --bind "10.77.2.$1" "$(nid_of 0)" lfs-OST0001 "$made" "/tmp/back.$1"
  cmp "/tmp/data.$1" "/tmp/back.$1"
  rm "/tmp/data.$1" "/tmp/back.$1"
}

move_all() {
  local one moving=()
  for ((one = $1; one <= $2; one++)); do
    if [ $((one % 5)) = 0 ]; then compare "$one" & else move "$one" & fi
    moving+=($!)
    if [ ${#moving[@]} = 5 ]; then
      for one_pid in "${moving[@]}"; do wait "$one_pid"; done
      moving=()
    fi
  done
}

clients() {
  local pids=() one
  more_addresses 1 "$CLIENTS"
  barrier serving
  mount_all 1 "$KILLED"
  say "the first $KILLED are mounted"
  mount_all $((KILLED + 1)) "$CLIENTS"
  say "all are mounted; $(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo) MiB free"
  barrier mounted
  barrier counted
  for ((one = 1; one <= KILLED; one++)); do
    kill -KILL "${pids[one]}"
    wait "${pids[one]}" || true
  done
  leave $((KILLED + 1)) $((KILLED + LEAVING))
  barrier gone
  barrier fewer
  move_all $((KILLED + 1)) $((KILLED + LEAVING))
  barrier moved
  barrier evicted
  leave $((KILLED + LEAVING + 1)) "$CLIENTS"
  barrier left
}

case $NODE in
  judge) frames 'lnet.ib.type == 0xc0' "$CLIENTS" ;;
  0) serve ;;
  1) clients ;;
esac
