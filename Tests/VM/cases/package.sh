# guests: 2
# timeout: 150
# options: --bare
# share: .build/package/verbena-*.tar.gz
# commands: info node ping
# The archive that is installed elsewhere, in guests that see neither a toolchain nor a build folder:
# unpacked as its notes say, then `info`, a `node` from a configuration file, a `ping` of it from the
# other guest. Fails as well if the guest does see Swift, or if a page or completion is missing.
# shellcheck shell=bash source=../verbena.sh
. "${HELPERS%/*}/verbena.sh"

unpack() {
  local file
  tar -xzf "$SHARE"/verbena-*.tar.gz --strip-components=1 -C /usr/local
  VM_COMMAND=/usr/local/bin/verbena
  for file in share/man/man1/verbena.1.gz share/man/man1/verbena.node.1.gz \
    share/bash-completion/completions/verbena share/zsh/site-functions/_verbena \
    share/fish/vendor_completions.d/verbena.fish lib/systemd/system/verbena.service \
    share/doc/verbena/INSTALL.md; do
    [ -s "/usr/local/$file" ] || { echo "not in the archive: $file" >&2; return 1; }
  done
  # The devices that the unit allows have these names.
  grep -q infiniband_verbs /proc/devices
  [ -c /dev/infiniband/rdma_cm ]
}

in_guest() {
  if command -v swift || [ -e "$VM_ROOT/.build/release" ]; then
    echo "the guest sees the toolchain or the build" >&2
    return 1
  fi
  unpack
  verbena info
  mkdir -p /etc/verbena
  sed "s/10.0.0.1@/$ADDRESS@/" /usr/local/share/doc/verbena/node.yaml >/etc/verbena/node.yaml
  node_arguments=(--config /etc/verbena/node.yaml)
  start_node
  barrier up
  verbena ping "$(nid_of "$OTHER")"
  barrier pinged
  stop_node
}

if [ "$NODE" != judge ]; then in_guest; fi
