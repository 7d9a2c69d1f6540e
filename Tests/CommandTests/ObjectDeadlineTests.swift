// Property: `object put`, `get` and `rm` end when the target does not answer for the time that --deadline says: with
// status 75, and by the object's name.
// Method: the built command, against a target of this process whose handlers keep one request each for ever.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing
import Verbena

@Suite struct ObjectDeadlineTests {
  private let fabric = "silent-\(UInt64.random(in: 0 ... .max))"
  private static let nid = NID.o2ib(10 << 24 | 1)

  /// A target that does not answer what moves data, and removes nothing.
  private static func target() throws -> ServedTarget {
    var target = try ServedTarget("lfs-OST0000")
    target.timeout = .seconds(3600)
    target.handle(.ostCreate) { (_: ObjectAttributes, _) in
      var made = ObjectAttributes()
      made.object = .echo(7)
      return made
    }
    target.handle(.ostGetAttributes) { (wish: ObjectAttributes, _) in
      var found = wish
      found.size = 300_000
      found.valid.insert(.size)
      return found
    }
    for opcode in [Opcode.ostWrite, .ostRead, .ostDestroy] {
      target.handle(opcode) { _ in
        try await Task.sleep(for: .seconds(3600))
        return TargetReply()
      }
    }
    return target
  }

  private func server() async throws -> Node {
    var configuration = NodeConfiguration(nids: [Self.nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(imports: 4, clients: 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration, targets: [Self.target()]) {
      () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [Self.nid.address])
    }
  }

  private func object(
    _ verb: String, from address: String, _ arguments: String...
  ) async throws -> CommandResult {
    try await Command.run(
      ["object", verb, "--fabric", fabric, "--bind", address, "--deadline", "4s"]
        + ["\(Self.nid)", "lfs-OST0000"] + arguments)
  }

  @Test func aSilentTargetIsGivenUp() async throws {
    let server = try await server()
    async let putting = object("put", from: "10.0.0.7", Command.path)
    async let getting = object("get", from: "10.0.0.8", "0x2:0x8", "/dev/null")
    async let removing = object("rm", from: "10.0.0.9", "0x2:0x9", "0x2:0xa")
    let (put, get, removed) = (try await putting, try await getting, try await removing)
    #expect(put.status == 75, "\(put.error)")
    #expect(put.error.contains("object write: 0x2:0x7: no answer for 4.0 seconds at 0 of "))
    #expect(put.error.contains("0x2:0x7 is left over: "))
    #expect(get.status == 75, "\(get.error)")
    #expect(get.error.contains("object read: 0x2:0x8: no answer for 4.0 seconds at 0 of 300000"))
    #expect(removed.status == 75, "\(removed.error)")
    #expect(removed.error.contains("object destroy: 0x2:0x9: no answer in time (ETIMEDOUT)"))
    #expect(!removed.error.contains("0x2:0xa"))
    await server.stop()
  }
}
