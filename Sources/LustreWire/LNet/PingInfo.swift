/// What a node says it can do, in a ping info.
///
/// **Wire:** `pi_features`, 32 bits (spec 01 §6.3). Bits without a name are kept and ignored.
public struct PingFeatures: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// The features with these bits; any value is accepted.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Legacy; real nodes do not set it.
  @inlinable public static var base: PingFeatures { PingFeatures(rawValue: 0x01) }
  /// Entries have states. A ping info without it is corrupt.
  @inlinable public static var interfaceStatus: PingFeatures { PingFeatures(rawValue: 0x02) }
  /// The node does not route.
  @inlinable public static var routingDisabled: PingFeatures { PingFeatures(rawValue: 0x04) }
  /// The node may use several NIDs.
  @inlinable public static var multiRail: PingFeatures { PingFeatures(rawValue: 0x08) }
  /// The node discovers its peers and takes pushes.
  @inlinable public static var discovery: PingFeatures { PingFeatures(rawValue: 0x10) }
  /// Entries with large NIDs follow the others; release 2.16 and later.
  @inlinable public static var largeAddresses: PingFeatures { PingFeatures(rawValue: 0x20) }
  /// The primary NID is the first large one; release 2.16 and later.
  @inlinable public static var primaryIsLarge: PingFeatures { PingFeatures(rawValue: 0x40) }
  /// Metadata follows the entries; release 2.17.
  @inlinable public static var metadata: PingFeatures { PingFeatures(rawValue: 0x80) }

  /// What a default node of release 2.17 says: 0x1E.
  public static let `default`: PingFeatures = [
    .interfaceStatus, .routingDisabled, .multiRail, .discovery,
  ]
}

/// Whether an interface is up.
///
/// **Wire:** `ns_status`, 32 bits (spec 01 §6.2). In the loopback entry it is a sequence number instead.
public struct InterfaceStatus: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// The state with this number; any value is accepted.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The interface works.
  @inlinable public static var up: InterfaceStatus { InterfaceStatus(rawValue: 0x15AA_C0DE) }
  /// The interface does not work.
  @inlinable public static var down: InterfaceStatus { InterfaceStatus(rawValue: 0xDEAD_FACE) }
  /// The entry means nothing.
  @inlinable public static var invalid: InterfaceStatus { InterfaceStatus(rawValue: 0) }
}

/// One interface in a ping info.
///
/// **Wire:** `struct lnet_ni_status`, 16 bytes (spec 01 §6.2).
public struct PingEntry: Hashable, Sendable, BitwiseCopyable {
  /// Whose.
  public var nid: NID
  /// Its state; in the loopback entry a sequence number, or `.up` at nodes that talk to themselves.
  public var status: InterfaceStatus
  /// 0, but in the loopback entry of a ping info with large NIDs: its size in bytes.
  public var messageByteCount: UInt32

  /// Bytes on the wire.
  @inlinable package static var byteCount: Int { 16 }

  /// An entry of its fields.
  public init(nid: NID, status: InterfaceStatus, messageByteCount: UInt32 = 0) {
    self.nid = nid
    self.status = status
    self.messageByteCount = messageByteCount
  }
}

/// One interface with a large NID in a ping info.
///
/// **Wire:** `struct lnet_ni_large_status`: status, NID, padded to 4 bytes (spec 01 §6.2).
public struct LargePingEntry: Hashable, Sendable, BitwiseCopyable {
  /// Its state.
  public var status: InterfaceStatus
  /// Whose.
  public var nid: LargeNID

  /// Bytes on the wire: 12...24, a multiple of 4.
  package var byteCount: Int { (4 + nid.usedByteCount + 3) & ~3 }

  /// An entry of its fields.
  public init(status: InterfaceStatus, nid: LargeNID) {
    self.status = status
    self.nid = nid
  }
}

/// The interfaces and abilities of a node: the payload of a ping reply and of a push.
///
/// **Wire:** `struct lnet_ping_info`, in the sender's byte order (spec 01 §6.2).
public struct PingInfo: Hashable, Sendable {
  /// What the node can do.
  public var features: PingFeatures
  /// The node's process id.
  public var pid: UInt32
  /// Its interfaces, loopback first, primary NID second.
  public var entries: [PingEntry]
  /// Its interfaces with large NIDs.
  public var largeEntries: [LargePingEntry]

