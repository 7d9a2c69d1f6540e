/// Why a connect request was rejected.
///
/// **Wire:** `ibr_why`, one byte (spec 02 §4.4). Numbers without a name are kept.
package enum RejectReason: Hashable, Sendable, BitwiseCopyable {
  /// 1: the peer is connecting to us at the same time and wins.
  case connectionRace
  /// 2: the peer lacks memory or queue pairs.
  case noResources
  /// 3: the request is unacceptable.
  case fatal
  /// 4: the peer speaks another version.
  case incompatible
  /// 5: one of the incarnations in the request is not current.
  case stale
  /// 6: too many fragments were asked for.
  case fragments
  /// 7: too deep a queue was asked for.
  case queueDepth
  /// 8: defined, never sent.
  case invalidServiceID
  /// 9: the peer's interface is not up yet; release 2.16 and later.
  case early
  /// A number without a name.
  case unknown(UInt8)

  /// The reason with this number.
  package init(rawValue: UInt8) {
    switch rawValue {
    case 1: self = .connectionRace
    case 2: self = .noResources
    case 3: self = .fatal
    case 4: self = .incompatible
    case 5: self = .stale
    case 6: self = .fragments
    case 7: self = .queueDepth
    case 8: self = .invalidServiceID
    case 9: self = .early
    default: self = .unknown(rawValue)
    }
  }

  /// The number on the wire.
  package var rawValue: UInt8 {
    switch self {
    case .connectionRace: 1
    case .noResources: 2
    case .fatal: 3
    case .incompatible: 4
    case .stale: 5
    case .fragments: 6
    case .queueDepth: 7
    case .invalidServiceID: 8
    case .early: 9
    case .unknown(let value): value
    }
  }
}

extension RejectReason: CustomStringConvertible {
  /// Lustre's name, or the number where there is none.
  package var description: String {
    switch self {
    case .connectionRace: "CONN_RACE"
    case .noResources: "NO_RESOURCES"
    case .fatal: "FATAL"
    case .incompatible: "CONN_UNCOMPAT"
    case .stale: "CONN_STALE"
    case .fragments: "RDMA_FRAGS"
    case .queueDepth: "MSG_QUEUE_SIZE"
    case .invalidServiceID: "INVALID_SRV_ID"
    case .early: "EARLY"
    case .unknown(let value): "reason \(value)"
    }
  }
}

/// The private data of a reject.
///
/// **Wire:** `struct kib_rej`, 24 bytes in the sender's byte order (spec 02 §3.3); arrives zero-padded to 148.
package struct O2IBReject: Hashable, Sendable, BitwiseCopyable {
  /// The version that the rejecting node speaks.
  package var version: UInt16
  /// Why.
  package var reason: RejectReason
  /// The rejecting interface's incarnation; 0 when there is no such interface.
  package var incarnation: UInt64
  /// The rejecting interface's limits; zeros when there is no such interface.
  package var parameters: ConnectionParameters

  /// Bytes on the wire.
  @inlinable package static var byteCount: Int { 24 }

  /// A reject of its fields, in our version.
  package init(reason: RejectReason, incarnation: UInt64, parameters: ConnectionParameters) {
    self.version = O2IBProtocol.version
    self.reason = reason
    self.incarnation = incarnation
    self.parameters = parameters
  }

  /// Reads a reject; padding is not looked at.
  ///
  /// A node of version 1 sends only the first 8 bytes with meaning: incarnation and parameters are then 0.
  /// Throws `truncated`, `badMagic` or `unsupportedVersion`, all of which mean that the peer is no o2iblnd
  /// we know.
  package init(decoding bytes: borrowing RawSpan) throws(WireError) {
    let received = bytes.byteCount
    guard received >= 8 else {
      throw .truncated(.o2ibReject, needed: 8, available: UInt32(received))
    }
    let magic = bytes.native(UInt32.self, at: 0)
    let swapped = magic != O2IBProtocol.magic
    guard !swapped || magic.byteSwapped == O2IBProtocol.magic else {
      throw .badMagic(.o2ibReject, found: magic)
    }
    version = bytes.native(UInt16.self, at: 4, swapped: swapped)
    reason = RejectReason(rawValue: bytes.byte(at: 6))
    guard version != O2IBProtocol.version1 else {
      incarnation = 0
      parameters = ConnectionParameters(
        queueDepth: 0, maximumFragments: 0, maximumMessageBytes: 0)
      return
    }
    guard version == O2IBProtocol.version else {
      throw .unsupportedVersion(.o2ibReject, found: version)
    }
    guard received >= Self.byteCount else {
      throw .truncated(
        .o2ibReject, needed: UInt32(Self.byteCount), available: UInt32(received))
    }
    incarnation = bytes.native(UInt64.self, at: 8, swapped: swapped)
    parameters = ConnectionParameters(at: 16, in: bytes, swapped: swapped)
  }

  /// Writes 24 bytes at `offset` and returns that number; traps when they do not fit.
  @discardableResult
  package func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    bytes.storeNative(O2IBProtocol.magic, at: offset)
    bytes.storeNative(version, at: offset + 4)
    bytes.storeNative(reason.rawValue, at: offset + 6)
    bytes.storeNative(UInt8(0), at: offset + 7)
    bytes.storeNative(incarnation, at: offset + 8)
    parameters.encode(into: &bytes, at: offset + 16)
    return Self.byteCount
  }
}
