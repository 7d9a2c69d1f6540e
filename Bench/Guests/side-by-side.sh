# guests: 1
# memory: 1024
# timeout: 1500
# commands: node serve bench
# `verbena bench` beside the system's own tools, in one guest, on one device, in interleaved pairs:
# 64 B messages and ib_send_lat, 1 MiB PUTs, without and with a checksum at both ends, and RPCs that write and read
# 1 MiB of an object and ib_write_bw, connects and cmtime: as many connects as cmtime makes, all of them at once, and none before. The judge prints the ratio of each pair's two as
# median and range. Times under emulation mean nothing; ratios do.
# shellcheck shell=bash source=../../Tests/VM/helpers.sh
. "$HELPERS"
set -euo pipefail

PAIRS=${VM_PAIRS:-10}
CLIENT=10.77.1.1
SERVER=10.77.1.2
RESULTS=$SHARE/pairs

bench() {
  local what=$1 pair=$2
  shift 2
  measure "$what" "$what" "$pair" "$@" "$ADDRESS@o2ib"
}

# measure NAME WHAT PAIR ARGUMENT…: the results go under that name.
measure() {
  local name=$1 what=$2 pair=$3
  shift 3
  timeout 60 "$VM_COMMAND" bench "$what" --bind "$CLIENT" --force --json "$RESULTS/$name.$pair.json" \
    "$@" >/dev/null
}

# perftest NAME PAIR TOOL…: server and client of one perftest tool, through rdma_cm.
perftest() {
  local name=$1 pair=$2 port=$((18600 + $2))
  shift 2
  timeout 60 "$@" -R -F -p "$port" >/dev/null &
  await 10 listens "$port"
  timeout 60 "$@" -R -F -p "$port" "$ADDRESS" >"$RESULTS/$name.$pair.txt"
  wait $!
}

connects() {
  local pair=$1 port=$((18700 + $1)) server
  timeout 60 cmtime -c "$COUNT_CONNECTS" -p "$port" >"$RESULTS/cmtime-server.$pair.txt" 2>&1 &
  server=$!
  await 10 listens "$port"
  timeout 60 cmtime -s "$ADDRESS" -c "$COUNT_CONNECTS" -p "$port" >"$RESULTS/cmtime.$pair.txt" 2>&1
  # It serves for ever.
  kill "$server"
  wait "$server" || true
}

in_guest() {
  local pair
  more_addresses 1 2
  mkdir -p "$RESULTS"
  "$VM_COMMAND" node --net o2ib --bind "$ADDRESS" >"$SHARE/node0/verbena.log" 2>&1 &
  await 30 listens 987
  "$VM_COMMAND" serve --bind "$SERVER" --mgs --mdt 0 --ost 0 --fsname lfs >"$SHARE/node0/serve.out" \
    2>>"$SHARE/node0/verbena.log" &
  await 60 grep -q 'lfs-OST0000 open' "$SHARE/node0/serve.out"
  COUNT_CONNECTS=100
  for ((pair = 0; pair < PAIRS; pair++)); do
    bench message "$pair" --size 64 --iterations 1000 --warmup 100
    perftest ib_send_lat "$pair" ib_send_lat -s 64 -n 1000
    bench bulk "$pair" --size 1M --iterations 20 --warmup 2 --checksum off --in-flight 8
    measure checked bulk "$pair" --size 1M --iterations 20 --warmup 2 --checksum on --in-flight 8 \
      "$ADDRESS@o2ib"
    measure objects bulk "$pair" --size 1M --iterations 20 --warmup 2 --checksum off --in-flight 8 \
      --operation both --objects lfs-OST0000 "$SERVER@o2ib"
    perftest ib_write_bw "$pair" ib_write_bw -s 1048576 -n 20 -t 8
    bench connect "$pair" --iterations "$COUNT_CONNECTS" --in-flight "$COUNT_CONNECTS" --warmup 0
    connects "$pair"
    say "pair $((pair + 1)) of $PAIRS"
  done
}

if [ "$NODE" = judge ]; then "$VM_ROOT/Bench/Guests/ratios" "$RESULTS"; else in_guest; fi
