// Property: the worked examples of spec 04 E decode to the values that the spec names, and back to their bytes.
// Method: golden vectors; the expected values are written by hand from the spec's tables.

import LustreWire
import Testing

@Suite struct WorkedExampleTests {
  static let vectors = GoldenFile.vectors("worked-examples.txt")
  static let messages = vectors.filter { $0.bytes.starts(with: [0x91, 0x1B]) && $0.name != "REJ" }

  static let us = NID.o2ib(0x0A0A_0005)
  static let real = NID.o2ib(0x0A0A_0001)
  static let ourStamp: UInt64 = 0x0006_4000_1122_3344
  static let realStamp: UInt64 = 0x0006_3F00_AABB_CCDD
  static let ourCookie: UInt64 = 0x1877_F0A1_B2C3_D4E5
  static let realCookie: UInt64 = 0x1866_A0B0_C0D0_E0F0

  static func bytes(_ name: String) throws -> [UInt8] {
    try #require(vectors.first { $0.name == name }).bytes
  }

  static func decode(_ name: String) throws -> O2IBMessage {
    try decodedMessage(bytes(name))
  }

  static func header(_ name: String) throws -> LNetHeader {
    try decodedHeader(bytes(name))
  }

  @Test(arguments: messages)
  func encodesToTheSameBytes(vector: GoldenVector) throws {
    #expect(try reencoded(vector.bytes) == vector.bytes)
  }

  @Test(arguments: messages)
  func envelope(vector: GoldenVector) throws {
    let message = try decodedMessage(vector.bytes)
    let fromUs = message.envelope.sourceNID == Self.us
    #expect(message.envelope.version == 0x12)
    #expect(message.envelope.byteCount == vector.bytes.count)
    #expect(message.envelope.sourceNID == (fromUs ? Self.us : Self.real))
    #expect(message.envelope.sourceStamp == (fromUs ? Self.ourStamp : Self.realStamp))
    #expect(message.envelope.destinationNID == (fromUs ? Self.real : Self.us))
    let known = fromUs ? Self.realStamp : Self.ourStamp
    #expect(message.envelope.destinationStamp == (vector.name == "CONNREQ" ? 0 : known))
    #expect(!message.swapped)
  }

  @Test func connect() throws {
    let parameters = ConnectionParameters(
      queueDepth: 8, maximumFragments: 257, maximumMessageBytes: 4096)
    #expect(try Self.decode("CONNREQ").body == .connectRequest(parameters))
    #expect(try Self.decode("CONNACK").body == .connectAcknowledge(parameters))
    let padded = try Self.bytes("CONNACK") + [UInt8](repeating: 0, count: 196 - 56)
    #expect(try decodedMessage(padded).body == .connectAcknowledge(parameters))
  }

  @Test func reject() throws {
    let bytes = try Self.bytes("REJ")
    let reject = O2IBReject(
      reason: .queueDepth, incarnation: Self.realStamp,
      parameters: ConnectionParameters(queueDepth: 8))
    #expect(try decodedReject(bytes) == reject)
    let padded = bytes + [UInt8](repeating: 0, count: 148 - 24)
    #expect(try decodedReject(padded) == reject)
    var output = [UInt8](repeating: 0xA5, count: 24)
    #expect(output.withMutableRawSpan { reject.encode(into: &$0) } == 24)
    #expect(output == bytes)
  }

