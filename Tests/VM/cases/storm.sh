# guests: 2
# mtu: 9000
# memory: 2048
# timeout: 600
# commands: serve storm
# Fifty clients on soft-RoCE, each with an address, a NID and a connection of its own, are connected to eight targets of
# a server in the other guest, which is killed and started again. Fails unless all 400 imports are FULL again under
# `fast`, each client has made one connection, and an import took 1.2 attempts at most.
# shellcheck shell=bash source=../lustre.sh
. "${HELPERS%/*}/lustre.sh"

CLIENTS=50

serve() {
  start_server 7 --timing fast
  barrier serving
  barrier full
  kill_node
  barrier killed
  start_targets
  say "the server is started again: $(head -n 1 "$SHARE/node$NODE/serve.out")"
  barrier returned
  stop_node
}

storm() {
  local out=$SHARE/node$NODE/storm
  more_addresses 1 "$CLIENTS"
  barrier serving
  timeout 500 "$VM_COMMAND" bench storm --clients "$CLIENTS" --targets 8 --fsname lfs --timing fast \
    --deadline 240s --bind 10.77.2.1 --json "$out.json" "$(nid_of 0)" >"$out.out" 2>"$out.err" &
  NODE_PID=$!
  await 240 grep -q 'imports are FULL: end' "$out.err"
  barrier full
  barrier killed
  wait "$NODE_PID" || { cat "$out.err" >&2; return 1; }
  cat "$out.out"
  say "$(tail -n 1 "$out.out")"
  barrier returned
}

judge() {
  frames 'lnet.ib.type == 0xc0' $((2 * CLIENTS))
  python3 - "$SHARE/node1/storm.json" "$CLIENTS" <<'END'
import json, sys

clients = int(sys.argv[2])
metrics = json.load(open(sys.argv[1]))["series"][0]["metrics"]
names = "clients nids lnd_connections imports_total imports_full evicted attempts timeouts " \
    "seconds_to_full seconds_to_join processor_seconds resident_bytes"
print(" ".join(f"{name}={metrics[name]:g}" for name in names.split()))
assert metrics["imports_total"] == metrics["imports_full"] == 8 * clients, "not all are FULL"
assert metrics["lnd_connections"] == clients, "not one connection for each client"
assert metrics["attempts"] <= 1.2 * 8 * clients, "more than 1.2 attempts for an import"
END
}

case $NODE in
  judge) judge ;;
  0) serve ;;
  1) storm ;;
esac
