// Property: many nodes can share one server and leave again, and a fabric that nobody uses leaves nothing behind.
// Method: hundreds of nodes of this process connect to one, send, and go; descriptors and directories are counted.
import EmulatedTransport
import Foundation
import Glibc
import RDMATransport
import Testing

private func openDescriptors() -> Int {
  (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? -1
}

/// Clients for which there are descriptors: 200, or fewer where the hard limit (`ulimit -Hn`) is low; others of this
/// process need some, too.
private func affordableClients() throws -> Int {
  // The first node raises the soft limit to the hard one.
  _ = try Endpoint(uniqueFabric(), 1)
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 200 }
  return min(200, (Int(clamping: limit.rlim_cur) - openDescriptors()) / 14)
}

@Suite(.serialized) struct CrowdTests {
  @Test func manyClientsOfOneServer() throws {
    let count = try affordableClients()
    try #require(count >= 10, "too few descriptors to test anything: see ulimit -n")
    let attributes = QueuePairAttributes(sendCapacity: 4, receiveCapacity: 4)
    let fabric = uniqueFabric()
    let server = try Endpoint(fabric, 1)
    server.execute(.listen(owner: 1, address: server.at(987), backlog: 0))
    var clients: [Endpoint] = []
    let before = openDescriptors()
    for index in 0..<count {
      let client = try Endpoint(
        fabric, 2 + UInt32(index), limits: FabricLimits(memoryByteCountMax: 1 << 20))
      client.execute(
        .prepare(
          owner: 1, route: ConnectRoute(source: client.at(0), destination: server.at(987)),
          attributes: attributes))
      clients.append(client)
    }
    var ready = 0
    var established = 0
    var next: CMOwner = 10
    for _ in 0..<200_000 where established < 2 * count {
      server.turn()
      for event in server.events {
        switch event.kind {
        case .connectRequest(let handle, _, _):
          server.execute(.prepareReply(owner: next, request: handle, attributes: attributes))
          next += 1
        case .ready(let queuePair, _):
          server.receive(queuePair, 0, id: UInt64(queuePair.handle.slot))
          server.execute(
            .accept(
              owner: event.owner, parameters: ConnectionParameters(privateData: PrivateData())))
        case .established: established += 1
        default: break
        }
      }
      server.events.removeAll()
      for client in clients {
        client.turn()
        for event in client.events {
          switch event.kind {
          case .ready(let queuePair, _):
            ready += 1
            client.execute(
              .connect(owner: 1, parameters: ConnectionParameters(privateData: PrivateData())))
            client.fill(0, [UInt8(queuePair.handle.slot)])
          case .established:
            established += 1
            client.send(QueuePairHandle(handle: .init(raw: 0)), 0, id: 1, length: 1)
          default: break
          }
        }
        client.events.removeAll()
      }
    }
    #expect(ready == count && established == 2 * count)
    settle(server) { server.completions.count == count }
    #expect(server.completions.allSatisfy { $0.status == .success })
    // 4 for a node, one for each end of its link, and its doorbell at the server; the server's is the same for all.
    #expect(openDescriptors() - before <= 7 * count + 16)
    clients.removeAll()
    var ends = 0
    settle(server) {
      ends += server.events.filter { isDisconnected($0.kind) }.count
      server.events.removeAll()
      return ends == count
    }
    #expect(ends == count)
  }

  /// What the nodes of a process share of a peer stays as long as one of them has a link to it.
  @Test func aPeerOutlivesOneOfItsLinks() throws {
    let fabric = uniqueFabric()
    let server = try Endpoint(fabric, 1)
    let route = { (client: Endpoint) in
      ConnectRoute(source: client.at(0), destination: server.at(987))
    }
    let attributes = QueuePairAttributes(sendCapacity: 1, receiveCapacity: 1)
    var first: Endpoint? = try Endpoint(fabric, 2)
    let second = try Endpoint(fabric, 3)
    for client in [try #require(first), second] {
      client.execute(.prepare(owner: 1, route: route(client), attributes: attributes))
      settle(server, client) { client.take(1, where: isReady) != nil }
    }
    first = nil
    for _ in 0..<200 { server.turn() }
    while !server.transport.arm() { server.turn() }
    #expect(!isReadable(server.transport.wakeDescriptor))
    // It maps the server's memory, and rings.
    second.execute(
      .connect(owner: 1, parameters: ConnectionParameters(privateData: PrivateData())))
    #expect(isReadable(server.transport.wakeDescriptor))
    settle(server, second) { second.take(1, where: isFailed) != nil }
  }

  @Test func theLastNodeTakesTheDirectoryAlong() throws {
    let fabric = uniqueFabric()
    let runtime = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"].map { $0 + "/verbena" }
    let parents = [runtime, "/dev/shm/verbena-\(getuid())", "/tmp/verbena-\(getuid())"]
    let paths = parents.compactMap { $0.map { $0 + "/fabric-" + fabric } }
    func exists() -> Bool { paths.contains { FileManager.default.fileExists(atPath: $0) } }
    var first: Endpoint? = try Endpoint(fabric, 1)
    var second: Endpoint? = try Endpoint(fabric, 2)
    #expect(exists() && first != nil && second != nil)
    first = nil
    #expect(exists())
    second = nil
    #expect(!exists())
    _ = try Endpoint(fabric, 1)
  }
}
