internal import LustreWire

/// One record of a capture file: when, how long, and where in the file its bytes are.
package struct PcapRecord: Hashable, Sendable {
  /// Counts from 1, as capture tools do.
  package var number: Int
  /// Since 1970, in nanoseconds.
  package var timeNanoseconds: UInt64
  /// How long the frame was on the wire; more than `range` holds when the capture cut it off.
  package var wireByteCount: UInt32
  /// Where its bytes are in the file.
  package var range: Range<Int>
}

/// Reads a capture file of the classic format: either byte order, microseconds or nanoseconds, Ethernet.
package struct PcapReader: Sendable {
  /// The whole file.
  package let bytes: [UInt8]
  private let swapped: Bool
  private let nanosecondsPerTick: UInt64
  private var position = 24
  private var records = 0

  static let microsecondMagic: UInt32 = 0xA1B2_C3D4
  static let nanosecondMagic: UInt32 = 0xA1B2_3C4D
  static let pcapngMagic: UInt32 = 0x0A0D_0D0A
  static let ethernet: UInt32 = 1

  /// Reads the file header.
  package init(_ bytes: [UInt8]) throws(CaptureError) {
    let span = bytes.rawBytes
    guard bytes.count >= 24 else { throw .noFileHeader(byteCount: bytes.count) }
    guard bytes.count <= CaptureLimits.fileBytes else {
      throw .fileTooLarge(byteCount: bytes.count)
    }
    let magic = span.native(UInt32.self, at: 0)
    switch magic {
    case Self.microsecondMagic: (swapped, nanosecondsPerTick) = (false, 1000)
    case Self.nanosecondMagic: (swapped, nanosecondsPerTick) = (false, 1)
    case Self.microsecondMagic.byteSwapped: (swapped, nanosecondsPerTick) = (true, 1000)
    case Self.nanosecondMagic.byteSwapped: (swapped, nanosecondsPerTick) = (true, 1)
    case Self.pcapngMagic: throw .pcapng
    default: throw .unknownMagic(magic)
    }
    let link = span.native(UInt32.self, at: 20, swapped: swapped)
    guard link == Self.ethernet else { throw .unsupportedLinkType(link) }
    self.bytes = bytes
  }

  /// The next record, or nil at the end of the file. After an error there is no next record.
  package mutating func next() throws(CaptureError) -> PcapRecord? {
    let available = bytes.count - position
    guard available > 0 else { return nil }
    let start = position
    position = bytes.count
    guard available >= 16 else {
      throw .recordTruncated(record: records + 1, needed: 16, available: available)
    }
    let head = recordHead(at: start)
    guard head.captured <= CaptureLimits.recordBytes else {
      throw .recordTooLong(record: records + 1, byteCount: head.captured)
    }
    let end = start + 16 + Int(head.captured)
    guard end <= bytes.count else {
      throw .recordTruncated(
        record: records + 1, needed: end - start, available: available)
    }
    records += 1
    position = end
    return PcapRecord(
      number: records, timeNanoseconds: head.time, wireByteCount: head.wire,
      range: start + 16..<end)
  }

  private func recordHead(at offset: Int) -> (time: UInt64, captured: UInt32, wire: UInt32) {
    let span = bytes.rawBytes
    let seconds = span.native(UInt32.self, at: offset, swapped: swapped)
    let ticks = span.native(UInt32.self, at: offset + 4, swapped: swapped)
    return (
      UInt64(seconds) * 1_000_000_000 + UInt64(ticks) * nanosecondsPerTick,
      span.native(UInt32.self, at: offset + 8, swapped: swapped),
      span.native(UInt32.self, at: offset + 12, swapped: swapped)
    )
  }
}
