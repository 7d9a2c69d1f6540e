# shellcheck shell=bash
# For cases that run a file system: sourced after helpers.sh.
# shellcheck source=verbena.sh
. "${HELPERS%/*}/verbena.sh"

DATA=/tmp/lfs

# count PATTERN TEXT: how many lines match.
count() { grep -c "$1" <<<"$2" || true; }

# expect COUNT PATTERN TEXT: so many lines match.
expect() {
  local found
  found=$(count "$2" "$3")
  [ "$found" = "$1" ] || {
    printf '%s lines match, not %s: %s; in\n%s\n' "$found" "$1" "$2" "$3" >&2
    return 1
  }
}

# start_server LAST [OPTION…]: the management server, MDT0000 and the object targets 0 to LAST in this guest; the data
# stays in a directory. Returns once every target is open. start_targets: again, with the same ones.
start_server() {
  last_target=$1
  server_arguments=("${@:2}")
  mkdir -p "$DATA"
  start_targets
}

start_targets() {
  "$VM_COMMAND" serve "${node_arguments[@]}" --mgs --mdt 0 --ost "0-$last_target" --fsname lfs \
    --data "$DATA" "${server_arguments[@]}" >"$SHARE/node$NODE/serve.out" 2>>"$LOG" &
  NODE_PID=$!
  await 200 all_open
}

all_open() {
  [ "$(grep -c ' open$' "$SHARE/node$NODE/serve.out")" = $((3 + last_target)) ]
}

# start_mount OUT [OPTION…]: mounts the other guest's file system; returns once every import is FULL.
start_mount() {
  local out=$1
  shift
  "$VM_COMMAND" mount "${node_arguments[@]}" "$@" "$(nid_of "$OTHER"):/lfs" >"$out" 2>>"$LOG" &
  NODE_PID=$!
  await 60 grep -q 'imports FULL' "$out"
}

imports() { verbena import show --bind "$ADDRESS"; }
exports() { verbena export show --bind "$ADDRESS"; }
# full_imports COUNT: so many are FULL now.
full_imports() { expect "$1" '^current_state: FULL' "$(imports)"; }
