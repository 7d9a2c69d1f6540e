// Property: every call that waits for a peer ends when its task is cancelled; a start that is cancelled leaves nothing.
// Method: a peer that has an address and never answers, deadlines of an hour.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite struct CancellationTests {
  /// What waits for a peer.
  enum Operation: CaseIterable {
    case ping, discover, put, get, connect

    func run(on node: Node, towards peer: NID) async throws {
      let long = Duration.seconds(3600)
      let target = TransferTarget(nid: peer, portal: Portal(rawValue: 40), matchBits: 1)
      switch self {
      case .ping: _ = try await node.ping(peer, timeout: long)
      case .discover: _ = try await node.discover(peer, timeout: long)
      case .put:
        let done = await node.put(
          try await node.allocate(byteCount: 4096), to: target, timeout: long)
        _ = try done.result.get()
      case .get:
        let done = await node.get(
          into: try await node.allocate(byteCount: 4096), from: target, timeout: long)
        _ = try done.result.get()
      case .connect:
        _ = try await node.connect(
          to: try #require(ObdUUID("lfs-OST0000_UUID")), at: [peer], timeout: long)
      }
    }
  }

  private static let nid = NID.o2ib(10 << 24 | 1)
  private static let silent = NID.o2ib(10 << 24 | 2)

  private static func start(on fabric: String) async throws -> Node {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(imports: 4, timing: .fast)
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  @Test(arguments: Operation.allCases, [false, true])
  func aCallEndsWithItsTask(operation: Operation, isUnderWay: Bool) async throws {
    let fabric = "cancel-\(UInt64.random(in: 0 ... .max))"
    // Nobody polls it.
    let peer = try EmulatedTransport.open(fabric: fabric, addresses: [Self.silent.address])
    let node = try await Self.start(on: fabric)
    let call = Task { try await operation.run(on: node, towards: Self.silent) }
    if isUnderWay { while try await node.state().peers.isEmpty { await Task.yield() } }
    call.cancel()
    await #expect {
      try await call.value
    } throws: {
      ($0 as? NodeError)?.code == .cancelled
    }
    await node.stop()
    #expect(node.unreturnedBufferCount == 0)
    #expect(peer.deviceName.isEmpty)
  }

  @Test func aCancelledStartLeavesNothing() async throws {
    let fabric = "cancel-\(UInt64.random(in: 0 ... .max))"
    let start = Task { try await Self.start(on: fabric) }
    start.cancel()
    await #expect {
      _ = try await start.value
    } throws: {
      ($0 as? NodeError)?.code == .cancelled
    }
    // The address is free again.
    let node = try await Self.start(on: fabric)
    await node.stop()
  }

  @Test(arguments: [4097, -1])
  func moreThanTheBufferHasIsRefused(count: Int) async throws {
    let node = try await Self.start(on: "cancel-\(UInt64.random(in: 0 ... .max))")
    let target = TransferTarget(nid: Self.silent, portal: Portal(rawValue: 40), matchBits: 1)
    let put = await node.put(
      try await node.allocate(byteCount: 4096), byteCount: count, to: target)
    #expect(throws: NodeError.self) { try put.result.get() }
    let get = await node.get(into: put.takeBuffer(), byteCount: count, from: target)
    guard case .failure(let error) = get.result else { return #expect(Bool(false)) }
    #expect(error.code == .configuration && error.errno == 22)
    #expect(error.explanation.contains("\(count) bytes of a buffer of 4096"))
    drop(get)
    await node.stop()
  }

  private func drop(_ transfer: consuming Transfer) {}
}
