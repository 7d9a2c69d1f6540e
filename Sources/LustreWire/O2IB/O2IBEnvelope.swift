/// The first 48 bytes of every o2iblnd message.
///
/// **Wire:** `struct kib_msg` up to its union, in the sender's byte order (spec 02 §3.1).
package struct O2IBEnvelope: Hashable, Sendable, BitwiseCopyable {
  /// 0x12, or 0x11 for a peer that must be rejected.
  package var version: UInt16
  /// What the body is.
  package var type: O2IBMessageType
  /// Credits that the sender gives back.
  package var credits: UInt8
  /// Bytes of the whole message, envelope included (`ibm_nob`).
  package var byteCount: UInt32
  /// 0 for none; we send none (spec 02 §12).
  package var checksum: UInt32
  /// The sender's interface.
  package var sourceNID: NID
  /// The sender's incarnation.
  package var sourceStamp: UInt64
  /// The receiver's interface.
  package var destinationNID: NID
  /// The receiver's incarnation as the sender knows it; 0 in a first connect request.
  package var destinationStamp: UInt64

  /// Bytes on the wire.
  @inlinable package static var byteCount: Int { 48 }

  /// An envelope of its fields, in our version and without checksum.
  @inlinable
  package init(
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
  @inlinable
  package init(decoding bytes: borrowing RawSpan, swapped: inout Bool) throws(WireError) {
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
      try self.init(checking: bytes, swap: true)
    } else {
      try self.init(checking: bytes, swap: false)
    }
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

  /// Writes 48 bytes at `offset` in the host's byte order and returns that number; traps when they do
  /// not fit.
  @inlinable @inline(__always) @discardableResult
  package func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
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
