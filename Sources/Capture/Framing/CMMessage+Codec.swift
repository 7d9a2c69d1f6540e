internal import LustreWire

/// Where the fields of the messages are, in bytes behind the 24-byte datagram header.
private enum Layout {
  static let header = 24
  static let requestPrivate = 140..<232
  static let replyPrivate = 36..<232
  static let rejectPrivate = 84..<232
}

extension CMMessage {
  /// Reads a connection manager message; nil for other datagrams and other messages.
  package init?(at offset: Int, in bytes: borrowing RawSpan) {
    guard bytes.byteCount - offset >= Self.byteCount, bytes.byte(at: offset) == 1,
      bytes.byte(at: offset + 1) == 7, bytes.byte(at: offset + 3) == 3
    else { return nil }
    let base = offset + Layout.header
    let ids = Pair(
      local: bytes.big(UInt32.self, at: base), remote: bytes.big(UInt32.self, at: base + 4))
    switch bytes.big(UInt16.self, at: offset + 16) {
    case 0x10: self = .request(Request(at: base, in: bytes))
    case 0x12:
      self = .reject(
        Reject(
          ids: ids, rejected: bytes.byte(at: base + 8) >> 6,
          reason: bytes.big(UInt16.self, at: base + 10),
          privateData: Self.array(Layout.rejectPrivate, behind: base, in: bytes)))
    case 0x13: self = .reply(Reply(ids: ids, at: base, in: bytes))
    case 0x14: self = .readyToUse(ids)
    case 0x15:
      self = .disconnectRequest(
        ids, remoteQueuePair: bytes.big(UInt32.self, at: base + 8) >> 8)
    case 0x16: self = .disconnectReply(ids)
    default: return nil
    }
  }

  /// Writes 256 bytes at `offset`; private data that is too long is a programming error.
  package func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    for index in offset..<offset + Self.byteCount { bytes.storeNative(UInt8(0), at: index) }
    bytes.storeBig(UInt32(0x0107_0203), at: offset)
    bytes.storeBig(transactionID, at: offset + 8)
    bytes.storeBig(attribute, at: offset + 16)
    let base = offset + Layout.header
    bytes.storeBig(ids.local, at: base)
    bytes.storeBig(ids.remote, at: base + 4)
    switch self {
    case .request(let request): request.encode(into: &bytes, at: base)
    case .reply(let reply): reply.encode(into: &bytes, at: base)
    case .reject(let reject):
      bytes.storeBig(reject.rejected << 6, at: base + 8)
      bytes.storeBig(reject.reason, at: base + 10)
      Self.store(reject.privateData, Layout.rejectPrivate, behind: base, into: &bytes)
    case .readyToUse, .disconnectReply: break
    case .disconnectRequest(_, let queuePair): bytes.storeBig(queuePair << 8, at: base + 8)
    }
  }

  /// Requests and what answers them share the asking side's name of the connection; a disconnect has its own.
  private var transactionID: UInt64 {
    switch self {
    case .request, .disconnectRequest, .readyToUse: UInt64(ids.local)
    case .reply, .reject, .disconnectReply: UInt64(ids.remote)
    }
  }

  fileprivate static func array(
    _ range: Range<Int>, behind base: Int, in bytes: borrowing RawSpan
  ) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(range.count)
    for index in range { result.append(bytes.byte(at: base + index)) }
    return result
  }

  fileprivate static func store(
    _ data: [UInt8], _ range: Range<Int>, behind base: Int, into bytes: inout MutableRawSpan
  ) {
    precondition(data.count <= range.count)
    for index in data.indices {
      bytes.storeNative(data[index], at: base + range.lowerBound + index)
    }
  }
}

