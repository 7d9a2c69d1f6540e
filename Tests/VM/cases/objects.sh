# guests: 2
# mtu: 9000
# timeout: 400
# commands: serve mount import export target object rpc decode
# Objects and requests over soft-RoCE, and a server that dies: one guest stores files as objects at the other's target
# and fetches them, as bytes inside the request and as bulk, with each kind of checksum; measures OBD_PING; mounts; then
# the server is killed and started again on its data. Fails if a byte differs, if `import show` does not show the way
# from FULL through DISCONN to FULL, if what was stored is not there afterwards, or if tshark's lustre dissector reads a
# field of an RPC differently.
# shellcheck shell=bash source=../lustre.sh
. "${HELPERS%/*}/lustre.sh"

SECOND=10.77.2.1

# object VERB [OPTION…] ARGUMENT…: from the client's second address, at the first object target.
object() {
  local verb=$1
  shift
  verbena object "$verb" --bind "$SECOND" "$(nid_of 0)" lfs-OST0000 "$@"
}

# there_and_back FILE KIND: what it is stored as, on standard output.
there_and_back() {
  local made
  made=$(object put --checksum-kind "$2" "$1" | tee /dev/stderr | sed -n 's/^object: //p')
  object get --checksum-kind "$2" "$made" /tmp/back >&2
  cmp "$1" /tmp/back
  echo "$made"
}

# Those that commands make, without those that the metadata target has made ahead.
echo_objects() { verbena object ls --bind "$ADDRESS" lfs-OST0000 | grep '^0x2:' || true; }

serve() {
  start_server 1
  barrier serving
  barrier stored
  expect 8 '^0x2:' "$(echo_objects)"
  barrier listed
  barrier mounted
  kill_node
  barrier killed
  barrier noticed
  start_targets
  barrier back
  barrier fetched
  expect 0 '^0x2:' "$(echo_objects)"
  stop_node
}

store() {
  local kind
  head -c 3000000 /dev/urandom >/tmp/large
  head -c 3000 /dev/urandom >/tmp/small
  for kind in automatic none crc32 adler crc32c t10ip512 t10ip4K; do
    large=$(there_and_back /tmp/large "$kind")
    objects+=("$large")
  done
  small=$(there_and_back /tmp/small automatic)
  objects+=("$small")
}

# Whether any import has left FULL.
lost() { ! full_imports 4; }

client() {
  local out=$SHARE/node$NODE/mount.out large small objects=()
  more_addresses 1 1
  barrier serving
  store
  barrier stored
  barrier listed
  verbena bench rpc --bind "$SECOND" --iterations 200 --warmup 10 --force "$(nid_of 0)"
  start_mount "$out" --timing fast
  full_imports 4
  barrier mounted
  barrier killed
  await 30 lost
  imports | tee "$SHARE/node$NODE/lost" | grep -E 'target:|current_state'
  expect 4 'current_state: DISCONN\|current_state: CONNECTING' "$(cat "$SHARE/node$NODE/lost")"
  barrier noticed
  barrier back
  await 60 full_imports 4
  imports >"$SHARE/node$NODE/found"
  grep -q -- '- \[ [0-9]*, DISCONN \]' "$SHARE/node$NODE/found"
  object get "$large" /tmp/back
  cmp /tmp/large /tmp/back
  object get "$small" /tmp/back
  cmp /tmp/small /tmp/back
  object rm "${objects[@]}"
  barrier fetched
  stop_node
}

judge() {
  local bad
  bad=$(malformed)
  [ -z "$bad" ] || { printf 'tshark cannot decode:\n%s\n' "$bad" >&2; return 1; }
  frames 'lustre.ptlrpc_body.pb_opc == 4' 10  # OST_WRITE
  frames 'lustre.ptlrpc_body.pb_opc == 3' 10  # OST_READ
  frames 'lustre.ptlrpc_body.pb_opc == 400' 200 # OBD_PING
  "$VM_ROOT/Tests/VM/compare" "$VM_COMMAND" "$PCAP"
}

case $NODE in
  judge) judge ;;
  0) serve ;;
  1) client ;;
esac
