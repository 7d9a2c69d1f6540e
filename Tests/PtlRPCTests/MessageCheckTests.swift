// Property: what fails the checks of spec 10 §2.2 is dropped in silence and counted; nothing else is.
// Method: a table of messages sent by LNet alone; the server's counters and what it admitted are compared.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct MessageCheckTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var counter: KeyPath<RPCCounters, UInt64> & Sendable
    var bytes: [UInt8]
    var testDescription: String { name }
  }

  private static func ping(_ change: (inout RPCBody) -> Void = { _ in }) -> RPCBody {
    var body = RPCBody(request: .ping)
    body.timeout = 11
    change(&body)
    return body
  }

  private static func altered(_ offset: Int, _ value: UInt8) -> [UInt8] {
    var bytes = message(ping())
    bytes[offset] = value
    return bytes
  }

  static let dropped: [Row] = [
    Row(name: "rule 1: 11 bytes", counter: \.requestsMalformed, bytes: Array(sound[..<11])),
    Row(name: "rule 1: 31 bytes", counter: \.requestsMalformed, bytes: Array(sound[..<31])),
    Row(name: "rule 2: no magic", counter: \.requestsMalformed, bytes: altered(8, 0)),
    Row(name: "rule 2: magic of version 1", counter: \.requestsMalformed, bytes: altered(8, 0xD0)),
    Row(name: "rule 3: no buffers", counter: \.requestsMalformed, bytes: altered(0, 0)),
    Row(name: "rule 3: 33 buffers", counter: \.requestsMalformed, bytes: altered(0, 33)),
    Row(name: "rule 3: header cut off", counter: \.requestsMalformed, bytes: Array(sound[..<36])),
    Row(
      name: "rule 4: shorter than its buffers", counter: \.requestsMalformed,
      bytes: Array(sound[..<216])),
    Row(name: "rule 4: a buffer of 16 MiB", counter: \.requestsMalformed, bytes: altered(35, 1)),
    Row(name: "rule 5: a body of 144 bytes", counter: \.requestsMalformed, bytes: altered(32, 144)),
    Row(name: "rule 6: version 2", counter: \.requestsMalformed, bytes: altered(52, 2)),
    Row(
      name: "rule 7: a reply", counter: \.requestsMalformed,
      bytes: message(RPCBody(.reply, to: .ping))),
    Row(
      name: "rule 7: an unknown type", counter: \.requestsMalformed, bytes: altered(48, 0x70)),
    Row(
      name: "§7: another flavour", counter: \.requestsSecured,
      bytes: message(ping(), flavor: SecurityFlavor(rawValue: 0x1))),
    Row(
      name: "§10, 4: a client that does not wait", counter: \.requestsWithoutTimeout,
      bytes: message(ping { $0.timeout = 0 })),
  ]
  private static let sound = message(ping())

  static let admitted: [Row] = [
    Row(name: "a ping", counter: \.repliesSent, bytes: sound),
    Row(name: "trailing bytes", counter: \.repliesSent, bytes: sound + [1, 2, 3]),
    Row(name: "a body of version 2", counter: \.repliesSent, bytes: altered(32, 152)),
    Row(
      name: "unknown flags", counter: \.repliesSent,
      bytes: message(ping { $0.flags = RPCFlags(rawValue: 0x39) })),
    Row(
      name: "the sender's part in the flavour", counter: \.repliesSent,
      bytes: message(ping(), flavor: .null(.mgc))),
  ]

  private func send(_ row: Row) throws -> (RPCCounters, TestServer, [String]) {
    let world = World()
    let server = TestServer()
    try world.addBare(server)
    try world.addBare(TestClient())
    try world.use(1) { core in
      try core.sendRaw(row.bytes, to: 0, portal: .mgsRequest, matchBits: 0x8000)
    }
    world.run(1)
    let counters = world.use(0) { $0.rpc.counters }
    return (counters, server, world.leaks())
  }

  @Test(arguments: dropped)
  func isDropped(_ row: Row) throws {
    let (counters, server, leaks) = try send(row)
    #expect(counters[keyPath: row.counter] == 1)
    #expect(counters.requestsReceived == 1)
    #expect(counters.repliesSent == 0)
    #expect(server.executed == [])
    #expect(leaks == [])
  }

  @Test(arguments: admitted)
  func isAdmitted(_ row: Row) throws {
    let (counters, server, leaks) = try send(row)
    #expect(counters[keyPath: row.counter] == 1)
    #expect(counters.requestsMalformed == 0)
    #expect(server.executed == [0x8000])
    #expect(leaks == [])
  }

  @Test func anEmptyMessageIsDropped() throws {
    let world = World()
    try world.addBare(TestServer())
    try world.addBare(TestClient())
    try world.use(1) { core in
      try core.sendRaw([], to: 0, portal: .mgsRequest, matchBits: 0x8000)
    }
    world.run(1)
    #expect(world.use(0) { $0.rpc.counters.requestsMalformed } == 1)
  }
}
