internal import CLinuxShims
internal import Glibc
internal import RDMATransport

/// The directory of a fabric: one socket for each address that a node of this user holds.
struct FabricDirectory {
  let path: String

  /// Finds or makes the directory: in the user's runtime directory, or in memory, or in /tmp.
  init(fabric: String) throws(TransportError) {
    let allowed = fabric.utf8.allSatisfy {
      ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A)
        || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E
    }
    guard allowed, !fabric.isEmpty, fabric.utf8.count <= 32 else {
      throw TransportError(
        call: "open fabric", errno: EINVAL,
        explanation: "the name \"\(fabric)\" must have 1 to 32 of: letters, digits, - _ .")
    }
    let parent = try Self.parent()
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
      throw TransportError(
        call: "flock", errno: -lock, explanation: "\(lockPath) cannot be locked")
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
    // The socket appears under its name only when it listens, so that nobody finds it deaf.
    let draft = name + ".new"
    _ = unsafe clinux_fabric_unlink(draft)
    let socket = unsafe clinux_fabric_listen(draft, 4096)
    guard socket >= 0 else {
      throw TransportError(call: "bind", errno: -socket, explanation: "cannot listen at \(draft)")
    }
    let renamed = unsafe clinux_fabric_rename(draft, name)
    guard renamed == 0 else {
      clinux_close(socket)
      throw TransportError(call: "rename", errno: -renamed, explanation: "\(draft) to \(name)")
    }
    return socket
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
