package import LustreWire

/// What a message must look like to land in a descriptor (spec 01 §4.2).
package struct MatchEntry: Equatable, BitwiseCopyable, Sendable {
  /// 1 to 63; LNet keeps portal 0 for itself.
  package var portal: Portal
  /// The primary NID of the only sender, or `.any`.
  package var nid: NID
  /// The process of the only sender, or `LNetLimits.anyPID`.
  package var pid: UInt32
  package var matchBits: UInt64
  /// Bits that need not match.
  package var ignoreBits: UInt64
  /// Whether the entry goes when its descriptor goes.
  package var unlinksWithDescriptor: Bool
  package var position: Position

  package enum Position: UInt8, BitwiseCopyable, Sendable {
    case before, after
  }

  package init(
    portal: Portal, matchBits: UInt64, ignoreBits: UInt64 = 0, nid: NID = .any,
    pid: UInt32 = LNetLimits.anyPID, unlinksWithDescriptor: Bool = true,
    position: Position = .after
  ) {
    self.portal = portal
    self.nid = nid
    self.pid = pid
    self.matchBits = matchBits
    self.ignoreBits = ignoreBits
    self.unlinksWithDescriptor = unlinksWithDescriptor
    self.position = position
  }
}

/// Names a match entry; never used twice.
package struct EntryHandle: Equatable, Hashable, BitwiseCopyable, Sendable {
  package var raw: UInt64
  package init(raw: UInt64) { self.raw = raw }
  package static var none: EntryHandle { EntryHandle(raw: 0) }
}

/// An entry in its list.
struct EntryRecord: BitwiseCopyable {
  /// The handle; 0 when the cell is free.
  var id: UInt64
  var matchBits: UInt64
  var ignoreBits: UInt64
  var nid: NID
  var pid: UInt32
  var descriptor: UInt32
  var next: UInt32
  var previous: UInt32
  var portal: UInt8
  var unlinksWithDescriptor: Bool

  static let free = EntryRecord(
    id: 0, matchBits: 0, ignoreBits: 0, nid: .any, pid: 0, descriptor: noCell, next: noCell,
    previous: noCell, portal: 0, unlinksWithDescriptor: true)
}
