internal import CLinuxShims
internal import Glibc
internal import RDMATransport
internal import Rings

/// The directory of a fabric: one socket for each address that a node of this user holds.
struct FabricDirectory {
  let path: String

  /// Where this process has looked for what others left behind.
  private static let tidied = Guarded(Set<String>())
  /// Fabrics that are looked at then: some ten milliseconds.
  private static let tidiedCountMax: Int32 = 256

  /// Finds or makes the directory: in the user's runtime directory, or in memory, or in /tmp.
  ///
  /// Nodes that were killed leave theirs behind: the first node of a process takes away those of fabrics in which nobody
  /// lives any more.
  init(fabric: String) throws(TransportError) {
    let parent = try Self.parent()
    try self.init(fabric: fabric, in: parent)
    if Self.tidied.withLock({ $0.insert(parent).inserted }) { Self.tidy(parent, keeping: fabric) }
  }

  /// Removes fabrics in which nobody lives; whoever holds a fabric's lock is left alone.
  @discardableResult
  static func tidy(_ parent: String, keeping fabric: String) -> Int {
    Int(
      unsafe clinux_fabric_remove_dead(
        parent, "fabric-", "fabric-" + fabric, Self.tidiedCountMax))
  }

  init(fabric: String, in parent: String) throws(TransportError) {
    if let problem = EmulatedTransport.problem(withName: fabric) {
      throw TransportError(call: "open fabric", errno: EINVAL, explanation: problem)
    }
    path = parent + "/fabric-" + fabric
    try Self.make(path)
  }

  private static func parent() throws(TransportError) -> String {
    // SAFETY: the string is copied before anybody can change the environment.
    if let runtime = unsafe getenv("XDG_RUNTIME_DIR") {
      let candidate = unsafe String(cString: runtime)
      if !candidate.isEmpty, candidate.utf8.count < 40, unsafe access(candidate, W_OK) == 0 {
        try make(candidate + "/verbena")
        return candidate + "/verbena"
      }
    }
    let base = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let path = "\(base)/verbena-\(clinux_user())"
    try make(path)
    return path
  }

  private static func make(_ path: String) throws(TransportError) {
    let result = unsafe clinux_fabric_directory(path)
    if result == 0 { return }
    let reason =
      result == -EPERM
      ? "it belongs to somebody else or others may enter it; remove it, or chmod it to 700"
      : "set XDG_RUNTIME_DIR to a directory of yours"
    throw TransportError(call: "mkdir", errno: -result, explanation: "\(path): \(reason)")
  }

  func socketPath(_ address: UInt32) -> String {
    path + "/" + Self.text(address)
  }

  static func text(_ address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
  }

  /// Takes addresses, all or none: the sockets of each, in their order.
  func claim(_ addresses: [UInt32]) throws(TransportError) -> [Int32] {
    var sockets: [Int32] = []
    for address in addresses {
      do throws(TransportError) {
        sockets.append(try claim(address))
      } catch {
        for index in sockets.indices {
          disclaim(addresses[index])
          clinux_close(sockets[index])
        }
        throw error
      }
    }
    return sockets
  }

  /// Takes an address: its socket, listening. That of a dead process is taken over.
  func claim(_ address: UInt32) throws(TransportError) -> Int32 {
    var lock = unsafe clinux_fabric_lock(lockPath)
    for _ in 0..<100 where lock == -ENOENT {
      // The last node of the fabric left just now, and took the directory with it.
      try Self.make(path)
      lock = unsafe clinux_fabric_lock(lockPath)
    }
    guard lock >= 0 else {
      throw Self.failure("flock", lock, "\(lockPath) cannot be locked")
    }
    defer { clinux_close(lock) }
    let name = socketPath(address)
    let caller = unsafe clinux_fabric_connect(name)
    if caller >= 0 || caller == -EAGAIN {
      let owner = caller >= 0 ? clinux_fabric_peer_process(caller) : 0
      if caller >= 0 { clinux_close(caller) }
      throw TransportError(
        call: "bind", errno: EADDRINUSE,
        explanation: "\(Self.text(address)) on this fabric belongs to process \(owner);"
          + " stop it or take another address")
    }
    guard [-ECONNREFUSED, -ENOENT].contains(caller) else {
      // Who cannot be asked may live.
      throw Self.failure("connect", caller, "\(name) cannot be asked whether it is taken")
    }
    // The socket appears under its name only when it listens, so that nobody finds it deaf.
    let draft = name + ".new"
    _ = unsafe clinux_fabric_unlink(draft)
    let socket = unsafe clinux_fabric_listen(draft, 4096)
    guard socket >= 0 else {
      throw Self.failure("bind", socket, "cannot listen at \(draft)")
    }
    let renamed = unsafe clinux_fabric_rename(draft, name)
    guard renamed == 0 else {
      clinux_close(socket)
      throw TransportError(call: "rename", errno: -renamed, explanation: "\(draft) to \(name)")
    }
    return socket
  }

  /// - Parameter result: the negative errno that a call gave.
  private static func failure(
    _ call: String, _ result: Int32, _ explanation: String
  ) -> TransportError {
    let reason =
      switch -result {
      case EMFILE:
        "EMFILE: this process may have no more than \(clinux_raise_descriptor_limit()) descriptors; give it more with"
          + " ulimit -n, or LimitNOFILE= in a systemd unit"
      case ENFILE: "ENFILE: the host may have no more open files; see sysctl fs.file-max"
      default: explanation
      }
    return TransportError(call: call, errno: -result, explanation: reason)
  }

  /// Gives an address back; the caller still holds its socket. The last one removes the directory.
  func disclaim(_ address: UInt32) {
    let lock = unsafe clinux_fabric_lock(lockPath)
    _ = unsafe clinux_fabric_unlink(socketPath(address))
    guard lock >= 0 else { return }
    unsafe clinux_fabric_remove_if_empty(path, lockPath)
    clinux_close(lock)
  }

  private var lockPath: String { path + "/lock" }
}

extension EmulatedTransport {
  /// Why a fabric cannot have this name; nil when it can.
  package static func problem(withName fabric: String) -> String? {
    let isAllowed = fabric.utf8.allSatisfy {
      ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A)
        || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E
    }
    if isAllowed, (1...32).contains(fabric.utf8.count) { return nil }
    return "the name \"\(fabric)\" must have 1 to 32 of: letters, digits, - _ ."
  }
}
