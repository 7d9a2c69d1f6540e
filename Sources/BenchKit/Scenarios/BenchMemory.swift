package import LustreWire

/// What measurements of large data know of the memory of the nodes that take it.
package enum BenchMemory {
  /// Bulk memory of a node that nobody has configured.
  static let byteCount = 64 << 20

  /// Data up to here travels in a message; what is larger is placed in bulk memory.
  package static let messageByteCount = 2048

  /// How many of the operations that were asked for go at a time: their data takes a quarter of a node's bulk memory at
  /// most. What has arrived has ended here, and holds as much again until the other end has looked at it.
  package static func inFlight(_ asked: Int, byteCount: Int) -> Int {
    guard byteCount > messageByteCount else { return asked }
    let pieces = (byteCount + 4095) / 4096
    return min(asked, Self.byteCount / 4096 / 4 / pieces)
  }

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

extension BenchReport {
  /// Says with the numbers that fewer operations were under way than were asked for.
  mutating func noteInFlight(asked: Int, _ phase: BenchPhase) {
    guard phase.inFlight < asked else { return }
    let size = Quantity.text(bytes: phase.byteCount)
    let note = (
      name: "limit",
      value: "\(phase.inFlight) of \(size) in flight instead of \(asked): "
        + "a quarter of a node's bulk memory"
    )
    if !header.contains(where: { $0 == note }) { header.append(note) }
  }
}
