// A mount of ours against the answers of a real server: it reads the captured configuration, connects every target that
// it names, is granted what a real client was granted, asks in a real client's order, and leaves.
// Method: a node at the captured server's NID that answers each request with the reply of capture 03, whatever else
// that server may know.
import Connections
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Simulation
import Testing

/// Answers as the captured server did.
private final class CapturedServer: Program {
  /// What was asked, in order, each with the lengths of its buffers.
  private(set) var asked: [(opcode: Opcode, lengths: [Int])] = []
  /// Requests for which the capture has no answer.
  private(set) var unknown: [String] = []
  private var bulk = BufferRef.none
  private var lockNumber: UInt64 = 0xB064_E37E_5E48_3000

  static func limits() -> SimulatedNode.Limits {
    World.limits { $0.connections = .none }
  }

  override func started(_ core: inout NodeCore) {
    let object = ServiceDescription.ost.filter { $0.requestPortal != .out }
    for service in [.mgs] + ServiceDescription.mds + object + [.lockCancel] {
      do {
        _ = try core.rpc.startService(service, lnet: &core.lnet, turn: &core.turn)
      } catch { Issue.record("a service does not start: \(error)") }
    }
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    let handle = event.serverRequest
    switch event.kind {
    case .arrived:
      _ = core.rpc.admit(handle, export: nil, turn: &core.turn)
    case .ready: answer(handle, &core)
    case .transferred:
      #expect(event.status == 0)
      core.turn.memory.bulk.release(bulk)
      send(reply(100), to: handle, &core)
    case .acknowledged, .replied, .failed, .timedOut, .released: break
    }
  }

  private func answer(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    let (opcode, buffers) = question(handle, &core)
    asked.append((opcode, buffers.map(\.count)))
    switch opcode {
    case .mgsConfigRead: sendTable(handle, &core)
    case .ldlmEnqueue: send(lock(buffers), to: handle, &core)
    case .logOpen: send(log(buffers), to: handle, &core)
    case .logReadHeader:
      let isParameters = buffers[0].first == 2
      let header = isParameters ? reply(124, in: "captured-config.txt") : reply(50)
      send(header, to: handle, &core)
    default:
      if let frame = Self.frames[opcode] { return send(reply(frame), to: handle, &core) }
      unknown.append("\(opcode)")
      core.rpc.refuse(handle, .eopnotsupp, turn: &core.turn)
    }
  }

  /// Replies that are the same for everybody who asks.
  private static let frames: [Opcode: Int] = [
    .mgsConnect: 18, .mdsConnect: 130, .ostConnect: 150, .logNextBlock: 68, .mdsStatfs: 135,
    .mdsGetRoot: 142, .mdsGetAttributes: 148, .ldlmCancel: 1232, .ostDisconnect: 2326,
    .mdsDisconnect: 2330, .mgsDisconnect: 2334,
  ]

  private func question(
    _ handle: ServerRequestHandle, _ core: inout NodeCore
  ) -> (Opcode, [[UInt8]]) {
    let received = core.rpc.received(handle)
    let bytes = core.turn.memory.bytes(received.bytes)
    var buffers: [[UInt8]] = []
    for index in 1..<max(received.message.bufferCount, 1) {
      guard let range = received.message.range(of: index, in: bytes) else { continue }
      buffers.append(range.map { bytes.byte(at: $0) })
    }
    return (received.body.opcode, buffers)
  }

  private func reply(_ frame: Int, in file: String = "captured-rpcs.txt") -> [UInt8] {
    GoldenFile.vector(endingWith: "03-mount-io-umount-o2ib.pcap frame \(frame)", in: file)
  }

  /// The captured lock, on the resource that was asked for.
  private func lock(_ buffers: [[UInt8]]) -> [UInt8] {
    var bytes = reply(22)
    let asked = buffers[0]
    let request = LockRequest(at: 0, in: asked.rawBytes, swapped: false)
    guard let message = try? RPCMessage(decoding: bytes.rawBytes),
      let range = message.range(of: 1, in: bytes.rawBytes)
    else { return bytes }
    var lock = LockReply(at: range.lowerBound, in: bytes.rawBytes, swapped: false)
    lock.descriptor.resource = request.descriptor.resource
    lockNumber += 1
    lock.handle = Cookie(rawValue: lockNumber)
    bytes.withMutableRawSpan { lock.encode(into: &$0, at: range.lowerBound) }
    return bytes
  }

  private func log(_ buffers: [[UInt8]]) -> [UInt8] {
    let name = String(decoding: buffers[1].dropLast(), as: UTF8.self)
    switch name {
    case "lustre-client": return reply(34)
    case "params": return reply(108, in: "captured-config.txt")
    // Security rules: there are none.
    case "lustre-sptlrpc": return reply(26)
    default:
      unknown.append("log \(name)")
      return reply(26)
    }
  }

