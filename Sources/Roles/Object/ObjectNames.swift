package import LustreWire
package import Storage

// What the wire and the disk call an object and its attributes: the only place where one becomes the other
// (spec 10 §11.1, 13 §5.3).
extension StoredObjectID {
  /// Sequences whose FIDs stand for old numbers: on the disk they are numbers of sequence 0.
  private static let oldSequences: ClosedRange<UInt64> = 0x1_0000_0000...0x1_FFFF_FFFF

  package init(_ object: ObjectID) {
    let isOld = object.isNumber || Self.oldSequences.contains(object.sequence)
    self.init(sequence: isOld ? 0 : object.sequence, object: object.number)
  }

  /// The object that a lock's resource names (spec 13 A.1).
  package init(_ resource: ResourceID) {
    if resource.second == 0 {
      self.init(sequence: 0, object: resource.first)
    } else {
      let version = UInt32(truncatingIfNeeded: resource.second >> 32)
      let fid = FID(resource.first, UInt32(truncatingIfNeeded: resource.second), version)
      self.init(ObjectID(fid))
    }
  }
}

extension ObjectID {
  /// Another object of the same sequence, spelled in the same way.
  package func replacing(number: UInt64) -> ObjectID {
    if isNumber { return ObjectID(number: number) }
    var fid = fid
    fid.objectID = UInt32(truncatingIfNeeded: number)
    if StoredObjectID(self).sequence == 0 {
      fid.sequence = fid.sequence & ~0xFFFF | number >> 32 & 0xFFFF
    }
    return ObjectID(fid)
  }
}

extension StoredAttributes {
  /// What an obdo sets, as far as it lasts.
  package init(_ attributes: ObjectAttributes) {
    self.init()
    let valid = attributes.valid
    if valid.contains(.modificationTime) {
      fields.insert(.mtime)
      mtime = UInt64(bitPattern: attributes.modificationTime)
    }
    if valid.contains(.accessTime) {
      fields.insert(.atime)
      atime = UInt64(bitPattern: attributes.accessTime)
    }
    if valid.contains(.changeTime) {
      fields.insert(.ctime)
      ctime = UInt64(bitPattern: attributes.changeTime)
    }
    if valid.contains(.uid) {
      fields.insert(.uid)
      uid = attributes.uid
    }
    if valid.contains(.gid) {
      fields.insert(.gid)
      gid = attributes.gid
    }
    if valid.contains(.projectID) {
      fields.insert(.projectID)
      projectID = attributes.projectID
    }
    if valid.contains(.parent) {
      fields.insert(.parent)
      parentSequence = attributes.parentSequence
      parentObject = attributes.parentObjectID
      parentVersion = attributes.parentVersion
      stripeIndex = attributes.stripeIndex
    }
    if valid.contains(.objectLayout) {
      fields.insert(.layout)
      stripeSize = attributes.layout.stripeByteCount
      stripeCount = attributes.layout.stripeCount
      componentStart = attributes.layout.componentStart
      componentEnd = attributes.layout.componentEnd
      componentID = attributes.layout.componentID
    }
    if valid.contains(.layoutVersion) {
      fields.insert(.layoutVersion)
      layoutVersion = attributes.layoutVersion
    }
  }
}

extension ObjectAttributes {
  /// The mode of an object whose creator gave none: a file that everybody may read and write.
  private static let plainMode: UInt32 = 0x81B6
  private static let blockBytes: UInt32 = 4096

  /// Takes over what the disk knows. Times and owners only where the object has them.
  package mutating func fill(_ object: StoredObject) {
    let stored = object.attributes
    valid.formUnion([.size, .blocks, .blockSize, .mode, .type])
    size = object.size
    blocks = Self.blocks(object.size)
    blockByteCount = Self.blockBytes
    mode = stored.fields.contains(.mode) ? stored.mode : Self.plainMode
    if stored.fields.contains(.mtime) {
      valid.insert(.modificationTime)
      modificationTime = Int64(bitPattern: stored.mtime)
    }
    if stored.fields.contains(.atime) {
      valid.insert(.accessTime)
      accessTime = Int64(bitPattern: stored.atime)
    }
    if stored.fields.contains(.ctime) {
      valid.insert(.changeTime)
      changeTime = Int64(bitPattern: stored.ctime)
    }
    if stored.fields.contains(.uid) {
      valid.insert(.uid)
      uid = stored.uid
    }
    if stored.fields.contains(.gid) {
      valid.insert(.gid)
      gid = stored.gid
    }
    if stored.fields.contains(.projectID) {
      valid.insert(.projectID)
      projectID = stored.projectID
    }
    if stored.fields.contains(.parent) {
      valid.insert(.parent)
      parentSequence = stored.parentSequence
      parentObjectID = stored.parentObject
      parentVersion = stored.parentVersion
      stripeIndex = stored.stripeIndex
    }
  }

  /// Blocks of 512 bytes: stores do not count holes.
  static func blocks(_ size: UInt64) -> UInt64 { size / 512 + (size % 512 == 0 ? 0 : 1) }
}

extension ObjectLockValue {
  /// What a lock's value says of an object.
  init(_ object: StoredObject) {
    self.init()
    size = object.size
    modificationTime = Int64(bitPattern: object.attributes.mtime)
    accessTime = Int64(bitPattern: object.attributes.atime)
    changeTime = Int64(bitPattern: object.attributes.ctime)
    blocks = ObjectAttributes.blocks(object.size)
  }
}
