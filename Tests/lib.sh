# shellcheck shell=bash disable=SC2034
# What Tests/run and Bench/run share: what the machine must have, building, and timed parts.
# Sourcing it changes to the repository's top folder.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
# Texts are UTF-8 and lists sorted alike, whatever the caller's language.
export HOME LC_ALL=C.UTF-8

say() { printf '\n== %s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# What each job needs from the system.
BUILD_PACKAGES=(libibverbs-dev librdmacm-dev pkg-config)
GUEST_PACKAGES=(qemu-system-x86 busybox-static cpio kmod xz-utils iproute2 python3 util-linux
  ibverbs-providers ibverbs-utils rdmacm-utils perftest tshark)
TIDY_PACKAGES=(shellcheck)
PAGE_PACKAGES=(mandoc)
PLOT_PACKAGES=(gnuplot-nox)

# --- The machine ---------------------------------------------------------------------------------

# Debian 12 or later, and Swift 6.2 or later on PATH; nothing here can install either.
check_machine() {
  local id='' like='' version=''
  if [ -r /etc/os-release ]; then
    id=$(. /etc/os-release && echo "${ID:-}")
    like=$(. /etc/os-release && echo "${ID_LIKE:-}")
    version=$(. /etc/os-release && echo "${VERSION_ID:-}")
  fi
  case " $id $like " in
    *" debian "*) ;;
    *)
      complain "This needs Debian 12 or later; here is ${id:-an unknown system}."
      exit 77
      ;;
  esac
  if [ "$id" = debian ] && [ "${version%%.*}" -lt 12 ] 2>/dev/null; then
    complain "This needs Debian 12 or later; here is Debian $version."
    exit 77
  fi
  check_swift
}

check_swift() {
  local version
  if ! command -v swift >/dev/null; then
    complain "This needs Swift 6.2 or later on PATH (swift.org has it for Debian 12); there is no swift."
    exit 77
  fi
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  if [ "$(printf '%s\n' 6.2 "${version:-0}" | sort -V | head -n 1)" != 6.2 ]; then
    complain "This needs Swift 6.2 or later; here is ${version:-an unknown version}."
    exit 77
  fi
  echo "Swift $version, $(nproc) cores"
}

installed() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]; }

missing_of() {
  local package
  for package in "$@"; do installed "$package" || printf '%s\n' "$package"; done
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q "$@" </dev/null; }

# ensure PACKAGE…: installs what is missing, as root; otherwise prints the command. Fails if
# something is missing still.
ensure() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    complain "Packages are missing; as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    return 1
  fi
  echo "Installing ${missing[*]}"
  if [ -z "${APT_UPDATED:-}" ]; then
    apt update || complain "apt-get update failed; trying with the lists as they are"
    export APT_UPDATED=1
  fi
  if ! apt -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"; then
    complain "apt-get could not install ${missing[*]}"
    return 1
  fi
}

# Without the headers of the verbs libraries the package is built without that backend.
TRAITS=()
choose_traits() {
  if [ -f /usr/include/infiniband/verbs.h ] && [ -f /usr/include/rdma/rdma_cma.h ]; then return; fi
  complain "The headers of libibverbs and librdmacm are not here: building WITHOUT the verbs backend."
  complain "With it: apt-get install -y --no-install-recommends libibverbs-dev librdmacm-dev"
  TRAITS=(--disable-default-traits)
}

# --- Building ------------------------------------------------------------------------------------

# The command as it is delivered: every release build here has these flags, so that none undoes
# another's work.
RELEASE=(-c release --static-swift-stdlib)
COMMAND=$ROOT/.build/release/verbena

# Runs a build tool without the hundreds of harmless lines that the linker has for sanitizers.
quietly() {
  "$@" 2>&1 | { grep --line-buffered -v 'Cannot export local symbol' || true; }
}

# An older build folder does not notice that a C module has gained a header: its compiled form goes.
forget_stale_modules() {
  local include module
  for include in Sources/*/include; do
    module=$(basename "$(dirname "$include")")
    find . -maxdepth 6 -path './.build*' -name "$module-*.pcm" ! -newer "$include" -delete 2>/dev/null ||
      true
  done
}

# build FLAG…: a bounded build; one that fails ends the part with code 70.
build() { quietly timeout -k 10 1500 swift build "${TRAITS[@]}" "$@" || exit 70; }

# Runs `swift test` and shows suites, failures and the sum, not a line for every test that passes.
tests() {
  timeout -k 10 1500 swift test --disable-xctest "${TRAITS[@]}" "$@" 2>&1 | {
    grep --line-buffered -vE 'Cannot export local symbol|^◇|^✔ Test ([^r]|r[^u])' || true
  }
}

# --- Parts, each timed ---------------------------------------------------------------------------

# What each part said in its last run, so that the end of a long run can repeat why one failed.
LOGS=$ROOT/.build/parts
PART_NAMES=()
PART_CODES=()
PART_TIMES=()

# part NAME COMMAND…: runs it, and notes how it ended and how long it took. Never call it as a
# condition: `set -e` would not count in what it runs.
part() {
  local name=$1 began=$SECONDS code
  shift
  say "$name"
  mkdir -p "$LOGS"
  set +e
  (
    set -e
    "$@"
  ) 2>&1 | tee "$LOGS/$name.log"
  code=${PIPESTATUS[0]}
  set -e
  PART_NAMES+=("$name")
  PART_CODES+=("$code")
  PART_TIMES+=($((SECONDS - began)))
  LAST_CODE=$code
}

# The lines of a failed part that most likely say why, and its last ones.
why_failed() {
  say "why $1 failed (all of it: $LOGS/$1.log)"
  tail -n 5 "$LOGS/$1.log"
  echo ...
  grep -E '✘|error:|FAILED|SUMMARY|Fatal|^\s+- |^node[0-9]+ stderr:' "$LOGS/$1.log" | cut -c1-400 | awk '!seen[$0]++' |
    tail -n 15 || true
}

# Prints the table of all parts and leaves: 1 if one failed, 77 if one could not run for want of
# something (in CI that is a failure as well), 0 otherwise.
finish() {
  local index code word failed=0 skipped=0 total=0
  for index in "${!PART_NAMES[@]}"; do
    case ${PART_CODES[index]} in
      0 | 75 | 77) ;;
      *) why_failed "${PART_NAMES[index]}" ;;
    esac
  done
  say "how long each part took"
  for index in "${!PART_NAMES[@]}"; do
    code=${PART_CODES[index]}
    case $code in
      0) word=ok ;;
      70) word="FAILED: does not build" failed=1 ;;
      75) word="not run: the build failed" failed=1 ;;
      77) word="skipped: prerequisites missing" skipped=1 ;;
      *) word="FAILED ($code)" failed=1 ;;
    esac
    printf '%-14s %4d:%02d  %s\n' "${PART_NAMES[index]}" $((PART_TIMES[index] / 60)) \
      $((PART_TIMES[index] % 60)) "$word"
    total=$((total + PART_TIMES[index]))
  done
  printf '%-14s %4d:%02d\n' total $((total / 60)) $((total % 60))
  if [ "$skipped" = 1 ] && [ "${CI:-}" = true ]; then
    complain "CI: what is skipped has failed."
    failed=1
  fi
  [ "$failed" = 0 ] || exit 1
  [ "$skipped" = 0 ] || exit 77
  exit 0
}
