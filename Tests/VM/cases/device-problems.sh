# guests: 1
# timeout: 180
# options: --guests
# commands: node
# files: .build/release/transport-conformance
# What can be wrong with a machine's RDMA set-up, and what the user is told about it. Fails if one of
# the messages does not name the cause.
# shellcheck shell=bash source=../helpers.sh
. "$HELPERS"
set -uo pipefail

NOBODY=(setpriv --reuid 65534 --clear-groups)
CASE='connect: nobody listens'

# expect WORDS ADDRESS PREFIX…: one case, run behind a prefix, must fail with these words.
expect() {
  local words=$1 address=$2 out
  shift 2
  out=$(timeout 30 "$@" "$VM_ROOT/.build/release/transport-conformance" --bind "$address" --only "$CASE" 2>&1)
  if grep -qF -- "$words" <<<"$out"; then echo "ok $words"; return; fi
  printf 'no "%s" in: %s\n' "$words" "$out" >&2
  return 1
}

# expect_node WORDS PREFIX…: the same of a node that cannot listen.
expect_node() {
  local words=$1 out code=0
  shift
  out=$(timeout 30 "$@" "$VM_COMMAND" node --net o2ib --bind "$ADDRESS" \
    --runtime-directory /tmp/apart-$RANDOM 2>&1) || code=$?
  if [ "$code" = 69 ] && grep -qF -- "$words" <<<"$out"; then echo "ok $words"; return; fi
  printf 'ended with %d, no "%s" in: %s\n' "$code" "$words" "$out" >&2
  return 1
}

# A second node on the address of another process, and one without the right to Lustre's port.
in_guest_nodes() {
  local code=0 first thread
  "$VM_COMMAND" node --net o2ib --bind "$ADDRESS" &
  first=$!
  await 30 listens 987 || return 1
  expect_node "listen $ADDRESS@o2ib: port 987 of $ADDRESS is taken by another process" env || code=1
  # shellcheck disable=SC2016
  expect_node '`rdma resource show cm_id` names' env || code=1
  # The number is that of the thread that listens.
  thread=$(rdma resource show cm_id | sed -n 's/.*state LISTEN.* pid \([0-9]*\).*:987 .*/\1/p')
  if ! grep -qx "Tgid:[[:space:]]*$first" "/proc/$thread/status"; then
    echo "$thread is no thread of $first: $(rdma resource show cm_id)" >&2
    code=1
  fi
  kill -TERM "$first"
  wait "$first" || { echo "the first node ended with $?" >&2; code=1; }
  expect_node 'port 987 may not be bound (EACCES)' "${NOBODY[@]}" || code=1
  expect_node 'CAP_NET_BIND_SERVICE' "${NOBODY[@]}" || code=1
  return $code
}

in_guest() {
  local code=0
  chmod 600 /dev/infiniband/*
  expect 'no permission on /dev/infiniband/rdma_cm' "$ADDRESS" "${NOBODY[@]}" || code=1
  chmod 666 /dev/infiniband/rdma_cm
  expect 'no permission on /dev/infiniband/uverbs0' "$ADDRESS" "${NOBODY[@]}" || code=1
  chmod 666 /dev/infiniband/*
  in_guest_nodes || code=1
  ulimit -l 256
  expect '(RLIMIT_MEMLOCK) is 262144 bytes' "$ADDRESS" "${NOBODY[@]}" || code=1
  ulimit -l unlimited
  expect '10.88.0.1 is not an address of this machine' 10.88.0.1 env || code=1
  ip link add lonely type veth peer name other
  ip address add 10.88.0.1/24 dev lonely
  ip link set lonely up
  expect 'no RDMA device has an IPv4 GID for 10.88.0.1' 10.88.0.1 env || code=1
  expect "$ADDRESS (rxe0)" 10.88.0.1 env || code=1
  rdma link delete rxe0
  expect 'this machine has no RDMA device' "$ADDRESS" env || code=1
  return $code
}

if [ "$NODE" = judge ]; then exit 0; else in_guest; fi
