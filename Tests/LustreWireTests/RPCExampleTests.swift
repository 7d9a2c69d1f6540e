// Property: the RPC examples of the spec hold the values that the spec writes beside them.
// Method: golden vectors; expected values written by hand from spec 10 §15, §16 and 11 §3.3, §17.3.

import LustreWire
import Testing

@Suite struct RPCExampleTests {
  @Test func pingRequest() throws {
    let bytes = RPCVectors.example("OBD_PING request")
    let message = try decodedRPC(bytes)
    #expect(
      message.header == RPCHeader(flavor: .null, replyByteCount: 224, flags: .connected))
    #expect(message.bufferCount == 1 && message.byteCount == 224 && !message.swapped)
    var body = RPCBody(request: .ping)
    body.handle = Cookie(rawValue: 0xB064_E37E_5E48_34E9)
    body.status = 1755
    body.lastXID = 0x0006_B02E_6000_247F
    body.flags = .hasUserIDs
    body.connectionCount = 2
    body.timeout = 11
    body.matchBits = 0x0006_B02E_6000_2480
    #expect(try decodedBody(bytes) == body)
    var output = [UInt8](repeating: 0xA5, count: 224)
    let count = output.withMutableRawSpan { RPCMessage.encode(message.header, body, into: &$0) }
    #expect(count == 224)
    #expect(output == bytes)
  }

  @Test func pingReply() throws {
    let body = try decodedBody(RPCVectors.example("OBD_PING reply"))
    var expected = RPCBody(.reply, to: .ping)
    expected.lastCommitted = 0x1_0000_0018
    expected.timeout = 5
    expected.serviceTime = 1
    expected.lockLimit = 72624
    expected.lockVolume = 0x9BD5_8E00
    #expect(body == expected)
  }

  @Test func flavours() throws {
    let enqueue = try decodedRPC(RPCVectors.example("LDLM_ENQUEUE request"))
    #expect(enqueue.header.flavor == .null(.mgc))
    #expect(enqueue.header.flavor.part == .mgc && enqueue.header.flavor.isNull)
    #expect(enqueue.header.replyByteCount == 344)
    #expect(!SecurityFlavor(rawValue: 0x0300_0001).isNull)
    #expect(SecurityFlavor(rawValue: 0xFF00_0000).part == nil)
  }

  @Test func connectRequest() throws {
    let bytes = RPCVectors.example("OST_CONNECT request")
    let span = bytes.rawBytes
    let message = try RPCMessage(decoding: span)
    let body = try RPCBody(message, in: span)
    let request = try ConnectRequest(message, in: span)
    #expect(message.header == RPCHeader(replyByteCount: ConnectRequest.replyByteCount))
    #expect(body.opcode == .ostConnect && body.service == .obd && body.type == .request)
    #expect(body.connectFlags == .initial && body.connectionCount == 1 && body.serviceTime == 4)
    #expect(request.target.description == "lustre-OST0000_UUID")
    #expect(request.target == ObdUUID("lustre-OST0000_UUID"))
    #expect(request.client == ObdUUID("0d6b3eca-681b-426b-a84f-44d2fd88caa0"))
    #expect(request.clientHandle == Cookie(rawValue: 0x134D_F120_935C_792F))
    #expect(request.clientHandle.description == "0x134df120935c792f")
    #expect(request.data == Self.asked)
    var output = [UInt8](repeating: 0xA5, count: ConnectRequest.messageByteCount)
    let count = output.withMutableRawSpan { request.encode(message.header, body, into: &$0) }
    #expect(count == ConnectRequest.messageByteCount)
    #expect(output == bytes)
  }

  @Test func connectReply() throws {
    let bytes = RPCVectors.example("OST_CONNECT reply")
    let span = bytes.rawBytes
    let message = try RPCMessage(decoding: span)
    let body = try RPCBody(message, in: span)
    let reply = try ConnectReply(message, in: span)
    #expect(body.handle == Cookie(rawValue: 0xB064_E37E_5E48_32CE))
    #expect(body.connectFlags == .replayable)
    var granted = Self.asked
    granted.flags.rawValue = 0xA042_5AF2_E344_0038
    granted.grantByteCount = 8_437_760
    granted.bulkByteCount = 4 << 20
    granted.checksumTypes.rawValue = 0x32
    granted.maximumObjectByteCount = 0xFFF_FFFF_F000
    #expect(reply.data == granted)
    #expect(granted.flags.isSubset(of: Self.asked.flags))
    var output = [UInt8](repeating: 0xA5, count: ConnectReply.messageByteCount)
    let count = output.withMutableRawSpan { reply.encode(message.header, body, into: &$0) }
    #expect(count == ConnectReply.messageByteCount)
    #expect(output == bytes)
  }

  /// What spec 11 §17.3 says a mount's first OST_CONNECT holds.
  static var asked: ConnectData {
    var data = ConnectData()
    data.flags.rawValue = 0xA046_5AF2_E364_0038
    data.version = LustreVersion(2, 17)
    data.grantByteCount = 128 << 20
    data.bulkByteCount = 64 << 20
    data.inodeBits = .all
    data.grantBlockBits = 12
    data.grantInodeBits = 5
    data.grantTaxKiB = 24
    data.grantMaximumBlocks = 16384
    data.checksumTypes = .all
    data.maximumEAByteCount = 65536
    data.instance = 1
    data.maximumModifyingRequests = 8
    data.flags2.rawValue = 0x4_0014_8202
    return data
  }
}
