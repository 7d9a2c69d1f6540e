// A peer that makes each byte of its messages: it speaks LNet itself, and keeps what is answered.
import Connections
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Simulation
import Structures
import Testing

/// What a raw peer was answered.
struct RawAnswer: Equatable {
  var status: Int32
  var type: RPCType?
  var handle: Cookie
  /// Of a CONNECT.
  var granted: ConnectData?
}

final class RawPeer: Program {
  private(set) var answers: [UInt64: RawAnswer] = [:]
  private var nextXID: UInt64 = 1 << 40
  private var sinks: [UInt64: BufferRef] = [:]
  private var sending: [UInt64: BufferRef] = [:]

  override func started(_ core: inout NodeCore) {
    for (number, portal) in [Portal.mgcReply, .mdcReply, .oscReply, .ldlmCancelReply].enumerated() {
      guard let memory = core.turn.memory.bulk.allocateRun(byteCount: 16_384) else {
        preconditionFailure("no memory for replies")
      }
      let tag = 100 + UInt64(number)
      sinks[tag] = memory
      do {
        _ = try core.lnet.expose(
          MatchEntry(portal: portal, matchBits: 0, ignoreBits: .max),
          MemoryDescriptor(memory: memory, options: [.put, .remoteOffset, .truncate], tag: tag),
          turn: &core.turn)
      } catch { preconditionFailure("no place for replies: \(error)") }
    }
  }

  /// Sends to node 0; the answer comes under the number that is returned.
  func send(_ message: FuzzedMessage) -> UInt64 { send(message.bytes, message.portal) }

  /// - Parameter repeated: the number of an earlier one, to send it again or another one in its place.
  func send(_ bytes: [UInt8], _ portal: Portal, as repeated: UInt64? = nil) -> UInt64 {
    if repeated == nil { nextXID += 128 }
    let xid = repeated ?? nextXID
    answers[xid] = nil
    use { core in
      guard let memory = core.turn.memory.bulk.allocateRun(byteCount: bytes.count) else {
        preconditionFailure("no memory for a request")
      }
      var span = core.turn.memory.mutableBytes(memory)
      for (index, byte) in bytes.enumerated() { span.storeNative(byte, at: index) }
      do {
        let descriptor = try core.lnet.bind(
          MemoryDescriptor(
            memory: memory.part(offset: 0, length: bytes.count), threshold: 1, tag: xid))
        sending[xid] = memory
        try core.lnet.put(
          PutRequest(
            descriptor: descriptor, target: ProcessID(nid: World.nid(0)), portal: portal,
            matchBits: xid), turn: &core.turn)
      } catch { preconditionFailure("a request is not sent: \(error)") }
    }
    return xid
  }

  override func received(_ event: LNetEvent, _ core: inout NodeCore) {
    if event.isUnlinked, let memory = sending.removeValue(forKey: event.tag) {
      core.turn.memory.release(memory)
    }
    guard event.kind == .put, let memory = sinks[event.tag] else { return }
    let part = memory.part(offset: Int(event.offset), length: Int(event.movedLength))
    guard let answer = Self.answer(core.turn.memory.bytes(part)) else { return }
    answers[event.matchBits] = answer
  }

  private static func answer(_ bytes: borrowing RawSpan) -> RawAnswer? {
    guard let message = try? RPCMessage(decoding: bytes),
      let body = try? RPCBody(message, in: bytes)
    else { return nil }
    let granted = body.opcode.isConnect ? try? ConnectReply(message, in: bytes).data : nil
    return RawAnswer(
      status: body.status, type: body.type, handle: body.handle, granted: granted)
  }
}

/// Node 0: one target of each kind; node 1: a client as is proper; node 2: who is not.
final class RawScene {
  enum Target: Int, CaseIterable { case management, metadata, object }

  let world = World()
  let server: LyingServer
  let honest: HonestUser
  let peer = RawPeer()
  private var clients = 0

  init() throws {
    let limits = Self.limits(cookie: 0x1000)
    server = LyingServer(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost))], limits: limits)
    try world.add(server, limits: limits)
    let own = Self.limits(cookie: 0x900_0000)
    honest = HonestUser(server: 0, limits: own)
    try world.add(honest, limits: own)
    var limitsOfPeer = RequestFuzz.hostileLimits()
    // For a message longer than any service takes.
    limitsOfPeer.bulkByteCount = 4 << 20
    try world.add(peer, limits: limitsOfPeer)
    world.run(5) { honest.isReady }
    #expect(honest.isReady)
  }

  private static func limits(cookie: UInt64) -> SimulatedNode.Limits {
    World.limits(cookie: cookie) { $0.bulkByteCount = 16 << 20 }
  }

  var rpc: RPCCounters { server.use { $0.rpc.counters } }
  var counters: ConnectionsCounters { server.use { $0.connections.counters } }
  var exportCount: Int { server.use { Int($0.connections.exportCount) } }

  /// A sound CONNECT of a client that nobody has heard of.
  func connect(_ target: Target) -> FuzzedMessage {
    clients += 1
    let kind = FuzzTemplates.Target(rawValue: target.rawValue) ?? .object
    return FuzzTemplates.connect(kind, as: "raw-\(clients)", count: 1)
  }

  func answer(_ message: FuzzedMessage) -> RawAnswer? { answer(message.bytes, message.portal) }

  /// nil for silence.
  func answer(_ bytes: [UInt8], _ portal: Portal) -> RawAnswer? {
    let xid = peer.send(bytes, portal)
    // Long enough for any answer, and short enough that the honest client does not become idle meanwhile.
    world.run(0.5) { peer.answers[xid] != nil }
    return peer.answers[xid]
  }

  /// Over a connection that stands.
  func ask(
    _ handle: Cookie, _ opcode: Opcode, _ portal: Portal, _ buffers: [[UInt8]] = []
  ) -> RawAnswer? {
    var message = FuzzedMessage(opcode, portal, buffers)
    message.body.handle = handle
    message.body.connectionCount = 1
    return answer(message)
  }

  /// The honest client has noticed nothing, and is served.
  func expectNoHarm() {
    #expect(honest.isReady)
    let isServed = { self.honest.isServed() }
    _ = isServed()
    world.run(5, until: isServed)
    #expect(isServed())
    #expect(honest.use { $0.connections.counters.attempts } == 4)
    #expect(world.leaks() == [])
  }
}
