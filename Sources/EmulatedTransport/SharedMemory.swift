internal import CLinuxShims

/// A mapping of memory that several processes share, addressed by offset.
///
/// Every access is checked against the mapping's size, so that an offset which a corrupt peer brought in
/// can at worst trap at a place that forgot to check it, and never reach outside.
///
/// It is memory that other threads and processes write to anyway, by the rules of `Layout`; so it may be sent.
@safe
struct SharedMemory: BitwiseCopyable, @unchecked Sendable {
  /// The first byte; `none` has no bytes, and every access to it traps.
  private let base: UnsafeMutableRawPointer?
  let byteCount: Int

  static var none: SharedMemory { SharedMemory() }

  private init() {
    unsafe base = nil
    byteCount = 0
  }

  /// Maps all of a descriptor's memory; errno on failure.
  init(mapping descriptor: Int32, byteCount: Int) throws(SystemFailure) {
    var error: Int32 = 0
    // SAFETY: the mapping stays until `unmap`, which its one owner calls last.
    guard let base = unsafe clinux_memory_map(descriptor, UInt64(byteCount), &error) else {
      throw SystemFailure(call: "mmap", errno: error)
    }
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// Ends the mapping; every copy of this value is void then.
  func unmap() {
    // SAFETY: only the owner of the mapping calls this, once.
    if let base = unsafe base { unsafe clinux_memory_unmap(base, UInt64(byteCount)) }
  }

  /// The address of the first byte in this process.
  var address: UInt64 { unsafe UInt64(UInt(bitPattern: base)) }

  /// Whether so many bytes from an offset on lie inside; for numbers that a peer wrote.
  @inline(__always)
  func holds(_ offset: UInt64, _ length: UInt64) -> Bool {
    offset <= UInt64(byteCount) && length <= UInt64(byteCount) - offset
  }

  @inline(__always)
  private func pointer(_ offset: Int, _ length: Int) -> UnsafeMutableRawPointer {
    precondition(
      offset >= 0 && length >= 0 && offset <= byteCount - length, "outside memory")
    // SAFETY: the part lies inside the mapping, so there is a base.
    return unsafe base.unsafelyUnwrapped + offset
  }

  // SAFETY of all that follows: `pointer` checks the bounds; offsets are aligned for their type by the
  // layout; memory that two processes write at once is touched by atomic accesses only, and the rest is
  // handed over by them.

  @inline(__always)
  func load32(_ offset: Int) -> UInt32 { unsafe clinux_load_acquire_u32(pointer(offset, 4)) }

  @inline(__always)
  func load64(_ offset: Int) -> UInt64 { unsafe clinux_load_acquire_u64(pointer(offset, 8)) }

  @inline(__always)
  func store(_ value: UInt32, _ offset: Int) {
    unsafe clinux_store_release_u32(pointer(offset, 4), value)
  }

  @inline(__always)
  func store(_ value: UInt64, _ offset: Int) {
    unsafe clinux_store_release_u64(pointer(offset, 8), value)
  }

  /// Exchanges; everything before it is ordered against everything after it.
  @inline(__always)
  @discardableResult
  func exchange(_ value: UInt32, _ offset: Int) -> UInt32 {
    unsafe clinux_exchange_fenced_u32(pointer(offset, 4), value)
  }

  /// Takes what is there and leaves 0.
  @inline(__always)
  func take64(_ offset: Int) -> UInt64 { unsafe clinux_exchange_u64(pointer(offset, 8), 0) }

  @inline(__always)
  func or(_ bits: UInt64, _ offset: Int) { _ = unsafe clinux_or_u64(pointer(offset, 8), bits) }

  @inline(__always)
  func prefetchForWrite(_ offset: Int) { unsafe clinux_prefetch_for_write(pointer(offset, 1)) }

  @inline(__always)
  func prefetch(_ offset: Int) { unsafe clinux_prefetch(pointer(offset, 1)) }

  /// A copy of a plain value.
  @inline(__always)
  func read<T: BitwiseCopyable>(_ type: T.Type, _ offset: Int) -> T {
    unsafe pointer(offset, MemoryLayout<T>.size).loadUnaligned(as: T.self)
  }

  @inline(__always)
  func write<T: BitwiseCopyable>(_ value: T, _ offset: Int) {
    unsafe pointer(offset, MemoryLayout<T>.size).storeBytes(of: value, as: T.self)
  }

  /// Copies bytes of another mapping, or of this one, into this one.
  @inline(__always)
  func copy(from source: SharedMemory, _ sourceOffset: Int, to offset: Int, _ length: Int) {
    unsafe pointer(offset, length).copyMemory(
      from: source.pointer(sourceOffset, length), byteCount: length)
  }

  func fill(_ offset: Int, _ length: Int, with byte: UInt8 = 0) {
    unsafe pointer(offset, length).initializeMemory(as: UInt8.self, repeating: byte, count: length)
  }
}

/// A call of the system that failed.
struct SystemFailure: Error, Equatable {
  var call: String
  var errno: Int32

  /// The result of a call that gives -errno.
  static func check(_ call: String, _ result: Int32) throws(SystemFailure) -> Int32 {
    if result < 0 { throw SystemFailure(call: call, errno: -result) }
    return result
  }
}