extension CMMessage.Request {
  fileprivate init(at base: Int, in bytes: borrowing RawSpan) {
    localID = bytes.big(UInt32.self, at: base)
    serviceID = bytes.big(UInt64.self, at: base + 8)
    queuePair = bytes.big(UInt32.self, at: base + 32) >> 8
    responderResources = bytes.byte(at: base + 35)
    initiatorDepth = bytes.byte(at: base + 39)
    startingSequence = bytes.big(UInt32.self, at: base + 44) >> 8
    retryCount = bytes.byte(at: base + 47) & 7
    rnrRetryCount = bytes.byte(at: base + 50) & 7
    let header = base + Layout.requestPrivate.lowerBound
    ip = CMMessage.IPHeader(
      sourcePort: bytes.big(UInt16.self, at: header + 2),
      source: bytes.big(UInt32.self, at: header + 16),
      destination: bytes.big(UInt32.self, at: header + 32))
    let consumer =
      Layout.requestPrivate.lowerBound
      + CMMessage.IPHeader.byteCount..<Layout.requestPrivate.upperBound
    privateData = CMMessage.array(consumer, behind: base, in: bytes)
  }

  fileprivate func encode(into bytes: inout MutableRawSpan, at base: Int) {
    bytes.storeBig(serviceID, at: base + 8)
    bytes.storeBig(queuePair << 8 | UInt32(responderResources), at: base + 32)
    bytes.storeBig(initiatorDepth, at: base + 39)
    bytes.storeBig(UInt8(0xA1), at: base + 43)
    bytes.storeBig(startingSequence << 8 | 0xA0 | UInt32(retryCount), at: base + 44)
    bytes.storeBig(UInt16(0xFFFF), at: base + 48)
    bytes.storeBig(UInt8(0x50) | rnrRetryCount, at: base + 50)
    bytes.storeBig(UInt8(0xF0), at: base + 51)
    bytes.storeBig(UInt32.max, at: base + 52)
    storeGID(of: ip.source, into: &bytes, at: base + 56)
    storeGID(of: ip.destination, into: &bytes, at: base + 72)
    bytes.storeBig(UInt8(64), at: base + 93)
    bytes.storeBig(UInt8(0x98), at: base + 95)
    let header = base + Layout.requestPrivate.lowerBound
    bytes.storeBig(UInt8(0x40), at: header + 1)
    bytes.storeBig(ip.sourcePort, at: header + 2)
    bytes.storeBig(ip.source, at: header + 16)
    bytes.storeBig(ip.destination, at: header + 32)
    let consumer =
      Layout.requestPrivate.lowerBound
      + CMMessage.IPHeader.byteCount..<Layout.requestPrivate.upperBound
    CMMessage.store(privateData, consumer, behind: base, into: &bytes)
  }

  /// An IPv4 address as a RoCE port's global identifier.
  private func storeGID(of address: UInt32, into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(UInt16(0xFFFF), at: offset + 10)
    bytes.storeBig(address, at: offset + 12)
  }
}

extension CMMessage.Reply {
  fileprivate init(ids: CMMessage.Pair, at base: Int, in bytes: borrowing RawSpan) {
    self.ids = ids
    queuePair = bytes.big(UInt32.self, at: base + 12) >> 8
    startingSequence = bytes.big(UInt32.self, at: base + 20) >> 8
    responderResources = bytes.byte(at: base + 24)
    initiatorDepth = bytes.byte(at: base + 25)
    rnrRetryCount = bytes.byte(at: base + 27) >> 5
    privateData = CMMessage.array(Layout.replyPrivate, behind: base, in: bytes)
  }

  fileprivate func encode(into bytes: inout MutableRawSpan, at base: Int) {
    bytes.storeBig(queuePair << 8, at: base + 12)
    bytes.storeBig(startingSequence << 8, at: base + 20)
    bytes.storeBig(responderResources, at: base + 24)
    bytes.storeBig(initiatorDepth, at: base + 25)
    bytes.storeBig(UInt8(0x79), at: base + 26)
    bytes.storeBig(rnrRetryCount << 5, at: base + 27)
    CMMessage.store(privateData, Layout.replyPrivate, behind: base, into: &bytes)
  }
}
