// Commands reach a running node by its control socket; a NID belongs to one process.
// Method: two nodes with control sockets, asked as a command would ask; a third one for a taken NID.
import EmulatedTransport
import Foundation
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
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  /// Asks as a command does, from a thread that may block: the pool's few threads must not.
  private func ask(_ nid: NID, _ words: [String]) async throws -> ControlReply {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try ControlClient.ask(
              nid, ControlRequest(words: words), timeoutMilliseconds: 300_000)
          })
      }
    }
  }

  @Test func requestsAreAnsweredAndTheNIDIsGuarded() async throws {
    let fabric = "control-\(UInt64.random(in: 0 ... .max))"
    let number = UInt16.random(in: 1000...9999)
    let a = try await start("10.1.0.1@o2ib\(number)", fabric)
    let b = try await start("10.1.0.2@o2ib\(number)", fabric)
    #expect(ControlClient.isServed(a.nids[0]))

    let ping = try await ask(a.nids[0], ["ping", "\(b.nids[0])", "60000"])
    guard case .text(let text) = ping else {
      Issue.record("\(ping)")
      return
    }
    #expect(PingReply(encoded: text)?.nids == b.nids)

    let discovery = try await ask(a.nids[0], ["discover", "\(b.nids[0])", "60000"])
    if case .text(let text) = discovery {
      #expect(PeerDescription(encoded: text)?.primaryNID == b.nids[0])
    } else {
      Issue.record("\(discovery)")
    }

    for words in [["ping"], ["ping", "nonsense", "1"], ["dance"], []] {
      let reply = try await ask(a.nids[0], words)
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
