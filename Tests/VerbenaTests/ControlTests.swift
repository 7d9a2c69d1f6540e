// Commands reach a running node by its control socket; a NID belongs to one process.
// Method: two nodes with control sockets, asked as a command would ask; a third one for a taken NID.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite(.serialized) struct ControlTests {
  private func start(_ text: String, _ fabric: String) async throws -> Node {
    let nid = try #require(NID(text))
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.driverLimits.connections = 8
    configuration.isControllable = true
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, address: nid.address)
    }
  }

  @Test func requestsAreAnsweredAndTheNIDIsGuarded() async throws {
    let fabric = "control-\(UInt64.random(in: 0 ... .max))"
    let number = UInt16.random(in: 1000...9999)
    let a = try await start("10.1.0.1@o2ib\(number)", fabric)
    let b = try await start("10.1.0.2@o2ib\(number)", fabric)
    #expect(ControlClient.isServed(a.nids[0]))

    let ping = try ControlClient.ask(
      a.nids[0], ControlRequest(words: ["ping", "\(b.nids[0])", "5000"]),
      timeoutMilliseconds: 10_000)
    guard case .text(let text) = ping else {
      Issue.record("\(ping)")
      return
    }
    #expect(PingReply(encoded: text)?.nids == b.nids)

    let discovery = try ControlClient.ask(
      a.nids[0], ControlRequest(words: ["discover", "\(b.nids[0])", "5000"]),
      timeoutMilliseconds: 10_000)
    if case .text(let text) = discovery {
      #expect(PeerDescription(encoded: text)?.primaryNID == b.nids[0])
    } else {
      Issue.record("\(discovery)")
    }

    for words in [["ping"], ["ping", "nonsense", "1"], ["dance"], []] {
      let reply = try ControlClient.ask(
        a.nids[0], ControlRequest(words: words), timeoutMilliseconds: 10_000)
      guard case .failure(let code, _) = reply else {
        Issue.record("\(words): \(reply)")
        continue
      }
      #expect(code == "configuration")
    }

    await #expect(throws: NodeError.self) { try await self.start("\(a.nids[0])", fabric) }
    await a.stop()
    #expect(!ControlClient.isServed(a.nids[0]))
    await b.stop()
  }
}
