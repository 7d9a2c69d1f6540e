/// Writes a PtlRPC message front to back into the bytes it will be sent from.
///
/// The number of buffers is fixed at the start; each buffer is added once, in order. Allocates nothing.
/// Writing past the end of the bytes, or adding a buffer too many, is a programming error and traps.
/// A message with fewer buffers than announced is not complete: see ``isComplete``.
public struct RPCMessageEncoder: Sendable, BitwiseCopyable {
  /// Where the message starts, in bytes.
  public let start: Int
  /// How many buffers it will have.
  public let bufferCount: Int
  @usableFromInline var added = 0
  @usableFromInline var next: Int

  /// Where the next buffer begins, or the message ends, in bytes.
  @inlinable public var end: Int { next }
  /// Bytes written since the start, padding included; of a complete message its length.
  @inlinable public var byteCount: Int { next - start }
  /// Whether every buffer was added.
  @inlinable public var isComplete: Bool { added == bufferCount }

  /// Writes the header at `start`, for `bufferCount` buffers (1...32).
  @inlinable
  public init(
    _ header: RPCHeader, bufferCount: Int, into bytes: inout MutableRawSpan, at start: Int = 0
  ) {
    precondition(bufferCount >= 1 && bufferCount <= RPCLimits.maximumBuffers)
    self.start = start
    self.bufferCount = bufferCount
    next = start + RPCMessage.headerByteCount(buffers: bufferCount)
    // With an odd number of buffers the table ends in padding.
    bytes.storeNative(UInt32(0), at: next - 4)
    header.encode(into: &bytes, at: start, bufferCount: bufferCount)
  }

  /// Adds a buffer of `length` bytes and returns where its content has to be written. Its padding is
  /// zeroed, its content is not.
  @inlinable
  public mutating func add(length: Int, into bytes: inout MutableRawSpan) -> Int {
    precondition(added < bufferCount && length >= 0)
    bytes.storeNative(UInt32(length), at: start + RPCHeader.byteCount + 4 * added)
    let offset = next
    let padded = RPCMessage.padded(length)
    if length < padded { bytes.storeNative(UInt64(0), at: offset + padded - 8) }
    added += 1
    next = offset + padded
    return offset
  }

  /// Adds a buffer that holds one structure.
  @inlinable
  public mutating func add<Value: FixedLayout>(_ value: Value, into bytes: inout MutableRawSpan) {
    let offset = add(length: Value.byteCount, into: &bytes)
    value.encode(into: &bytes, at: offset)
  }

  /// Adds buffer 0.
  @inlinable
  public mutating func add(_ body: RPCBody, into bytes: inout MutableRawSpan) {
    let offset = add(length: RPCBody.byteCount, into: &bytes)
    body.encode(into: &bytes, at: offset)
  }

  /// Adds a buffer without content.
  @inlinable
  public mutating func addEmpty(into bytes: inout MutableRawSpan) {
    _ = add(length: 0, into: &bytes)
  }

  /// Adds a buffer with a text and its terminator, as names travel: the length is that of the text plus 1.
  @inlinable
  public mutating func add(text: String, into bytes: inout MutableRawSpan) {
    let offset = add(length: text.utf8.count + 1, into: &bytes)
    var index = offset
    for byte in text.utf8 {
      bytes.storeNative(byte, at: index)
      index += 1
    }
    bytes.storeNative(UInt8(0), at: index)
  }
}

extension RPCMessage {
  /// Bytes of a message that is its body alone: ping, disconnect, and most short replies.
  public static let bodyOnlyByteCount = RPCLimits.earlyReplyBytes

  /// Writes a message that is its body alone at `offset` and returns its length, 224 bytes.
  @inlinable @discardableResult
  public static func encode(
    _ header: RPCHeader, _ body: RPCBody, into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    var encoder = RPCMessageEncoder(header, bufferCount: 1, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    return encoder.byteCount
  }
}

extension RPCMessage {
  /// Bytes of a message of its body and one structure, and `empty` buffers without content.
  @inlinable
  public static func byteCount<Value: FixedLayout>(
    of type: Value.Type, empty: Int = 0
  ) -> Int {
    headerByteCount(buffers: 2 + empty) + RPCBody.byteCount + padded(Value.byteCount)
  }

  /// Writes a message of its body and one structure at `offset`, and `empty` buffers without content behind
  /// them; returns its length. So look most requests and replies, from STATFS to GETATTR.
  @inlinable @discardableResult
  public static func encode(
    _ header: RPCHeader, _ body: RPCBody, _ value: some FixedLayout, empty: Int = 0,
    into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    var encoder = RPCMessageEncoder(header, bufferCount: 2 + empty, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    encoder.add(value, into: &bytes)
    for _ in 0..<empty { encoder.addEmpty(into: &bytes) }
    return encoder.byteCount
  }
}
