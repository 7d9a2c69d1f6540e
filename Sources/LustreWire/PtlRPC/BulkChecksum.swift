/// The kind of checksum over a request's bulk data.
///
/// **Wire:** bits 15…12 of `o_flags`, a number (spec 13 §6).
public enum BulkChecksumKind: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// CRC-32 without final inversion.
  case crc32 = 1
  /// Adler-32; also what every number without a meaning stands for.
  case adler = 2
  /// CRC-32C.
  case crc32c = 4
  /// Adler-32 over IP checksums of 512 bytes each.
  case t10IP512 = 5
  /// Adler-32 over IP checksums of 4096 bytes each.
  case t10IP4K = 6
  /// Adler-32 over CRC-16 checksums of 512 bytes each.
  case t10CRC512 = 7
  /// Adler-32 over CRC-16 checksums of 4096 bytes each.
  case t10CRC4K = 8

  /// The kind that a number stands for; every server computes ``adler`` for one that means nothing.
  @inlinable public init(field: UInt8) {
    self = BulkChecksumKind(rawValue: field) ?? .adler
  }

  /// The bit that offers this kind in a CONNECT.
  @inlinable public var type: ChecksumTypes {
    switch self {
    case .crc32: .crc32
    case .adler: .adler
    case .crc32c: .crc32c
    case .t10IP512: .t10IP512
    case .t10IP4K: .t10IP4K
    case .t10CRC512: .t10CRC512
    case .t10CRC4K: .t10CRC4K
    }
  }

  /// Bytes under one guard tag; nil for kinds without.
  @inlinable var sectorByteCount: Int? {
    switch self {
    case .t10IP512, .t10CRC512: 512
    case .t10IP4K, .t10CRC4K: 4096
    default: nil
    }
  }
}

/// Computes the checksum of bulk data piece by piece, in the order of the request's ranges.
///
/// Pieces may be cut anywhere; the kinds with guard tags need to know where in the object a range begins,
/// because their sectors are those of the object's pages (spec 13 §6). Allocates nothing.
public struct BulkChecksum: Sendable, BitwiseCopyable {
  /// What is computed.
  public let kind: BulkChecksumKind
  private var sum: UInt32
  // Kinds with guard tags: the open sector.
  private var room = 0
  private var partial: UInt64 = 0
  private var partialCount = 0
  private var position: UInt64 = 0

  /// A checksum over nothing yet.
  public init(_ kind: BulkChecksumKind) {
    self.kind = kind
    sum =
      switch kind {
      case .crc32, .crc32c: .max
      default: 1
      }
  }

  /// Says that the next piece begins at byte `offset` of the object; a range that follows the one before
  /// need not be announced.
  public mutating func begin(at offset: UInt64) {
    guard let sector = kind.sectorByteCount, partialCount == 0 || offset != position else { return }
    closeSector()
    position = offset
    room = sector - Int(offset % UInt64(sector))
  }

  /// Adds a piece.
  public mutating func add(_ bytes: borrowing RawSpan) {
    switch kind {
    case .crc32: sum = CRCTables.crc32.update(sum, with: bytes)
    case .crc32c: sum = CRCTables.crc32c.update(sum, with: bytes)
    case .adler: sum = Adler32.update(sum, with: bytes)
    case .t10IP512, .t10IP4K, .t10CRC512, .t10CRC4K: addSectors(bytes)
    }
  }

  /// The value as the request or reply carries it.
  public consuming func finish() -> UInt32 {
    switch kind {
    case .crc32, .adler: return sum
    case .crc32c: return ~sum
    case .t10IP512, .t10IP4K, .t10CRC512, .t10CRC4K:
      closeSector()
      return sum
    }
  }

  /// The checksum of data that is in one piece and begins at byte `offset` of its object.
  public static func compute(
    _ kind: BulkChecksumKind, over bytes: borrowing RawSpan, at offset: UInt64 = 0
  ) -> UInt32 {
    var checksum = BulkChecksum(kind)
    checksum.begin(at: offset)
    checksum.add(bytes)
    return checksum.finish()
  }

  private mutating func addSectors(_ bytes: borrowing RawSpan) {
    guard let sector = kind.sectorByteCount else { return }
    if room == 0 { room = sector }
    var start = 0
    while start < bytes.byteCount {
      let end = min(bytes.byteCount, start + room)
      switch kind {
      case .t10IP512, .t10IP4K:
        partial = IPChecksum.add(bytes, start..<end, to: partial, startsOdd: partialCount & 1 == 1)
      default: partial = UInt64(CRC16.update(UInt16(partial), with: bytes, start..<end))
      }
      partialCount += end - start
      position += UInt64(end - start)
      room -= end - start
      start = end
      if room == 0 {
        closeSector()
        room = sector
      }
    }
  }

  private mutating func closeSector() {
    guard partialCount > 0 else { return }
    let guardTag: UInt16
    switch kind {
    case .t10IP512, .t10IP4K: guardTag = IPChecksum.finish(partial)
    // A CRC's guard tag travels with its high byte first.
    default: guardTag = UInt16(truncatingIfNeeded: partial).byteSwapped
    }
    sum = Adler32.update(sum, with: UInt8(truncatingIfNeeded: guardTag))
    sum = Adler32.update(sum, with: UInt8(truncatingIfNeeded: guardTag >> 8))
    partial = 0
    partialCount = 0
  }
}

extension RPCMessage {
  /// The checksum of an early reply: CRC-32 without final inversion over the body as it lies in the message
  /// (spec 10 §8.3). A receiver drops an early reply whose ``RPCHeader/checksum`` is another.
  public func earlyReplyChecksum(in bytes: borrowing RawSpan) -> UInt32 {
    guard let range = range(of: 0, in: bytes) else { return 0 }
    return BulkChecksum.compute(.crc32, over: bytes.extracting(range))
  }
}