  private func sendTable(_ handle: ServerRequestHandle, _ core: inout NodeCore) {
    let table = reply(96, in: "captured-config.txt")
    guard let memory = core.turn.memory.bulk.allocateRun(byteCount: table.count) else {
      Issue.record("no bulk memory")
      return
    }
    bulk = memory.part(offset: 0, length: table.count)
    var bytes = core.turn.memory.mutableBytes(bulk)
    for (offset, byte) in table.enumerated() { bytes.storeNative(byte, at: offset) }
    do {
      try core.rpc.transfer(
        handle, TransferDescription(.put, portal: .mgsBulk, memory: bulk), turn: &core.turn)
    } catch { Issue.record("the table cannot be sent: \(error)") }
  }

  private func send(_ captured: [UInt8], to handle: ServerRequestHandle, _ core: inout NodeCore) {
    do {
      let message = try RPCMessage(decoding: captured.rawBytes)
      let body = try RPCBody(message, in: captured.rawBytes)
      var lengths = BufferLengths()
      var contents: [ArraySlice<UInt8>] = []
      for index in 1..<max(message.bufferCount, 1) {
        let content = message.range(of: index, in: captured.rawBytes).map { captured[$0] } ?? []
        lengths.append(content.count)
        contents.append(content)
      }
      var bytes = core.turn.memory.mutableBytes(
        try core.rpc.beginReply(handle, buffers: lengths, turn: &core.turn))
      for (index, content) in contents.enumerated() {
        for (offset, byte) in content.enumerated() {
          bytes.storeNative(byte, at: lengths.offset(of: index + 1) + offset)
        }
      }
      var fields = ReplyFields(status: body.status)
      fields.handle = body.opcode.isConnect ? body.handle : .none
      fields.connectFlags = body.connectFlags
      fields.flags = body.flags
      fields.transno = body.transno
      fields.lastCommitted = body.lastCommitted
      core.rpc.reply(handle, fields, turn: &core.turn)
    } catch { Issue.record("a captured reply cannot be sent: \(error)") }
  }
}

@Suite struct CapturedServerTests {
  private static let address = NID.o2ib(0xC0A8_320A)
  /// What the real client asked, by the frames of its requests or of one with the same shape. Ours sends OST_CONNECT
  /// (146) and MDS_GETATTR (144) at the same time as well, the other first.
  private static let captured = [
    16, 20, 24, 20, 32, 36, 54, 54, 20, 94, 20, 106, 36, 128, 132, 132, 140, 146, 144, 2322, 2328,
    2332,
  ]

  private static func question(_ frame: Int) throws -> (opcode: Opcode, lengths: [Int]) {
    let bytes = GoldenFile.vector(
      endingWith: "03-mount-io-umount-o2ib.pcap frame \(frame)", in: "captured-rpcs.txt")
    let message = try RPCMessage(decoding: bytes.rawBytes)
    let body = try RPCBody(message, in: bytes.rawBytes)
    let lengths = (1..<max(message.bufferCount, 1)).map {
      message.range(of: $0, in: bytes.rawBytes)?.count ?? 0
    }
    return (body.opcode, lengths)
  }

  @Test func theCapturedServerIsMounted() throws {
    let world = World()
    let server = CapturedServer()
    let client = RoleNode()
    try world.add(server, at: Self.address, limits: CapturedServer.limits())
    try world.add(client, at: .o2ib(0xC0A8_320B))
    let mount = client.use { core in
      client.roles.mount("lustre", management: [[Self.address]], &core)
    }
    #expect(mount == 0)
    world.run(60) { client.roles.mounts[0].state == .mounted }
    let missing = client.use { client.roles.explanation(ofMount: 0, $0) }
    try #require(client.roles.mounts[0].state == .mounted, "\(missing)")
    #expect(server.unknown == [])
    #expect(client.roles.mounts[0].importCount == 2)

    // What is granted is what the replies say.
    for (place, frame) in [130, 150].enumerated() {
      let reply = GoldenFile.vector(
        endingWith: "03-mount-io-umount-o2ib.pcap frame \(frame)", in: "captured-rpcs.txt")
      let message = try RPCMessage(decoding: reply.rawBytes)
      let content = message.range(of: 1, in: reply.rawBytes)
      let range = try #require(content)
      let granted = ConnectData(at: range.lowerBound, in: reply.rawBytes, swapped: false)
      let handle = client.roles.mounts[0].importHandle(at: place)
      let view = client.use { $0.connections.view(handle) }
      #expect(view?.granted == granted, "frame \(frame)")
      #expect(view?.state == .full)
    }
    #expect(client.roles.mounts[0].root?.mode == 0o40755)

    client.use { core in client.roles.unmount(0, &core) }
    world.run(60) {
      client.roles.mounts[0].state == .unmounted
        && client.use { $0.connections.importCount } == 0
    }
    #expect(client.roles.mounts[0].state == .unmounted)
    #expect(server.unknown == [])
    #expect(world.leaks() == [])
    // The four configuration locks are given back, and their number is all that real clients differ in.
    let asked = server.asked.filter { $0.opcode != .ldlmCancel }
    #expect(server.asked.count - asked.count == 4)
    try #require(asked.count == Self.captured.count)
    for (one, frame) in zip(asked, Self.captured) {
      let request = try Self.question(frame)
      #expect(one.opcode == request.opcode, "frame \(frame)")
      #expect(one.lengths == request.lengths, "frame \(frame)")
    }
  }
}
