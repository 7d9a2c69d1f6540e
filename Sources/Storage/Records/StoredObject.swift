/// The name of a data object: what the wire calls its FID, or an old-style id in sequence 0.
///
/// **Wire:** `o_oi` of `struct obdo` (spec 10 §11.1, 13 §5.3), once the two spellings are told apart.
package struct StoredObjectID: Hashable, Sendable, BitwiseCopyable {
  package var sequence: UInt64
  /// The id within the sequence: 32 bits for a FID, 48 in sequence 0.
  package var object: UInt64

  package init(sequence: UInt64, object: UInt64) {
    self.sequence = sequence
    self.object = object
  }
}

extension StoredObjectID: Comparable, CustomStringConvertible {
  package static func < (left: StoredObjectID, right: StoredObjectID) -> Bool {
    (left.sequence, left.object) < (right.sequence, right.object)
  }

  package var description: String {
    "\(String(sequence, radix: 16)):\(String(object, radix: 16))"
  }
}

/// Which attributes a value holds.
package struct StoredFields: OptionSet, Sendable, BitwiseCopyable {
  package var rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let mtime = StoredFields(rawValue: 1 << 0)
  package static let atime = StoredFields(rawValue: 1 << 1)
  package static let ctime = StoredFields(rawValue: 1 << 2)
  package static let uid = StoredFields(rawValue: 1 << 3)
  package static let gid = StoredFields(rawValue: 1 << 4)
  package static let projectID = StoredFields(rawValue: 1 << 5)
  package static let mode = StoredFields(rawValue: 1 << 6)
  package static let flags = StoredFields(rawValue: 1 << 7)
  package static let parent = StoredFields(rawValue: 1 << 8)
  package static let layout = StoredFields(rawValue: 1 << 9)
  package static let layoutVersion = StoredFields(rawValue: 1 << 10)
}

/// What a target remembers of an object beside its bytes: the fields of an obdo that last.
///
/// **Wire:** `struct obdo` (spec 10 §11.1); the store gives no meaning to any of them.
package struct StoredAttributes: Equatable, Sendable, BitwiseCopyable {
  /// The fields that count. Stored: those that have ever been set.
  package var fields: StoredFields = []
  package var mode: UInt32 = 0
  package var uid: UInt32 = 0
  package var gid: UInt32 = 0
  package var projectID: UInt32 = 0
  package var flags: UInt32 = 0
  /// Seconds.
  package var mtime: UInt64 = 0
  package var atime: UInt64 = 0
  package var ctime: UInt64 = 0
  /// The file that the object belongs to, and which of its stripes it is.
  package var parentSequence: UInt64 = 0
  package var parentObject: UInt32 = 0
  package var parentVersion: UInt32 = 0
  package var stripeIndex: UInt32 = 0
  package var stripeSize: UInt32 = 0
  package var stripeCount: UInt32 = 0
  package var componentStart: UInt64 = 0
  package var componentEnd: UInt64 = 0
  package var componentID: UInt32 = 0
  package var layoutVersion: UInt32 = 0

  package init() {}

  /// Takes over the fields that `other` holds.
  package mutating func merge(_ other: StoredAttributes) {
    let set = other.fields
    if set.contains(.mode) { mode = other.mode }
    if set.contains(.uid) { uid = other.uid }
    if set.contains(.gid) { gid = other.gid }
    if set.contains(.projectID) { projectID = other.projectID }
    if set.contains(.flags) { flags = other.flags }
    if set.contains(.mtime) { mtime = other.mtime }
    if set.contains(.atime) { atime = other.atime }
    if set.contains(.ctime) { ctime = other.ctime }
    if set.contains(.parent) {
      parentSequence = other.parentSequence
      parentObject = other.parentObject
      parentVersion = other.parentVersion
      stripeIndex = other.stripeIndex
    }
    if set.contains(.layout) {
      stripeSize = other.stripeSize
      stripeCount = other.stripeCount
      componentStart = other.componentStart
      componentEnd = other.componentEnd
      componentID = other.componentID
    }
    if set.contains(.layoutVersion) { layoutVersion = other.layoutVersion }
    fields.formUnion(set)
  }
}

/// All that is stored of an object but its bytes.
package struct StoredObject: Equatable, Sendable, BitwiseCopyable {
  /// Bytes; holes read as zero.
  package var size: UInt64 = 0
  /// The transno of the last change that had one (spec 12 §5.5); 0 at first.
  package var version: UInt64 = 0
  package var attributes = StoredAttributes()

  package init() {}
}
