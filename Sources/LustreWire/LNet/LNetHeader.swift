/// The header of every LNet message between nodes with 4-byte addresses.
///
/// **Wire:** `struct lnet_hdr_nid4`, 72 bytes, little-endian (spec 01 §3.1); `lnet.msg_header` in Wireshark.
public struct LNetHeader: Hashable, Sendable, BitwiseCopyable {
  /// The final receiver.
  public var destination: ProcessID
  /// The originator.
  public var source: ProcessID
  /// Bytes that follow the header, wherever the driver carries them: 0...1 MiB, 0 for ACK and GET.
  public var payloadLength: UInt32
  /// What the message asks for or answers.
  public var body: LNetBody

  /// A header of its fields.
  @inlinable
  public init(destination: ProcessID, source: ProcessID, payloadLength: UInt32, body: LNetBody) {
    self.destination = destination
    self.source = source
    self.payloadLength = payloadLength
    self.body = body
  }

  /// Bytes on the wire.
  @inlinable public static var byteCount: Int { 72 }

  /// Reads a header; bytes after it are not looked at.
  ///
  /// Allocates nothing. Throws `truncated`, `unknownHeaderType`, `unexpectedPayload` or `payloadTooLong`.
  @inlinable
  public init(decoding bytes: borrowing RawSpan, at offset: Int = 0) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.byteCount else {
      throw .truncated(
        .lnetHeader, needed: UInt32(Self.byteCount), available: UInt32(clamping: available))
    }
    let fields = bytes.window(at: offset, count: Self.byteCount)
    let length = fields.little(UInt32.self, at: 28)
    destination = ProcessID(
      nid: NID(rawValue: fields.little(UInt64.self, at: 0)),
      pid: fields.little(UInt32.self, at: 16))
    source = ProcessID(
      nid: NID(rawValue: fields.little(UInt64.self, at: 8)),
      pid: fields.little(UInt32.self, at: 20))
    payloadLength = length
    body = try LNetBody(
      type: fields.little(UInt32.self, at: 24), payloadLength: length, at: 32, in: fields)
  }

  /// Writes 72 bytes at `offset` and returns that number; traps when they do not fit.
  @inlinable @inline(__always) @discardableResult
  public func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) -> Int {
    var fields = bytes.window(at: offset, count: Self.byteCount)
    fields.storeLittle(destination.nid.rawValue, at: 0)
    fields.storeLittle(source.nid.rawValue, at: 8)
    fields.storeLittle(destination.pid, at: 16)
    fields.storeLittle(source.pid, at: 20)
    fields.storeLittle(body.type, at: 24)
    fields.storeLittle(payloadLength, at: 28)
    body.encode(into: &fields, at: 32)
    return Self.byteCount
  }
}
