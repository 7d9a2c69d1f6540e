/// The first 48 bytes of every o2iblnd message.
///
/// **Wire:** `struct kib_msg` up to its union, in the sender's byte order (spec 02 §3.1).
public struct O2IBEnvelope: Hashable, Sendable, BitwiseCopyable {
  /// 0x12, or 0x11 for a peer that must be rejected.
  public var version: UInt16
  /// What the body is.
  public var type: O2IBMessageType
  /// Credits that the sender gives back.
  public var credits: UInt8
  /// Bytes of the whole message, envelope included (`ibm_nob`).
  public var byteCount: UInt32
  /// 0 for none; we send none (spec 02 §12).
  public var checksum: UInt32
  /// The sender's interface.
  public var sourceNID: NID
  /// The sender's incarnation.
  public var sourceStamp: UInt64
  /// The receiver's interface.
  public var destinationNID: NID
  /// The receiver's incarnation as the sender knows it; 0 in a first connect request.
  public var destinationStamp: UInt64

  /// Bytes on the wire.
  @inlinable public static var byteCount: Int { 48 }

  /// An envelope of its fields, in our version and without checksum.
  @inlinable
  public init(
    type: O2IBMessageType, credits: UInt8, byteCount: UInt32, sourceNID: NID, sourceStamp: UInt64,
    destinationNID: NID, destinationStamp: UInt64
  ) {
    self.version = O2IBProtocol.version
    self.type = type
    self.credits = credits
    self.byteCount = byteCount
    self.checksum = 0
    self.sourceNID = sourceNID
    self.sourceStamp = sourceStamp
    self.destinationNID = destinationNID
    self.destinationStamp = destinationStamp
  }

  /// Reads an envelope and checks it in the order of spec 02 §5, up to the known type; the checksum is not
  /// verified, because real nodes disagree about it.
  ///
  /// `bytes` is all that was received: a shorter `ibm_nob` is legal, a longer one is not. `swapped` tells
  /// whether the sender's byte order is not ours, which the body has to know. Allocates nothing.
  @inlinable @inline(__always)
  public init(decoding bytes: borrowing RawSpan, swapped: inout Bool) throws(WireError) {
    let received = bytes.byteCount
    guard received >= 6 else {
      throw .truncated(.o2ibEnvelope, needed: 6, available: UInt32(received))
    }
    let magic = bytes.native(UInt32.self, at: 0)
    let swap = magic != O2IBProtocol.magic
    guard !swap || magic.byteSwapped == O2IBProtocol.magic else {
      throw .badMagic(.o2ibEnvelope, found: magic)
    }
    swapped = swap
    // Two copies of the rest: the one that everybody needs has nothing to swap.
    if swap {
      try self.init(swapping: bytes)
    } else {
      try self.init(checking: bytes, swap: false)
    }
  }

  /// What follows the magic number, in the other byte order.
  @usableFromInline
  init(swapping bytes: borrowing RawSpan) throws(WireError) {
    try self.init(checking: bytes, swap: true)
  }

  /// What follows the magic number.
  @inlinable @inline(__always)
  init(checking bytes: borrowing RawSpan, swap: Bool) throws(WireError) {
    let received = bytes.byteCount
    version = bytes.native(UInt16.self, at: 4, swapped: swap)
    guard version == O2IBProtocol.version || version == O2IBProtocol.version1 else {
      throw .unsupportedVersion(.o2ibEnvelope, found: version)
    }
    guard received >= Self.byteCount else {
      throw .truncated(
        .o2ibEnvelope, needed: UInt32(Self.byteCount), available: UInt32(received))
    }
    let fields = bytes.window(at: 0, count: Self.byteCount)
    byteCount = fields.native(UInt32.self, at: 8, swapped: swap)
    guard UInt64(byteCount) <= UInt64(received) else {
      throw .declaredBeyondReceived(declared: byteCount, received: UInt32(clamping: received))
    }
    sourceNID = NID(rawValue: fields.native(UInt64.self, at: 16, swapped: swap))
    guard sourceNID != .any else { throw .sourceIsAny }
    let rawType = fields.byte(at: 6)
    guard let type = O2IBMessageType(rawValue: rawType) else {
      throw .unknownMessageType(rawType)
    }
    self.type = type
    guard byteCount >= type.minimumByteCount else {
      throw .declaredBelowMinimum(
        type: rawType, declared: byteCount, minimum: type.minimumByteCount)
    }
    credits = fields.byte(at: 7)
    checksum = fields.native(UInt32.self, at: 12, swapped: swap)
    sourceStamp = fields.native(UInt64.self, at: 24, swapped: swap)
    destinationNID = NID(rawValue: fields.native(UInt64.self, at: 32, swapped: swap))
    destinationStamp = fields.native(UInt64.self, at: 40, swapped: swap)
  }

  /// Whether the bytes are what nearly all messages of a connection are: an IMMEDIATE of our version and byte
  /// order, as long as it says, from this sender to this receiver. The type is the only one that is told; of all
  /// others `init(decoding:swapped:)` says what they are.
  @inlinable @inline(__always)
  public static func immediate(
    in bytes: borrowing RawSpan, from sourceNID: NID, _ sourceStamp: UInt64,
    to destinationNID: NID, _ destinationStamp: UInt64
  ) -> (byteCount: UInt32, credits: UInt8)? {
    guard bytes.byteCount >= 120 else { return nil }
    let fields = bytes.window(at: 0, count: byteCount)
    // On a machine of the other byte order this fits no message that it could have sent or received.
    let first = fields.little(UInt64.self, at: 0)
    let expected =
      UInt64(O2IBProtocol.magic) | UInt64(O2IBProtocol.version) << 32
      | UInt64(O2IBMessageType.immediate.rawValue) << 48
    let declared = fields.little(UInt32.self, at: 8)
    guard first & 0x00FF_FFFF_FFFF_FFFF == expected,
      declared >= O2IBMessageType.immediate.minimumByteCount, Int(declared) <= bytes.byteCount,
      fields.native(UInt64.self, at: 16) == sourceNID.rawValue,
      fields.native(UInt64.self, at: 24) == sourceStamp,
      fields.native(UInt64.self, at: 32) == destinationNID.rawValue,
      fields.native(UInt64.self, at: 40) == destinationStamp
    else { return nil }
    return (declared, UInt8(truncatingIfNeeded: first >> 56))
  }

  /// Writes 48 bytes at `offset` in the host's byte order and returns that number; traps when they do
  /// not fit.
  @inlinable @inline(__always) @discardableResult
  public func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    var fields = bytes.window(at: offset, count: Self.byteCount)
    fields.storeNative(O2IBProtocol.magic, at: 0)
    fields.storeNative(version, at: 4)
    fields.storeNative(type.rawValue, at: 6)
    fields.storeNative(credits, at: 7)
    fields.storeNative(byteCount, at: 8)
    fields.storeNative(checksum, at: 12)
    fields.storeNative(sourceNID.rawValue, at: 16)
    fields.storeNative(sourceStamp, at: 24)
    fields.storeNative(destinationNID.rawValue, at: 32)
    fields.storeNative(destinationStamp, at: 40)
    return Self.byteCount
  }
}
