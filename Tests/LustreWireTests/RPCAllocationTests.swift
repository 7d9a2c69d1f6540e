// Property: the structures of the message path decode and encode without allocating.
// Method: a counter under malloc reads before and after; an array is the positive control. The first round is not
// counted: the runtime makes its descriptions of types then.

import CAllocationCounter
import LustreWire
import Testing

@Suite(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
struct RPCAllocationTests {
  /// Decodes and encodes a ping, a CONNECT, its reply and an enqueue; returns a number that depends on all.
  static func round(
    _ ping: [UInt8], _ connect: [UInt8], _ reply: [UInt8], _ enqueue: [UInt8],
    _ output: inout [UInt8]
  ) throws(WireError) -> Int {
    var total = 0
    let message = try RPCMessage(decoding: ping.rawBytes)
    let body = try RPCBody(message, in: ping.rawBytes)
    output.withMutableRawSpan { total += RPCMessage.encode(message.header, body, into: &$0) }
    let connectMessage = try RPCMessage(decoding: connect.rawBytes)
    let connectBody = try RPCBody(connectMessage, in: connect.rawBytes)
    let request = try ConnectRequest(connectMessage, in: connect.rawBytes)
    output.withMutableRawSpan {
      total += request.encode(connectMessage.header, connectBody, into: &$0)
    }
    let replyMessage = try RPCMessage(decoding: reply.rawBytes)
    let granted = try ConnectReply(replyMessage, in: reply.rawBytes)
    output.withMutableRawSpan { total += granted.encode(replyMessage.header, body, into: &$0) }
    let lockMessage = try RPCMessage(decoding: enqueue.rawBytes)
    let lock = try lockMessage.value(LockRequest.self, at: 1, in: enqueue.rawBytes)
    output.withMutableRawSpan { bytes in
      var encoder = RPCMessageEncoder(lockMessage.header, bufferCount: 2, into: &bytes)
      encoder.add(body, into: &bytes)
      encoder.add(lock, handles: [Cookie(rawValue: 1), .none], into: &bytes)
      total += encoder.byteCount
    }
    return total
  }

  @Test func nothingAllocates() throws {
    let ping = RPCVectors.example("OBD_PING request")
    let connect = RPCVectors.example("OST_CONNECT request")
    let reply = RPCVectors.example("OST_CONNECT reply")
    let enqueue = RPCVectors.example("LDLM_ENQUEUE request")
    var output = [UInt8](repeating: 0, count: 520)
    _ = try Self.round(ping, connect, reply, enqueue, &output)
    let before = callocation_counter_read()
    var total = 0
    for _ in 0..<10 { total += try Self.round(ping, connect, reply, enqueue, &output) }
    let after = callocation_counter_read()
    #expect(after == before)
    #expect(total == 10 * (224 + 520 + 416 + 328))
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > after && control.count == 1000)
  }
}
