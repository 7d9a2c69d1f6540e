package import LustreWire

/// What measurements of large data know of the memory of the nodes that take it.
package enum BenchMemory {
  /// Bulk memory of a node that nobody has configured.
  static let byteCount = 64 << 20

  /// Data up to here travels in a message; what is larger is placed in bulk memory.
  package static let messageByteCount = 2048

  /// PUTs that go once round the other end's bulk memory.
  ///
  /// A device's memory is there once it is registered; that of an emulated fabric comes page by page, in each process
  /// that maps it. A node places what it is sent anywhere in its bulk memory: until it has been round, transfers pay
  /// for new pages and not for what they do.
  ///
  /// - Parameter isRead: whether the other end is to look at the data too.
  package static func lap(to target: NID, isRead: Bool) -> BenchPhase {
    let inFlight = 4
    let count = byteCount / BenchWire.byteCountMax + inFlight
    return BenchPhase(
      .put, target: target, byteCount: BenchWire.byteCountMax, count: count, inFlight: inFlight,
      isChecked: isRead)
  }
}
