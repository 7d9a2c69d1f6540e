internal import Glibc

/// The few files and limits of the system that explain what an RDMA device can do.
enum SystemFiles {
  static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// A file of /dev/infiniband that is there and that this user may not open; nil when there is none.
  static var forbiddenDeviceFile: String? {
    let names = ["rdma_cm"] + (0..<64).map { "uverbs\($0)" }
    // SAFETY: the path is a string of ours.
    return names.map { "/dev/infiniband/\($0)" }.first {
      unsafe exists($0) && access($0, R_OK | W_OK) != 0
    }
  }

  /// The first line of a small file; nil when it cannot be read.
  static func firstLine(_ path: String) -> String? {
    let file = unsafe open(path, O_RDONLY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    // SAFETY: the array has room for as many bytes as are asked for.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    let line = bytes[0..<count].prefix { $0 != 0x0A }
    return String(decoding: line, as: UTF8.self)
  }

  /// Bytes that this process may lock; nil when unlimited.
  static var lockedMemoryLimit: UInt64? {
    var limit = rlimit()
    // SAFETY: `limit` is a structure of ours that the call fills in.
    guard unsafe getrlimit(__rlimit_resource_t(8), &limit) == 0 else { return nil }
    return limit.rlim_cur == rlim_t.max ? nil : UInt64(limit.rlim_cur)
  }
}
