package import LustreWire

/// What kind of target answers.
package enum TargetKind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case mgs, mdt, ost

  /// Features that it knows (spec 11 §4.3).
  package var supported: ConnectFlags {
    switch self {
    case .mgs: ConnectFlags(rawValue: 0xA004_0110_0100_2060)
    case .mdt: ConnectFlags(rawValue: 0xAE7F_5E7B_E744_D3B9)
    case .ost: ConnectFlags(rawValue: 0xA047_5AFE_E344_003E)
    }
  }

  package var supported2: ConnectFlags2 {
    switch self {
    case .mgs: ConnectFlags2(rawValue: 0x1_0010_0000)
    case .mdt: ConnectFlags2(rawValue: 0x24_6CDE_FFBD)
    case .ost: ConnectFlags2(rawValue: 0x4_8014_8202)
    }
  }

  /// Whether clients may replay (spec 11 §6).
  package var isReplayable: Bool { self != .mgs }

  package var connectOpcode: Opcode {
    switch self {
    case .mgs: .mgsConnect
    case .mdt: .mdsConnect
    case .ost: .ostConnect
    }
  }
}

/// What a target is, as far as its grants depend on it.
package struct TargetTraits: Sendable, BitwiseCopyable {
  package var kind: TargetKind
  package var index: UInt32 = 0
  /// How often the target was started; 0 for a management server.
  package var instance: UInt32 = 0
  package var version = LustreVersion.current
  /// The most bytes of one bulk.
  package var bulkByteCountMax: UInt32
  /// Kinds of checksum that are granted (spec 11 §6): Adler-32, and those that we make at least half as fast, which
  /// leaves out those of CRC-16.
  package var checksumTypes: ChecksumTypes = [.adler, .crc32, .crc32c, .t10IP512, .t10IP4K]
  /// log2 of the bytes of a block and of an inode of the backend.
  package var blockBits: UInt8 = 12
  package var inodeBits: UInt8 = 5
  package var extentTaxKiB: UInt16 = 24
  package var extentBlocksMax: UInt32 = 16_384
  package var eaByteCountMax: UInt32 = 65_536
  package var objectByteCountMax: UInt64 = 0xFFF_FFFF_F000
  package var modifyingRequestsMax: UInt16 = 8
  /// The backend finds holes and data.
  package var canSeek = true
  package var isReadOnly = false
  /// Clients need not ping, as the management server tells them of restarts.
  package var suppressesPings = false
  /// A metadata target that has not reached all object targets yet.
  package var awaitsObjectTargets = false
  /// Places for clients that are remembered over a restart.
  package var freeSlots: UInt32 = 131_072

  package init(kind: TargetKind) {
    self.kind = kind
    bulkByteCountMax = kind == .ost ? 4 << 20 : 1 << 20
  }

  /// Bytes of its disk that are promised to nobody: what may be granted in addition.
  package var unpromisedByteCount = UInt64.max

  /// Bytes that a new client is granted at most: two bulks and what they cost besides (spec 11 §17.1).
  package func initialGrant(bulkByteCount: UInt32) -> UInt32 {
    2 * bulkByteCount + 2 * UInt32(extentTaxKiB) * 1024
  }
}

/// What a target knows of the export that a CONNECT is for.
package struct ExportTraits: Sendable, BitwiseCopyable {
  package var isNew = true
  /// Bytes of grant that the client owns.
  package var grantByteCount: UInt32 = 0
  /// The group that it gave at first; 0 for none.
  package var group: UInt32 = 0
  /// The client lives on this node, and needs no place among those remembered.
  package var isLocal = false

  package init() {}
}

