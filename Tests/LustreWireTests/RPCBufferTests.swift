// Property: the buffers of every captured RPC are what the format table says, and each structure in them encodes back
// to the same bytes.
// Method: golden vectors of real nodes; each buffer is decoded as its kind and encoded over a pattern.

import LustreWire
import Testing

@Suite struct RPCBufferTests {
  /// `content` made again from the structure at its start; what follows the structure is copied.
  static func remade<Value: FixedLayout>(
    _ type: Value.Type, _ content: [UInt8]
  ) throws(WireError) -> [UInt8] {
    let value = try Value(decoding: content.rawBytes)
    var result = content
    for index in 0..<Value.byteCount { result[index] = 0xA5 }
    result.withMutableRawSpan { value.encode(into: &$0, at: 0) }
    return result
  }

  static func lockRequest(_ content: [UInt8]) throws(WireError) -> [UInt8] {
    var result = try remade(LockRequest.self, content)
    let count = LockRequest.handles(inBufferOf: content.count)
    #expect(LockRequest.byteCount + 8 * count == content.count)
    for index in 0..<count {
      let handle = LockRequest.handle(index, in: content.rawBytes)
      result.withMutableRawSpan { handle.encode(into: &$0, at: LockRequest.byteCount + 8 * index) }
    }
    let beyond = LockRequest.handle(count, in: content.rawBytes)
    #expect(beyond == .none)
    return result
  }

  static func remoteRanges(_ content: [UInt8]) throws(WireError) -> [UInt8] {
    #expect(content.count % RemoteRange.byteCount == 0)
    var result = content
    for start in stride(from: 0, to: content.count, by: RemoteRange.byteCount) {
      let range = try RemoteRange(decoding: content.rawBytes, at: start)
      result.withMutableRawSpan { range.encode(into: &$0, at: start) }
    }
    return result
  }

  static func nidList(_ content: [UInt8]) throws(WireError) -> [UInt8] {
    let head = try TargetNIDList.head(of: content.rawBytes)
    let nids = (0..<head.count).map { TargetNIDList.text(at: $0, in: content.rawBytes) }
    var result = [UInt8](repeating: 0xA5, count: TargetNIDList.byteCount(of: nids.count))
    result.withMutableRawSpan { _ = TargetNIDList.encode(nids, flags: head.flags, into: &$0) }
    return result
  }

  /// The buffer made again, or nil for kinds that are no structures.
  static func remade(_ kind: RPCBufferKind, _ content: [UInt8]) throws(WireError) -> [UInt8]? {
    switch kind {
    case .cookie: return try remade(Cookie.self, content)
    case .connectData: return try remade(ConnectData.self, content)
    case .lockRequest: return try lockRequest(content)
    case .lockReply: return try remade(LockReply.self, content)
    case .lockIntent: return try remade(LockIntent.self, content)
    case .lockValue: return content.isEmpty ? [] : try remade(ObjectLockValue.self, content)
    case .statfs: return try remade(Statfs.self, content)
    case .metadataBody: return try remade(MetadataBody.self, content)
    case .sequenceRange: return try remade(SequenceRange.self, content)
    case .objectAttributes: return try remade(ObjectAttributes.self, content)
    case .objectRequest: return try remade(ObjectRequest.self, content)
    case .remoteRanges: return try remoteRanges(content)
    case .logBody: return try remade(LogBody.self, content)
    case .logHeader: return try ConfigLogTests.remadeHeader(content)
    case .logChunk: return try ConfigLogTests.remadeChunk(content)
    case .targetInfo: return try remade(TargetInfo.self, content)
    case .targetNIDs: return try nidList(content)
    case .configReadRequest: return try remade(ConfigReadRequest.self, content)
    case .configReadReply: return try remade(ConfigReadReply.self, content)
    case .capability:
      #expect(content.isEmpty)
      return nil
    case .sequenceOperation:
      #expect(content.count == 4)
      return nil
    case .name, .key:
      #expect(content.last == 0 && content.filter { $0 == 0 }.count == 1)
      return nil
    case .results:
      #expect(content.count % 4 == 0)
      return nil
    case .body, .targetUUID, .clientUUID, .securityPolicy, .data, .opaque: return nil
    }
  }

  @Test func encodeToTheSameBytes() throws {
    var kinds: Set<RPCBufferKind> = []
    for vector in RPCVectors.all {
      let message = try decodedRPC(vector.bytes)
      let body = try decodedBody(vector.bytes)
      guard body.type != .error else { continue }
      for index in 0..<message.bufferCount {
        let content = try buffer(index, of: vector.bytes)
        let kind = RPCFormat.kind(ofBuffer: index, in: body)
        // A refusal may leave its buffers without content.
        if content.isEmpty, body.type == .reply, body.status != 0 { continue }
        guard let again = try Self.remade(kind, content) else { continue }
        kinds.insert(kind)
        #expect(again == content, "\(vector.name) \(kind), \(vector.source)")
      }
    }
    #expect(kinds.count >= 15)
  }

  @Test func bulkRequests() throws {
    var count = 0
    for vector in RPCVectors.captured
    where vector.name == "OST_WRITE request" || vector.name == "OST_READ request" {
      let span = vector.bytes.rawBytes
      let message = try RPCMessage(decoding: span)
      let body = try RPCBody(message, in: span)
      let request = try BulkIORequest(message, in: span)
      var ranges: [RemoteRange] = []
      for index in 0..<Int(request.object.rangeCount) {
        ranges.append(request.range(index, in: span))
      }
      let data = request.dataRange
      var output = [UInt8](repeating: 0xA5, count: vector.bytes.count)
      let made = output.withMutableRawSpan {
        BulkIORequest.encode(
          message.header, body, attributes: request.attributes, object: request.object,
          ranges: ranges.span, dataByteCount: data.count, into: &$0)
      }
      #expect(made.byteCount == message.byteCount)
      #expect(made.byteCount == BulkIORequest.byteCount(ranges: 1, dataByteCount: data.count))
      #expect(made.dataOffset == data.lowerBound)
      output.replaceSubrange(data, with: vector.bytes[data])
      #expect(output == vector.bytes, "\(vector.source)")
      count += 1
    }
    #expect(count >= 4)
  }

  @Test func bulkReplies() throws {
    for vector in RPCVectors.captured where vector.name == "OST_WRITE reply" {
      let span = vector.bytes.rawBytes
      let message = try RPCMessage(decoding: span)
      let attributes = try message.value(ObjectAttributes.self, at: 1, in: span)
      var output = [UInt8](repeating: 0xA5, count: BulkIOReply.writeByteCount(ranges: 1))
      let body = try RPCBody(message, in: span)
      output.withMutableRawSpan {
        _ = BulkIOReply.encodeWrite(
          message.header, body, attributes: attributes, ranges: 1,
          result: 0, into: &$0)
      }
      #expect(output == vector.bytes, "\(vector.source)")
      let result = try BulkIOReply.result(0, message, in: span)
      #expect(result == 0)
    }
  }
}
