/// A network identifier with an address of up to 16 bytes.
///
/// **Wire:** `struct lnet_nid`, 20 bytes: size, driver, big-endian network number, four big-endian address
/// words (spec 01 §1.3). o2iblnd carries only the 8-byte form; this one is met in ping infos and over TCP.
public struct LargeNID: Hashable, Sendable, BitwiseCopyable {
  /// Address bytes minus 4: 0 for IPv4, 12 for IPv6; at most 12.
  public var sizeField: UInt8
  /// The driver; 255 means the wildcard.
  public var lndType: LNDType
  /// The network number.
  public var netNumber: UInt16
  /// The first eight address bytes, the first of them on top.
  public var addressHigh: UInt64
  /// The last eight address bytes.
  public var addressLow: UInt64

  /// Bytes on the wire, as part of a header.
  @inlinable public static var byteCount: Int { 20 }
  /// The largest legal ``sizeField``.
  @inlinable public static var maximumSizeField: UInt8 { 12 }

  /// The wildcard.
  public static let any = LargeNID(
    sizeField: 0xFF, lndType: LNDType(rawValue: 0xFF), netNumber: 0xFFFF, addressHigh: .max,
    addressLow: .max)

  /// A NID of its fields.
  @inlinable
  public init(
    sizeField: UInt8, lndType: LNDType, netNumber: UInt16, addressHigh: UInt64,
    addressLow: UInt64
  ) {
    self.sizeField = sizeField
    self.lndType = lndType
    self.netNumber = netNumber
    self.addressHigh = addressHigh
    self.addressLow = addressLow
  }

  /// The large form of an 8-byte NID; the wildcard becomes the wildcard.
  public init(_ nid: NID) {
    guard nid != .any else {
      self = .any
      return
    }
    self.init(
      sizeField: 0, lndType: nid.lndType, netNumber: nid.netNumber,
      addressHigh: UInt64(nid.address) << 32, addressLow: 0)
  }

  /// True for the wildcard, whose other fields mean nothing.
  public var isAny: Bool { lndType.rawValue == 0xFF }

  /// The 8-byte form, or nil when the address is longer than 4 bytes.
  public var small: NID? {
    if isAny { return .any }
    guard sizeField == 0 else { return nil }
    return NID(
      net: NetID(lndType, number: netNumber),
      address: UInt32(truncatingIfNeeded: addressHigh >> 32))
  }

  /// How many of the 20 bytes are in use: 8...20.
  package var usedByteCount: Int { isAny ? Self.byteCount : Int(sizeField) + 8 }

  /// Reads a NID whose 20 bytes are all there. Throws `truncated` or `nidSize`.
  package init(decoding bytes: borrowing RawSpan, at offset: Int = 0) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.byteCount else {
      throw .truncated(
        .largeNID, needed: UInt32(Self.byteCount), available: UInt32(clamping: available))
    }
    let size = bytes.byte(at: offset)
    let type = bytes.byte(at: offset + 1)
    guard type == 0xFF || size <= Self.maximumSizeField else { throw .nidSize(size) }
    self.init(
      sizeField: size, lndType: LNDType(rawValue: type),
      netNumber: bytes.big(UInt16.self, at: offset + 2),
      addressHigh: bytes.big(UInt64.self, at: offset + 4),
      addressLow: bytes.big(UInt64.self, at: offset + 12))
  }

  /// Writes 20 bytes at `offset` and returns that number; traps when they do not fit.
  @discardableResult
  package func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    bytes.storeNative(sizeField, at: offset)
    bytes.storeNative(lndType.rawValue, at: offset + 1)
    bytes.storeBig(netNumber, at: offset + 2)
    bytes.storeBig(addressHigh, at: offset + 4)
    bytes.storeBig(addressLow, at: offset + 12)
    return Self.byteCount
  }
}