  /// A ping info of its fields; ``encode(into:at:)`` writes them as they are.
  public init(
    features: PingFeatures, pid: UInt32, entries: [PingEntry],
    largeEntries: [LargePingEntry] = []
  ) {
    self.features = features
    self.pid = pid
    self.entries = entries
    self.largeEntries = largeEntries
  }

  /// What a node with these interfaces, all up, says about itself.
  ///
  /// - Parameters:
  ///   - nids: the node's NIDs without loopback, the primary first; at most 199.
  ///   - sequence: grows with every change of the list; starts at 1.
  ///   - features: what the node can do.
  public init(nids: [NID], sequence: UInt32, features: PingFeatures = .default) {
    precondition(nids.count < Int(LNetLimits.maximumInterfaces))
    self.init(
      features: features, pid: LNetLimits.lustrePID,
      entries: [PingEntry(nid: .loopback, status: InterfaceStatus(rawValue: sequence))]
        + nids.map { PingEntry(nid: $0, status: .up) })
  }

  /// The number that orders two ping infos of one node, or nil when the node does not give one.
  public var sequence: UInt32? {
    guard let first = entries.first, first.status != .up else { return nil }
    return first.status.rawValue
  }

  /// The NID by which others know the node, when it is one of ``entries``.
  public var primaryNID: NID? {
    guard !features.contains(.primaryIsLarge), entries.count > 1 else { return nil }
    return entries[1].nid
  }

  /// Bytes of the whole ping info.
  public var byteCount: Int {
    PingInfoReader.headByteCount + entries.count * PingEntry.byteCount
      + largeEntries.reduce(0) { $0 + $1.byteCount }
  }

  /// Reads a ping info that arrived whole or truncated; entries that did not arrive are left out. Allocates.
  ///
  /// Throws `truncated`, `badMagic`, `pingWithoutStatus`, `pingEntryCount` or `pingFirstEntry`.
  public init(decoding bytes: borrowing RawSpan) throws(WireError) {
    let reader = try PingInfoReader(decoding: bytes)
    features = reader.features
    pid = reader.pid
    entries = []
    entries.reserveCapacity(reader.presentEntries)
    for index in 0..<reader.presentEntries { entries.append(reader.entry(at: index, in: bytes)) }
    largeEntries = []
    var offset = reader.largeOffset
    while let entry = reader.nextLargeEntry(at: &offset, in: bytes) { largeEntries.append(entry) }
  }

  /// Writes as many bytes at `offset` as fit, in the host's byte order, and returns their number: what does
  /// not fit is cut off, as the sink length of a ping demands. Allocates nothing.
  @discardableResult
  public func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    var writer = PrefixWriter(position: offset)
    writer.store(PingInfoReader.magic, into: &bytes)
    writer.store(features.rawValue, into: &bytes)
    writer.store(pid, into: &bytes)
    writer.store(UInt32(entries.count), into: &bytes)
    // By index: an iterator over an array allocates in debug builds.
    for index in entries.indices {
      let entry = entries[index]
      writer.store(entry.nid.rawValue, into: &bytes)
      writer.store(entry.status.rawValue, into: &bytes)
      writer.store(entry.messageByteCount, into: &bytes)
    }
    for index in largeEntries.indices {
      let entry = largeEntries[index]
      let nid = entry.nid
      writer.store(entry.status.rawValue, into: &bytes)
      writer.store(nid.sizeField, into: &bytes)
      writer.store(nid.lndType.rawValue, into: &bytes)
      writer.store(nid.netNumber.bigEndian, into: &bytes)
      var address = (nid.addressHigh, nid.addressLow)
      for place in 0..<(entry.byteCount - 8) {
        let used = place < nid.usedByteCount - 4
        writer.store(used ? UInt8(truncatingIfNeeded: address.0 >> 56) : 0, into: &bytes)
        address = (address.0 << 8 | address.1 >> 56, address.1 << 8)
      }
    }
    return writer.position - offset
  }
}

/// Writes integers one behind the other and stops, in the middle of one if need be, where the bytes end.
private struct PrefixWriter {
  var position: Int

  mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, into bytes: inout MutableRawSpan
  ) {
    let size = MemoryLayout<Value>.size
    if bytes.byteCount - position >= size {
      bytes.storeNative(value, at: position)
      position += size
      return
    }
    // Its first byte in memory is the low one of the little-endian form, whatever the host.
    var rest = value.littleEndian
    while position < bytes.byteCount {
      bytes.storeNative(UInt8(truncatingIfNeeded: rest), at: position)
      rest >>= 8
      position += 1
    }
  }
}