  @Test func ping() throws {
    let handle = WireHandle(interfaceCookie: Self.ourCookie, objectCookie: 0x1001)
    #expect(try Self.decode("IMMEDIATE GET").body == .immediate(followingBytes: 0))
    #expect(
      try Self.header("IMMEDIATE GET")
        == LNetHeader(
          destination: ProcessID(nid: Self.real, pid: 12345),
          source: ProcessID(nid: Self.us, pid: 12345), payloadLength: 0,
          body: .get(
            LNetGet(
              returnHandle: handle, matchBits: 0x8000_0000_0000_0000, portal: .reserved,
              sourceOffset: 0, sinkLength: 272))))
    #expect(try Self.decode("IMMEDIATE REPLY").envelope.credits == 1)
    let reply = try Self.header("IMMEDIATE REPLY")
    #expect(reply.payloadLength == 48)
    #expect(reply.body == .reply(LNetReply(destinationHandle: handle)))
    let bytes = try Self.bytes("IMMEDIATE REPLY")
    let info = try decodedPing(Array(bytes[120..<168]))
    #expect(info == PingInfo(nids: [Self.real], sequence: 1))
    #expect(info.features.rawValue == 0x1E)
    #expect(info.primaryNID == Self.real)
    #expect(info.sequence == 1)
  }

  @Test func push() throws {
    let handle = WireHandle(interfaceCookie: Self.realCookie, objectCookie: 0x2A1)
    let put = try Self.header("IMMEDIATE PUT")
    #expect(put.payloadLength == 48)
    #expect(
      put.body
        == .put(
          LNetPut(
            acknowledgeHandle: handle, matchBits: LNetLimits.pingMatchBits, headerData: 0,
            portal: .reserved, offset: 0)))
    #expect(
      try Self.header("IMMEDIATE ACK").body
        == .ack(
          LNetAck(
            destinationHandle: handle, matchBits: LNetLimits.pingMatchBits, depositedBytes: 48)))
  }

  @Test func bulkPut() throws {
    #expect(try Self.decode("PUT_REQ").body == .putRequest(O2IBPutRequest(cookie: 0x21)))
    let header = try Self.header("PUT_REQ")
    #expect(header.payloadLength == 0x2000)
    #expect(
      header.body
        == .put(
          LNetPut(
            acknowledgeHandle: WireHandle(
              interfaceCookie: Self.ourCookie, objectCookie: 0x1005),
            matchBits: 0x0006_5A00_0000_0040, portal: .ostBulk)))
    let bytes = try Self.bytes("PUT_ACK")
    guard case .putAcknowledge(let acknowledge) = try Self.decode("PUT_ACK").body else {
      Issue.record("no PUT_ACK")
      return
    }
    #expect(acknowledge.sourceCookie == 0x21)
    #expect(acknowledge.sinkCookie == 0x9C4)
    #expect(acknowledge.descriptor.remoteKey == 0x0018_1207)
    #expect(acknowledge.descriptor.fragmentCount == 1)
    #expect(
      try decodedFragments(bytes)
        == [RDMAFragment(byteCount: 8192, address: 0x0000_0001_2345_A000)])
    #expect(
      try Self.decode("PUT_DONE").body == .putDone(O2IBCompletion(cookie: 0x9C4, status: 8192)))
  }

  @Test func bulkGet() throws {
    let bytes = try Self.bytes("GET_REQ")
    let message = try Self.decode("GET_REQ")
    #expect(message.envelope.credits == 2)
    guard case .getRequest(let request) = message.body else {
      Issue.record("no GET_REQ")
      return
    }
    #expect(request.cookie == 0xA10)
    #expect(request.descriptor.remoteKey == 0x0018_130A)
    #expect(
      try decodedFragments(bytes)
        == [RDMAFragment(byteCount: 0x10_0000, address: 0x1_4000_0000)])
    #expect(
      try Self.header("GET_REQ").body
        == .get(
          LNetGet(
            returnHandle: WireHandle(
              interfaceCookie: Self.realCookie, objectCookie: 0x5F5E1),
            matchBits: 0x0006_5A00_0000_0040, portal: .ostBulk, sinkLength: 0x10_0000)))
    #expect(
      try Self.decode("GET_DONE").body
        == .getDone(O2IBCompletion(cookie: 0xA10, status: 1_048_576)))
  }

  @Test func noop() throws {
    let message = try Self.decode("NOOP")
    #expect(message.envelope.credits == 4)
    #expect(message.body == .noop)
  }

  static func headerBehindTCP(_ bytes: [UInt8]) throws(WireError) -> LNetHeader {
    let span = bytes.span
    return try LNetHeader(decoding: span.bytes, at: 24)
  }

  @Test func headersOfTheTCPExamples() throws {
    let put = try Self.bytes("TCP PUT")
    let header = try Self.headerBehindTCP(put)
    #expect(header.destination.nid == .tcp(0x0A14_0001))
    #expect(header.source.nid == .tcp(0x0A14_0005))
    #expect(header.payloadLength == 520)
    guard case .put(let body) = header.body else {
      Issue.record("no PUT")
      return
    }
    #expect(body.acknowledgeHandle.isNone)
    #expect(body.portal == .mgsRequest)
    #expect(body.matchBits == 0x0006_5A00_0000_0080)
    for name in ["TCP PUT", "TCP ACK"] {
      let bytes = try Self.bytes(name)
      var output = Array(bytes[0..<24]) + [UInt8](repeating: 0xA5, count: 72)
      let header = try Self.headerBehindTCP(bytes)
      #expect(output.withMutableRawSpan { header.encode(into: &$0, at: 24) } == 72)
      #expect(output == bytes)
    }
  }
}