/// What a target grants, or why not.
package struct GrantDecision: Equatable, Sendable, BitwiseCopyable {
  /// Positive; 0 when it grants.
  package var errno: Int32 = 0
  /// What goes back: fields that the target does not own, as they came (spec 11 §4).
  package var data: ConnectData
  /// Whether the export is evicted when it falls silent (spec 12 §3.1).
  package var isTimed = false
  /// Whether the client takes a place among those remembered.
  package var takesSlot = false

  private init(_ data: ConnectData) { self.data = data }

  /// Negotiates: masks, mandatory features and the target's own rules, in the order of spec 11 §6.
  ///
  /// A pure function: what it decides is put into force by its caller, when nothing else refuses.
  package init(asked: ConnectData, target: TargetTraits, export: ExportTraits) {
    self.init(asked)
    data.flags.formIntersection(target.kind.supported)
    data.flags2 =
      data.flags.contains(.secondFlags)
      ? asked.flags2.intersection(target.kind.supported2) : []
    data.version = target.version
    data.instance = target.instance
    switch target.kind {
    case .mgs: break
    case .mdt: errno = decideMetadata(asked, target, export)
    case .ost: errno = decideObjects(asked, target, export)
    }
  }

  private mutating func decideMetadata(
    _ asked: ConnectData, _ target: TargetTraits, _ export: ExportTraits
  ) -> Int32 {
    let isFromServer = !asked.flags.isDisjoint(with: [.lightweight, .mdsToMDS])
    if export.isNew && target.awaitsObjectTargets && !isFromServer {
      return WireErrno.eagain.rawValue
    }
    if target.isReadOnly && asked.flags.isDisjoint(with: [.readOnly, .mdsToMDS]) {
      return WireErrno.eacces.rawValue
    }
    data.inodeBits.formIntersection(.all)
    guard limitBulk(target) else { return WireErrno.eproto.rawValue }
    giveGrant(asked, target, export)
    guard asked.flags.contains(.fid) else { return WireErrno.ebade.rawValue }
    decidePings(target)
    if data.flags.contains(.mdsToMDS) { isTimed = false }
    data.maximumEAByteCount = target.eaByteCountMax
    if data.flags.contains(.multipleModifying) {
      data.maximumModifyingRequests = target.modifyingRequestsMax
    }
    return decideRest(asked, target, export)
  }

  private mutating func decideObjects(
    _ asked: ConnectData, _ target: TargetTraits, _ export: ExportTraits
  ) -> Int32 {
    if export.group != 0 && export.group != asked.group { return WireErrno.eproto.rawValue }
    if asked.flags.contains(.skipOrphan) && !asked.flags.contains(.mds) {
      return WireErrno.eproto.rawValue
    }
    guard limitBulk(target) else { return WireErrno.eproto.rawValue }
    giveGrant(asked, target, export)
    if asked.flags.contains(.index) && asked.targetIndex != target.index {
      return WireErrno.ebadf.rawValue
    }
    if data.flags.contains(.maximumBytes) {
      data.maximumObjectByteCount = target.objectByteCountMax
    }
    decidePings(target)
    return decideRest(asked, target, export)
  }

  /// False when the client says that it takes no bulk at all.
  private mutating func limitBulk(_ target: TargetTraits) -> Bool {
    guard data.flags.contains(.bulkSize) else { return true }
    data.bulkByteCount = min(data.bulkByteCount, target.bulkByteCountMax)
    return data.bulkByteCount > 0
  }

  private mutating func giveGrant(
    _ asked: ConnectData, _ target: TargetTraits, _ export: ExportTraits
  ) {
    if data.flags.contains(.grantParameters) {
      data.grantBlockBits = target.blockBits
      data.grantInodeBits = target.inodeBits
      data.grantTaxKiB = target.extentTaxKiB
      data.grantMaximumBlocks = target.extentBlocksMax
    }
    guard data.flags.contains(.grant) else { return }
    let held = export.grantByteCount
    let bulk = data.flags.contains(.bulkSize) ? data.bulkByteCount : target.bulkByteCountMax
    let wanted =
      asked.flags.contains(.readOnly) || asked.grantByteCount <= held
      ? 0 : asked.grantByteCount - held
    let left = UInt32(clamping: target.unpromisedByteCount & ~4095)
    data.grantByteCount = held + min(wanted, target.initialGrant(bulkByteCount: bulk), left)
  }

  private mutating func decidePings(_ target: TargetTraits) {
    if !target.suppressesPings { data.flags.remove(.pingless) }
    isTimed = !data.flags.contains(.pingless)
  }

  private mutating func decideRest(
    _ asked: ConnectData, _ target: TargetTraits, _ export: ExportTraits
  ) -> Int32 {
    if data.flags.contains(.checksum) {
      data.checksumTypes.formIntersection(target.checksumTypes)
      if data.checksumTypes.isEmpty { return WireErrno.eproto.rawValue }
    }
    if !target.canSeek { data.flags2.remove(.seek) }
    takesSlot = export.isNew && !data.flags.contains(.lightweight) && !export.isLocal
    return takesSlot && target.freeSlots == 0 ? WireErrno.eoverflow.rawValue : 0
  }
}
