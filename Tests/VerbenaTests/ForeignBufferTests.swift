// Property: a call that is given another node's memory refuses it by name and gives it back: nothing of either node is
// read or written.
// Method: two nodes on the emulated fabric, one with an object target; the memory of one is given to the other.
import EmulatedTransport
import LNet
import LustreWire
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct ForeignBufferTests {
  private let fabric = "foreign-\(UInt64.random(in: 0 ... .max))"

  private func start(_ nid: NID, _ targets: [ServedTarget] = []) async throws -> Node {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(imports: 4, clients: targets.isEmpty ? 0 : 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  private func isRefusal(_ error: any Error, _ operation: String) -> Bool {
    guard let error = error as? NodeError else { return false }
    return error.code == .configuration && error.errno == 22 && error.operation == operation
      && error.explanation.contains("another node's (EINVAL)")
  }

  @Test func transfersRefuseIt() async throws {
    let (a, b) = (try await start(.o2ib(10 << 24 | 1)), try await start(.o2ib(10 << 24 | 2)))
    let portal = Portal(rawValue: 40)
    let target = TransferTarget(nid: b.nids[0], portal: portal, matchBits: 7)
    let exposure = try await b.expose(
      try await b.allocate(byteCount: 64), portal: portal, matchBits: 7)
    let put = await a.put(try await b.allocate(byteCount: 64), to: target)
    #expect { try put.result.get() } throws: { isRefusal($0, "put") }
    let get = await a.get(into: put.takeBuffer(), from: target)
    #expect { try get.result.get() } throws: { isRefusal($0, "get") }
    var buffer = get.takeBuffer()
    buffer.store([1, 2, 3])
    #expect(buffer.prefix(3) == [1, 2, 3])
    // Nobody has it any more then: it goes back to its own node.
    do {
      _ = try await a.expose(buffer, portal: portal, matchBits: 7)
      Issue.record("memory of another node was exposed")
    } catch { #expect(isRefusal(error, "expose")) }
    _ = await exposure.withdraw()
    await a.stop()
    await b.stop()
  }

  @Test func objectsRefuseIt() async throws {
    let server = try await start(.o2ib(10 << 24 | 1), [try ServedTarget("own-OST0000")])
    let client = try await start(.o2ib(10 << 24 | 2))
    let uuid = try #require(ObdUUID("own-OST0000_UUID"))
    let connection = try await client.connect(to: uuid, at: server.nids, role: .osc)
    let target = try connection.objects()
    let written = await target.write(try await server.allocate(byteCount: 4096), to: .echo(1))
    #expect { try written.result.get() } throws: { isRefusal($0, "object write") }
    let read = await target.read(into: written.takeBuffer(), from: .echo(1))
    #expect { try read.result.get() } throws: { isRefusal($0, "object read") }
    let lustre = LustreNode(node: client, desk: try #require(client.desk))
    let outcome = await lustre.object(
      ObjectWish(.write, .echo(1)), read.takeBuffer(), on: connection)
    #expect { try outcome.result.get() } throws: { isRefusal($0, "object write") }
    _ = outcome.takeBuffer()
    await client.stop()
    await server.stop()
  }
}
