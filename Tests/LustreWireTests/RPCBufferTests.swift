// Property: the buffers of every captured RPC are what the format table says, and each structure in them encodes back
// to the same bytes.
// Method: golden vectors of real nodes; each buffer is decoded as its kind and encoded over a pattern.

import LustreWire
import Testing
import WireSupport

@Suite struct RPCBufferTests {
  /// What the format table says of a buffer beyond its structure.
  static func check(_ kind: RPCBufferKind, _ content: [UInt8]) {
    switch kind {
    case .capability: #expect(content.isEmpty)
    case .sequenceOperation: #expect(content.count == 4)
    case .name, .key: #expect(content.last == 0 && content.filter { $0 == 0 }.count == 1)
    case .results: #expect(content.count % 4 == 0)
    case .remoteRanges: #expect(content.count % RemoteRange.byteCount == 0)
    case .lockRequest: #expect((content.count - LockRequest.byteCount) % 8 == 0)
    case .logHeader:
      var set: UInt32 = 0
      for index in 0..<LogHeader.maximumRecords
      where LogHeader.isSet(index, in: content.rawBytes) { set += 1 }
      var swapped = true
      let header = try? LogHeader(decoding: content.rawBytes, swapped: &swapped)
      #expect(header?.count == set && !swapped)
    default: break
    }
  }

  @Test func encodeToTheSameBytes() throws {
    var kinds: Set<RPCBufferKind> = []
    for vector in RPCVectors.all {
      #expect(try reencodedRPC(vector.bytes) == vector.bytes, "\(vector.name) \(vector.source)")
      let message = try decodedRPC(vector.bytes)
      let body = try decodedBody(vector.bytes)
      for index in 0..<message.bufferCount {
        let content = try buffer(index, of: vector.bytes)
        let kind = RPCFormat.kind(ofBuffer: index, in: body)
        if content.isEmpty { continue }
        Self.check(kind, content)
        kinds.insert(kind)
      }
    }
    #expect(kinds.count >= 27, "\(kinds)")
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
