internal import LustreWire

/// Makes a capture file of the classic format with nanosecond times, in memory.
///
/// Whoever streams to a file takes ``bytes`` from time to time with ``drain()``.
package struct PcapWriter: Sendable {
  /// What was written since the last ``drain()``, the file header at first.
  package private(set) var bytes: [UInt8]

  /// Starts a file.
  package init() {
    bytes = [UInt8](repeating: 0, count: 24)
    bytes.withMutableRawSpan {
      $0.storeNative(PcapReader.nanosecondMagic, at: 0)
      $0.storeNative(UInt16(2), at: 4)
      $0.storeNative(UInt16(4), at: 6)
      $0.storeNative(UInt32(CaptureLimits.recordBytes), at: 16)
      $0.storeNative(PcapReader.ethernet, at: 20)
    }
  }

  /// Appends a frame that was seen at a time since 1970, in nanoseconds; at most
  /// ``CaptureLimits/recordBytes`` long.
  package mutating func append(frame: [UInt8], timeNanoseconds: UInt64) {
    precondition(frame.count <= CaptureLimits.recordBytes)
    var head = [UInt8](repeating: 0, count: 16)
    head.withMutableRawSpan {
      $0.storeNative(UInt32(truncatingIfNeeded: timeNanoseconds / 1_000_000_000), at: 0)
      $0.storeNative(UInt32(timeNanoseconds % 1_000_000_000), at: 4)
      $0.storeNative(UInt32(frame.count), at: 8)
      $0.storeNative(UInt32(frame.count), at: 12)
    }
    bytes += head
    bytes += frame
  }

  /// Gives away what was written and starts over, without a second file header.
  package mutating func drain() -> [UInt8] {
    let drained = bytes
    bytes.removeAll(keepingCapacity: true)
    return drained
  }
}
