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
    configuration.fabric = fabric
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  /// Asks as a command does, from a thread that may block: the pool's few threads must not.
  private func ask(_ name: NodeName, _ words: [String]) async throws -> ControlReply {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try ControlClient.ask(
              name, ControlRequest(words: words), timeoutMilliseconds: 300_000)
          })
      }
    }
  }

  @Test func requestsAreAnsweredAndTheNIDIsGuarded() async throws {
    let fabric = "control-\(UInt64.random(in: 0 ... .max))"
    let number = UInt16.random(in: 1000...9999)
    let a = try await start("10.1.0.1@o2ib\(number)", fabric)
    let b = try await start("10.1.0.2@o2ib\(number)", fabric)
    let name = NodeName(a.nids[0], fabric: fabric)
    #expect(ControlClient.isServed(name))
    #expect(!ControlClient.isServed(NodeName(a.nids[0])))
    #expect(!ControlClient.isServed(NodeName(a.nids[0], fabric: fabric + "2")))

    let ping = try await ask(name, ["ping", "\(b.nids[0])", "60000"])
    guard case .text(let text) = ping else {
      Issue.record("\(ping)")
      return
    }
    #expect(PingReply(encoded: text)?.nids == b.nids)

    let discovery = try await ask(name, ["discover", "\(b.nids[0])", "60000"])
    if case .text(let text) = discovery {
      #expect(PeerDescription(encoded: text)?.primaryNID == b.nids[0])
    } else {
      Issue.record("\(discovery)")
    }

    for words in [["ping"], ["ping", "nonsense", "1"], ["dance"], []] {
      let reply = try await ask(name, words)
      guard case .failure(let code, _) = reply else {
        Issue.record("\(words): \(reply)")
        continue
      }
      #expect(code == "configuration")
    }

    let table = try await ask(name, ["import", "show"])
    if case .failure(_, let text) = table {
      #expect(text.contains("no targets and no imports"))
    } else {
      Issue.record("\(table)")
    }

    await #expect(throws: NodeError.self) { try await self.start("\(a.nids[0])", fabric) }
    // The same address of another fabric is another node's.
    let c = try await start("\(a.nids[0])", fabric + "2")
    await c.stop()
    #expect(ControlClient.isServed(name))
    await a.stop()
    #expect(!ControlClient.isServed(name))
    await b.stop()
  }

  @Test func namesOfSocketsAreRead() throws {
    let nid = try #require(NID("10.1.0.1@o2ib3"))
    for fabric in [nil, "demo", "a-b_c.1"] {
      let name = NodeName(nid, fabric: fabric, directory: "/run/x")
      let file = String(name.socketPath.dropFirst("/run/x/".count))
      #expect(NodeName(fileName: file, directory: "/run/x") == name)
    }
    for other in ["10.1.0.1@o2ib3.lock", "fabric-demo", "x.sock", "+demo.sock", ".sock"] {
      #expect(NodeName(fileName: other, directory: "/run/x") == nil)
    }
  }

  /// A caller that says nothing keeps nobody else waiting, however long it is borne with.
  @Test func silentCallersHoldNobodyUp() async throws {
    let nid = try #require(NID("10.1.0.9@o2ib\(UInt16.random(in: 10_000 ... .max))"))
    try RuntimeDirectory.prepare()
    let name = NodeName(nid)
    let socket = try ControlSocket(name, patienceMilliseconds: 3_600_000) { request in
      .text(request.words.joined(separator: "-"))
    }
    defer { socket.close() }
    let silent = (0..<3).map { _ in Self.connect(name.socketPath) }
    defer { for one in silent { Foundation.close(one) } }
    #expect(silent.allSatisfy { $0 >= 0 })
    #expect(try await ask(name, ["who", "there"]) == .text("who-there"))
  }

  private static func connect(_ path: String) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, length)
      }
    }
    return result == 0 ? descriptor : -1
  }
}
