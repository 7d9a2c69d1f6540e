/// The header of LNet messages between nodes with 16-byte addresses.
///
/// **Wire:** `struct lnet_hdr_nid16`, 96 bytes (spec 01 §3.3). Release 2.16 and later, over IPv6 TCP only; o2iblnd never
/// carries it.
public struct LNetLargeHeader: Hashable, Sendable, BitwiseCopyable {
  /// The final receiver.
  public var destinationNID: LargeNID
  /// The originator.
  public var sourceNID: LargeNID
  /// The receiver's process.
  public var destinationPID: UInt32
  /// The originator's process.
  public var sourcePID: UInt32
  /// Bytes that follow the header: 0...1 MiB, 0 for ACK and GET.
  public var payloadLength: UInt32
  /// What the message asks for or answers.
  public var body: LNetBody

  /// Bytes on the wire.
  @inlinable public static var byteCount: Int { 96 }

  /// A header of its fields.
  public init(
    destinationNID: LargeNID, sourceNID: LargeNID, destinationPID: UInt32, sourcePID: UInt32,
    payloadLength: UInt32, body: LNetBody
  ) {
    self.destinationNID = destinationNID
    self.sourceNID = sourceNID
    self.destinationPID = destinationPID
    self.sourcePID = sourcePID
    self.payloadLength = payloadLength
    self.body = body
  }

  /// Reads a header; bytes after it are not looked at.
  ///
  /// Throws `truncated`, `nidSize`, `unknownHeaderType`, `unexpectedPayload` or `payloadTooLong`.
  public init(decoding bytes: borrowing RawSpan, at offset: Int = 0) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.byteCount else {
      throw .truncated(
        .lnetLargeHeader, needed: UInt32(Self.byteCount), available: UInt32(clamping: available))
    }
    let length = bytes.little(UInt32.self, at: offset + 52)
    destinationNID = try LargeNID(decoding: bytes, at: offset)
    sourceNID = try LargeNID(decoding: bytes, at: offset + 20)
    destinationPID = bytes.little(UInt32.self, at: offset + 40)
    sourcePID = bytes.little(UInt32.self, at: offset + 44)
    payloadLength = length
    body = try LNetBody(
      type: bytes.little(UInt32.self, at: offset + 48), payloadLength: length, at: offset + 56,
      in: bytes)
  }

  /// Writes 96 bytes at `offset` and returns that number; traps when they do not fit.
  @discardableResult
  public func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    destinationNID.encode(into: &bytes, at: offset)
    sourceNID.encode(into: &bytes, at: offset + 20)
    bytes.storeLittle(destinationPID, at: offset + 40)
    bytes.storeLittle(sourcePID, at: offset + 44)
    bytes.storeLittle(body.type, at: offset + 48)
    bytes.storeLittle(payloadLength, at: offset + 52)
    body.encode(into: &bytes, at: offset + 56)
    return Self.byteCount
  }
}
