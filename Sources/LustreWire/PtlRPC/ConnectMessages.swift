/// What a CONNECT carries behind its body: to whom, from whom, and what is asked for.
///
/// The same for MGS_CONNECT, MDS_CONNECT and OST_CONNECT.
///
/// **Wire:** buffers 1...5 (spec 11 §3.1): two names of 39 bytes, a handle, `obd_connect_data`, and a
/// security policy, which we send without content.
public struct ConnectRequest: Hashable, Sendable, BitwiseCopyable {
  /// The target, by UUID or by name.
  public var target: ObdUUID
  /// The client, unique per target.
  public var client: ObdUUID
  /// How callbacks will name the client: the handle of its own export.
  public var clientHandle: Cookie
  /// What is asked for.
  public var data: ConnectData

  /// A request of its fields.
  @inlinable
  public init(target: ObdUUID, client: ObdUUID, clientHandle: Cookie, data: ConnectData) {
    self.target = target
    self.client = client
    self.clientHandle = clientHandle
    self.data = data
  }

  /// Bytes of the whole message.
  public static let messageByteCount = 520
  /// Bytes of the reply that a client keeps room for: its connect data may have grown by 128 bytes.
  public static let replyByteCount: UInt32 = 544

  /// Writes the whole message at `offset` and returns its length, 520 bytes; traps when it does not fit.
  @inlinable @discardableResult
  public func encode(
    _ header: RPCHeader, _ body: RPCBody, into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    var encoder = RPCMessageEncoder(header, bufferCount: 6, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    // A name has at most 38 bytes, so its last 8 bytes may be written over buffer and padding alike.
    let target = encoder.add(length: RPCLimits.connectUUIDBytes, into: &bytes)
    self.target.encode(into: &bytes, at: target)
    let client = encoder.add(length: RPCLimits.connectUUIDBytes, into: &bytes)
    self.client.encode(into: &bytes, at: client)
    encoder.add(clientHandle, into: &bytes)
    encoder.add(data, into: &bytes)
    encoder.addEmpty(into: &bytes)
    return encoder.byteCount
  }

  /// Reads all of it; throws what the single readers throw.
  @inlinable
  public init(_ message: RPCMessage, in bytes: borrowing RawSpan) throws(WireError) {
    target = try Self.target(message, in: bytes)
    client = try Self.client(message, in: bytes)
    clientHandle = try Self.clientHandle(message, in: bytes)
    data = try Self.data(message, in: bytes)
  }

  /// The target. Throws `missingBuffer`, `truncated` or `unterminated`: rule 1 of spec 11 §5.
  @inlinable
  public static func target(
    _ message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) -> ObdUUID {
    try ObdUUID(.targetUUID, at: 1, of: message, in: bytes)
  }

  /// The client. Throws `missingBuffer`, `truncated` or `unterminated`: rule 5 of spec 11 §5.
  @inlinable
  public static func client(
    _ message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) -> ObdUUID {
    try ObdUUID(.clientUUID, at: 2, of: message, in: bytes)
  }

  /// The client's handle. Throws `missingBuffer` or `truncated`: rule 6 of spec 11 §5.
  @inlinable
  public static func clientHandle(
    _ message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) -> Cookie {
    try message.value(at: 3, in: bytes)
  }

  /// What is asked for; a shorter struct has 0 in what is missing. Throws `missingBuffer` or
  /// `illegalLength`: rule 6 of spec 11 §5.
  @inlinable
  public static func data(
    _ message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) -> ConnectData {
    try ConnectData(4, of: message, in: bytes)
  }
}

/// What the reply to a CONNECT carries behind its body.
///
/// **Wire:** buffer 1 (spec 11 §3.2). A refusal may come without it, and its content means nothing then.
public struct ConnectReply: Hashable, Sendable, BitwiseCopyable {
  /// What is granted.
  public var data: ConnectData

  /// A reply of its field.
  @inlinable public init(data: ConnectData) { self.data = data }

  /// Bytes of the whole message.
  public static let messageByteCount = 416

  /// Writes the whole message at `offset` and returns its length, 416 bytes; traps when it does not fit.
  @inlinable @discardableResult
  public func encode(
    _ header: RPCHeader, _ body: RPCBody, into bytes: inout MutableRawSpan, at offset: Int = 0
  ) -> Int {
    var encoder = RPCMessageEncoder(header, bufferCount: 2, into: &bytes, at: offset)
    encoder.add(body, into: &bytes)
    encoder.add(data, into: &bytes)
    return encoder.byteCount
  }

  /// Reads what is granted; throws `missingBuffer` or `illegalLength`.
  @inlinable
  public init(_ message: RPCMessage, in bytes: borrowing RawSpan) throws(WireError) {
    data = try ConnectData(1, of: message, in: bytes)
  }
}

extension ConnectData {
  @inlinable
  init(_ index: Int, of message: RPCMessage, in bytes: borrowing RawSpan) throws(WireError) {
    guard let range = message.range(of: index, in: bytes) else {
      throw .missingBuffer(index: UInt8(index), of: UInt8(message.bufferCount))
    }
    guard !range.isEmpty, range.count <= Self.maximumByteCount else {
      throw .illegalLength(.connectData, length: UInt32(range.count))
    }
    self.init(at: range.lowerBound, count: range.count, in: bytes, swapped: message.swapped)
  }
}
