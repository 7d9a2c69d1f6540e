package import LustreWire

/// What a role asks for (spec 11 §4.3; the values that real nodes sent).
package struct Proposal: Sendable, BitwiseCopyable {
  package var role: ImportRole
  /// The target's index, for roles that name it.
  package var targetIndex: UInt32
  /// The index of the metadata target that asks an object target.
  package var group: UInt32
  /// log2 of this node's page size.
  package var pageBits: UInt8

  package init(
    role: ImportRole, targetIndex: UInt32 = 0, group: UInt32 = 0, pageBits: UInt8 = 12
  ) {
    self.role = role
    self.targetIndex = targetIndex
    self.group = group
    self.pageBits = pageBits
  }

  /// Bytes that a client would like to send in one bulk: to an object target, to a metadata target.
  private static let objectBulkBytes: UInt32 = 64 << 20
  private static let metadataBulkBytes: UInt32 = 1 << 20

  /// Features asked for: the same on every connect of an import (spec 11 §4).
  package var flags: ConnectFlags {
    switch role {
    case .mgc: ConnectFlags(rawValue: 0xA000_4110_0100_2060)
    case .mdc: ConnectFlags(rawValue: 0xAE7E_5E7B_E374_D2B8)
    case .osc: ConnectFlags(rawValue: 0xA046_5AF2_E364_0038)
    case .ospToObjects: ConnectFlags(rawValue: 0xA044_4014_4300_0026)
    case .ospToMetadata: ConnectFlags(rawValue: 0xA240_0010_4500_10A2)
    case .lwpOfObjects: ConnectFlags(rawValue: 0x2041_4010_4300_0022)
    case .lwpOfMetadata: ConnectFlags(rawValue: 0x2041_4010_4700_0022)
    }
  }

  package var flags2: ConnectFlags2 {
    switch role {
    case .mgc: ConnectFlags2(rawValue: 0x1_0010_0000)
    case .mdc: ConnectFlags2(rawValue: 0xA4_6CDE_FFBD)
    case .osc: ConnectFlags2(rawValue: 0x4_0014_8202)
    case .ospToObjects: ConnectFlags2(rawValue: 0x8000_0000)
    case .ospToMetadata, .lwpOfObjects, .lwpOfMetadata: []
    }
  }

  /// The data of the first CONNECT.
  package var first: ConnectData {
    var data = ConnectData()
    data.flags = flags
    data.flags2 = flags2
    data.version = .current
    if flags.contains(.index) { data.targetIndex = targetIndex }
    switch role {
    case .mdc, .osc:
      data.grantByteCount = 2 * Self.objectBulkBytes
      data.bulkByteCount = role == .osc ? Self.objectBulkBytes : Self.metadataBulkBytes
      data.checksumTypes = .all
      data.grantBlockBits = pageBits
      if role == .mdc { data.inodeBits = .all }
    case .ospToObjects: data.group = group
    case .ospToMetadata: data.inodeBits = .update
    case .mgc, .lwpOfObjects, .lwpOfMetadata: break
    }
    return data
  }

  /// The data of a later CONNECT: what was granted, with the features asked for at first (spec 11 §4).
  ///
  /// - Parameters:
  ///   - granted: the last granted data.
  ///   - held: bytes of grant that the client still holds.
  ///   - transno: the first transaction that will be replayed; 0 for none.
  package func again(after granted: ConnectData, held: UInt32, transno: UInt64) -> ConnectData {
    var data = granted
    data.flags = flags
    data.flags2 = flags2
    data.version = .current
    data.targetIndex = first.targetIndex
    data.group = first.group
    data.grantByteCount = held
    data.transno = transno
    return data
  }
}

/// What a CONNECT's reply grants, as the client checks and keeps it (spec 11 §9.5 rows 4 to 7).
package struct Agreement: Equatable, Sendable, BitwiseCopyable {
  package var isSubset: Bool
  package var isVersionNear: Bool
  package var isWithoutChecksum: Bool
  /// The most bytes of one bulk.
  package var bulkByteCount: UInt32
  /// Modifying requests that may be under way at a time.
  package var modifyingRequests: UInt16

  /// - Parameters:
  ///   - asked: the data of the CONNECT.
  ///   - granted: that of its reply.
  ///   - wished: the most bytes of a bulk that this node makes.
  package init(asked: ConnectData, granted: ConnectData, role: ImportRole, wished: UInt32) {
    isSubset =
      asked.flags.isSuperset(of: granted.flags)
      && (!granted.flags.contains(.secondFlags) || asked.flags2.isSuperset(of: granted.flags2))
    isVersionNear = granted.version.isNear(.current)
    isWithoutChecksum =
      granted.flags.contains(.checksum)
      && granted.checksumTypes.isDisjoint(with: asked.checksumTypes)
    if granted.flags.contains(.bulkSize) {
      bulkByteCount = min(wished, granted.bulkByteCount)
    } else {
      let isObjects = role == .osc || role == .ospToObjects
      bulkByteCount = isObjects ? wished : 4096
    }
    modifyingRequests =
      granted.flags.contains(.multipleModifying) ? max(granted.maximumModifyingRequests, 1) : 1
  }
}

extension LustreVersion {
  /// Whether metadata targets of both releases may talk: major and minor numbers equal, patches at most 3 apart.
  package func isNear(_ other: LustreVersion) -> Bool {
    let distance = patch > other.patch ? patch - other.patch : other.patch - patch
    return major == other.major && minor == other.minor
      && UInt32(distance) <= ConnectLimits.patchDistanceMax
  }
}
