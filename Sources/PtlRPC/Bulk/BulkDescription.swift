package import LustreWire
package import RDMATransport

/// Memory that a request lays open for its server, in one run of bulk memory (spec 13 §1).
package struct BulkDescription: Equatable, BitwiseCopyable, Sendable {
  package enum Direction: UInt8, BitwiseCopyable, Sendable {
    /// The server reads: the data of a write.
    case source
    /// The server writes: the place for what is read.
    case sink
  }

  package var direction: Direction
  /// 8, 14 or 33 (spec 13 §2).
  package var portal: Portal
  /// The data of all niobufs, one after the other; in bulk memory. It stays lent until `released`.
  package var memory: BufferRef
  /// How far into its page the first byte lies in the file, 0 to 4095: where the data is cut.
  package var pageOffset: UInt32

  package init(
    _ direction: Direction, portal: Portal, memory: BufferRef, pageOffset: UInt32 = 0
  ) {
    precondition(memory.isBulk && pageOffset < 4096)
    self.direction = direction
    self.portal = portal
    self.memory = memory
    self.pageOffset = pageOffset
  }

  /// How the data is cut.
  package var cut: BulkCut { BulkCut(byteCount: Int(memory.length), pageOffset: Int(pageOffset)) }
}

/// How data is cut into LNet operations: at every 256th page of 4 KiB, counted from the first one that holds
/// data (spec 13 §4).
package struct BulkCut: Equatable, BitwiseCopyable, Sendable {
  /// The most bytes of an operation: 256 pages.
  package static let operationByteCount = 1 << 20
  /// The most operations of a request (spec 13 §3).
  package static let operationCountMax = 65

  package let byteCount: Int
  package let pageOffset: Int

  package init(byteCount: Int, pageOffset: Int) {
    self.byteCount = byteCount
    self.pageOffset = pageOffset
  }

  /// How many operations the data takes; one even for no data.
  package var count: Int {
    max(1, (pageOffset + byteCount + Self.operationByteCount - 1) / Self.operationByteCount)
  }

  /// The bytes of an operation; those beyond the data are empty.
  package func range(of index: Int) -> Range<Int> {
    let start = min(byteCount, max(0, index * Self.operationByteCount - pageOffset))
    let end = min(byteCount, (index + 1) * Self.operationByteCount - pageOffset)
    return start..<max(start, end)
  }
}

/// The match bits of a bulk transfer as the server finds them (spec 13 §3).
package struct BulkMatchBits: Equatable, BitwiseCopyable, Sendable {
  package var first: UInt64
  package var count: Int

  static let none = BulkMatchBits()

  private init() {
    first = 0
    count = 0
  }

  /// - Parameters:
  ///   - last: `pb_mbits` of the request, or its XID without BULK_MBITS.
  ///   - operationLimit: `max_brw`; nil is returned unless it is a power of two that allows the bits.
  package init?(last: UInt64, operationLimit: Int) {
    guard operationLimit > 0, operationLimit & (operationLimit - 1) == 0 else { return nil }
    first = last & ~UInt64(operationLimit - 1)
    let number = last - first + 1
    guard number <= UInt64(BulkCut.operationCountMax) else { return nil }
    count = Int(number)
  }
}
