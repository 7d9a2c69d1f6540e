// The client side of a captured mount, from MGS_CONNECT to the root's attributes, put to our own MGS, MDT and OST: the
// replies have the captured ones' structure and granted values; what may differ is listed, each with its reason.
// Method: the captured requests with their handles and log names exchanged for ours, sent by bare PtlRPC; vectors of
// capture 03.
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

/// A reply as it came: its body, and its buffers behind it.
struct Captured {
  var bytes: [UInt8]
  var body: RPCBody
  var buffers: [[UInt8]]
  var header: RPCHeader

  init(_ bytes: [UInt8]) throws {
    let message = try RPCMessage(decoding: bytes.rawBytes)
    self.bytes = bytes
    header = message.header
    body = try RPCBody(message, in: bytes.rawBytes)
    buffers = (1..<message.bufferCount).map { index in
      message.range(of: index, in: bytes.rawBytes).map { Array(bytes[$0]) } ?? []
    }
  }

  /// A message of capture 03.
  init(frame: Int) throws {
    try self.init(
      GoldenFile.vector(
        endingWith: "03-mount-io-umount-o2ib.pcap frame \(frame)", in: "captured-rpcs.txt"))
  }

  func value<Value: FixedLayout>(_ index: Int) -> Value {
    let bytes = buffers[index]
    return Value(at: 0, in: bytes.rawBytes, swapped: false)
  }
}

/// Sends requests as they are, and keeps the replies.
final class BareClient: Program {
  private(set) var answer: [UInt8]?
  private(set) var failure: Int32?
  private(set) var bulk: [UInt8] = []
  private var sink: BufferRef?

  static func limits() -> SimulatedNode.Limits {
    World.limits { $0.connections = .none }
  }

  override func started(_ core: inout NodeCore) {
    _ = try? core.rpc.startService(.lockCallback, lnet: &core.lnet, turn: &core.turn)
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .replied:
      if let reply = try? core.rpc.reply(to: event.request, turn: &core.turn) {
        let bytes = core.turn.memory.bytes(reply.bytes)
        answer = (0..<reply.message.byteCount).map { bytes.byte(at: $0) }
      }
      if let sink {
        let bytes = core.turn.memory.bytes(sink)
        bulk = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
      }
      core.rpc.release(event.request, turn: &core.turn)
    case .failed, .timedOut:
      failure = event.status
      core.rpc.release(event.request, turn: &core.turn)
    case .arrived: core.rpc.drop(event.serverRequest, turn: &core.turn)
    case .released, .ready, .acknowledged, .transferred: break
    }
  }

  func send(
    _ request: Captured, to server: NID, _ portals: (Portal, Portal), handle: Cookie,
    sinkByteCount: Int = 0, source: [UInt8] = [], bulkPortal: Portal = .mgsBulk
  ) throws {
    answer = nil
    failure = nil
    var draft = RequestDraft(
      importSlot: 0, opcode: request.body.opcode, requestPortal: portals.0,
      replyPortal: portals.1, replyByteCount: 12_000, flavor: request.header.flavor,
      flags: request.body.flags)
    draft.connectFlags = request.body.connectFlags
    draft.service = request.body.service
    var lengths = BufferLengths()
    for buffer in request.buffers { lengths.append(buffer.count) }
    let isConnect = request.body.opcode.isConnect
    let route = ImportRoute(
      server: ProcessID(nid: server), handle: handle, connectionCount: 1,
      headerFlags: isConnect ? [] : .connected)
    use { core in
      if sinkByteCount > 0, let memory = core.turn.memory.bulk.allocateRun(byteCount: sinkByteCount)
      {
        sink = memory
        draft.bulk = BulkDescription(.sink, portal: bulkPortal, memory: memory)
      }
      if !source.isEmpty, let memory = core.turn.memory.bulk.allocateRun(byteCount: source.count) {
        var span = core.turn.memory.mutableBytes(memory)
        span.copy(from: source.rawBytes)
        draft.bulk = BulkDescription(.source, portal: bulkPortal, memory: memory)
      }
      guard let begun = try? core.rpc.begin(draft, buffers: lengths, turn: &core.turn) else {
        return
      }
      var bytes = core.turn.memory.mutableBytes(core.rpc.message(of: begun))
      for (index, buffer) in request.buffers.enumerated() {
        let start = lengths.offset(of: index + 1)
        for (place, byte) in buffer.enumerated() {
          bytes.storeBytes(of: byte, toByteOffset: start + place, as: UInt8.self)
        }
      }
      core.rpc.send(begun, over: route)
    }
  }
}

@Suite struct CapturedMountTests {
  /// MGS, MDT0000 and OST0000 of the file system `lustre` on one node, as in the capture.
  final class Cluster {
    let world = World()
    let server: RoleNode
    let client = BareClient()
    var handle = Cookie.none

