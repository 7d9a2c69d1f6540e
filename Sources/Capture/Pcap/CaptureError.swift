/// Why a capture file cannot be read, or cannot be read further.
package enum CaptureError: Error, Hashable, Sendable {
  /// Fewer bytes than the file header.
  case noFileHeader(byteCount: Int)
  /// The file is larger than what is held in memory.
  case fileTooLarge(byteCount: Int)
  /// The newer format of capture files; tools convert it (`tshark -F pcap`).
  case pcapng
  /// The first four bytes are no known magic number.
  case unknownMagic(UInt32)
  /// The link layer is not Ethernet.
  case unsupportedLinkType(UInt32)
  /// A record claims to be longer than any capture tool writes.
  case recordTooLong(record: Int, byteCount: UInt32)
  /// The file ends inside a record.
  case recordTruncated(record: Int, needed: Int, available: Int)
}

extension CaptureError: CustomStringConvertible {
  /// What was read and what was expected.
  package var description: String {
    switch self {
    case .noFileHeader(let byteCount):
      "\(byteCount) bytes are too few for a capture file, its header needs 24"
    case .fileTooLarge(let byteCount):
      "\(byteCount) bytes are too many, at most \(CaptureLimits.fileBytes) are read; split the file with"
        + " editcap -c"
    case .pcapng:
      "this is a pcapng file; convert it with: tshark -F pcap -r IN -w OUT"
    case .unknownMagic(let magic):
      "magic 0x\(String(magic, radix: 16)) is not that of a capture file"
    case .unsupportedLinkType(let type):
      "link type \(type) is not supported, capture on an Ethernet device (link type 1)"
    case .recordTooLong(let record, let byteCount):
      "record \(record) claims \(byteCount) bytes, at most \(CaptureLimits.recordBytes) are read"
    case .recordTruncated(let record, let needed, let available):
      "the file ends in record \(record): \(needed) bytes needed, \(available) there"
    }
  }
}