    init() throws {
      server = RoleNode([
        RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt, "lustre", management: 0)),
        RoleDisk(.of(.ost, "lustre", management: 0)),
      ])
      try world.add(server)
      world.run(60) { self.server.count(.targetOpen) == 3 }
      try #require(server.count(.targetOpen) == 3)
      try world.add(client, limits: BareClient.limits())
    }

    func ask(
      frame: Int, _ portals: (Portal, Portal), sinkByteCount: Int = 0, source: [UInt8] = [],
      bulkPortal: Portal = .mgsBulk, _ edit: (inout Captured) -> Void = { _ in }
    ) throws -> Captured {
      var request = try Captured(frame: frame)
      edit(&request)
      return try ask(
        request, portals, sinkByteCount: sinkByteCount, source: source, bulkPortal: bulkPortal)
    }

    func ask(
      _ request: Captured, _ portals: (Portal, Portal), sinkByteCount: Int = 0,
      source: [UInt8] = [], bulkPortal: Portal = .mgsBulk
    ) throws -> Captured {
      try client.send(
        request, to: World.nid(0), portals, handle: handle, sinkByteCount: sinkByteCount,
        source: source, bulkPortal: bulkPortal)
      world.run(60) { self.client.answer != nil || self.client.failure != nil }
      let answer = try Captured(try #require(client.answer, "\(request.body.opcode)"))
      if request.body.opcode.isConnect { handle = answer.body.handle }
      return answer
    }
  }

  private let mgs = (Portal.mgsRequest, Portal.mgcReply)
  private let mds = (Portal.mdsRequest, Portal.mdcReply)

  /// Type, status, flags and the lengths of all buffers.
  private func compare(_ answer: Captured, frame: Int) throws {
    let captured = try Captured(frame: frame)
    #expect(answer.body.type == captured.body.type, "frame \(frame)")
    #expect(answer.body.status == captured.body.status, "frame \(frame)")
    #expect(answer.body.opcode == captured.body.opcode, "frame \(frame)")
    #expect(answer.body.connectFlags == captured.body.connectFlags, "frame \(frame)")
    #expect(answer.body.service == captured.body.service, "frame \(frame)")
    #expect(answer.buffers.map(\.count) == captured.buffers.map(\.count), "frame \(frame)")
  }

  /// Granted values, but for those that tell of the server's disk.
  private func compareGrant(_ answer: Captured, frame: Int) throws {
    try compare(answer, frame: frame)
    let captured = try Captured(frame: frame)
    var ours: ConnectData = answer.value(0)
    var theirs: ConnectData = captured.value(0)
    // A server grants the kinds of checksum that are fast on it (spec 11 §4.3): all that we grant, we make.
    #expect(ours.checksumTypes.isEmpty == theirs.checksumTypes.isEmpty)
    ours.checksumTypes = theirs.checksumTypes
    // How often the target was started.
    ours.instance = 0
    theirs.instance = 0
    #expect(ours == theirs, "frame \(frame)")
  }

  @Test func theCapturedMountIsAnsweredAsItWas() throws {
    let cluster = try Cluster()
    try compareGrant(cluster.ask(frame: 16, mgs), frame: 18)
    // Configuration locks: sptlrpc, configuration, recovery and parameters.
    for frame in [20, 20] {
      let lock = try cluster.ask(frame: frame, mgs)
      try compare(lock, frame: 22)
      let (ours, theirs): (LockReply, LockReply) = (
        lock.value(0), try Captured(frame: 22).value(0)
      )
      #expect(ours.descriptor == theirs.descriptor)
      #expect(ours.flags == theirs.flags)
    }
    // There is no log of security rules.
    try compare(cluster.ask(frame: 24, mgs), frame: 26)
    let log = try cluster.ask(frame: 32, mgs)
    try compare(log, frame: 34)
    let name: LogBody = log.value(0)
    func named(_ request: inout Captured) {
      var bytes = request.buffers[0]
      var body: LogBody = request.value(0)
      body.log = name.log
      bytes.withMutableRawSpan { body.encode(into: &$0, at: 0) }
      request.buffers[0] = bytes
    }
    try compare(cluster.ask(frame: 36, mgs, named), frame: 50)
    try compare(cluster.ask(frame: 54, mgs, named), frame: 68)
    let table = try cluster.ask(frame: 94, mgs, sinkByteCount: 1 << 20)
    try compare(table, frame: 100)
    try compare(cluster.ask(frame: 106, mgs), frame: 34)

    cluster.handle = .none
    try compareGrant(cluster.ask(frame: 128, mds), frame: 130)
    try compare(cluster.ask(frame: 132, mds), frame: 135)
    let root = try cluster.ask(frame: 140, mds)
    try compare(root, frame: 142)
    #expect(try root.buffers == Captured(frame: 142).buffers)
    let attributes = try cluster.ask(frame: 144, (.mdsReadPage, .mdcReply))
    try compare(attributes, frame: 148)
    var (ours, theirs): (MetadataBody, MetadataBody) = (
      attributes.value(0), try Captured(frame: 148).value(0)
    )
    // When the real file system was made.
    ours.birthTime = 0
    theirs.birthTime = 0
    #expect(ours == theirs)

    cluster.handle = .none
    try compareGrant(cluster.ask(frame: 146, (.ostRequest, .oscReply)), frame: 150)
    #expect(cluster.world.leaks().isEmpty)
  }
}
