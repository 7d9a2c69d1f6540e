// Connects and requests that no honest client makes are answered as a real server does (spec 10 §10, 11 §5), counted, and
// harm nobody: put by bare PtlRPC to whole servers with an honest client beside.
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

/// A node that makes every field of its messages by hand.
private final class Intruder: Program {
  /// What came back, by number: nil for silence.
  private(set) var ends: [UInt32: (status: Int32?, type: RPCType?, handle: Cookie)] = [:]
  private var next: UInt32 = 1

  struct Connect {
    var opcode = Opcode.mdsConnect
    var target = "lfs-MDT0000_UUID"
    var client = "intruder"
    var handle = Cookie.none
    var clientHandle = Cookie(rawValue: 0x77)
    var count: UInt32 = 1
    var isInitial = true
    var flags: ConnectOperationFlags = []
    var data = Proposal(role: .mdc).first
    var lengths = BufferLengths(39, 39, 8, 192, 0)
  }

  func connect(_ change: (inout Connect) -> Void = { _ in }) -> UInt32 {
    var wish = Connect()
    change(&wish)
    return send(to: wish.handle, count: wish.count, header: [], wish.lengths) { draft in
      draft.opcode = wish.opcode
      draft.service = wish.opcode.service
      draft.requestPortal = wish.opcode == .ostConnect ? .ostRequest : .mdsRequest
      draft.replyPortal = wish.opcode == .ostConnect ? .oscReply : .mdcReply
      draft.replyByteCount = Int(ConnectRequest.replyByteCount)
      draft.connectFlags = wish.flags.union(wish.isInitial ? .initial : [])
    } fill: { bytes in
      let lengths = wish.lengths
      (ObdUUID(wish.target) ?? ObdUUID()).encode(into: &bytes, at: lengths.offset(of: 1))
      (ObdUUID(wish.client) ?? ObdUUID()).encode(into: &bytes, at: lengths.offset(of: 2))
      if lengths[3] >= 8 { wish.clientHandle.encode(into: &bytes, at: lengths.offset(of: 3)) }
      if lengths[4] >= 192 { wish.data.encode(into: &bytes, at: lengths.offset(of: 4)) }
    }
  }

  func ask(
    _ opcode: Opcode, handle: Cookie, count: UInt32 = 1,
    _ change: (inout RequestDraft) -> Void = { _ in }
  ) -> UInt32 {
    send(to: handle, count: count, header: .connected, BufferLengths()) { draft in
      draft.opcode = opcode
      draft.service = opcode.service
      change(&draft)
    } fill: { _ in
    }
  }

  private func send(
    to handle: Cookie, count: UInt32, header: RPCHeaderFlags, _ lengths: BufferLengths,
    _ change: (inout RequestDraft) -> Void, fill: (inout MutableRawSpan) -> Void
  ) -> UInt32 {
    let tag = next
    next += 1
    use { core in
      var draft = RequestDraft(
        importSlot: 0, opcode: .ping, requestPortal: .mdsRequest, replyPortal: .mdcReply,
        replyByteCount: 4096, ownerTag: tag)
      draft.timeout = 5
      change(&draft)
      guard let request = try? core.rpc.begin(draft, buffers: lengths, turn: &core.turn) else {
        Issue.record("a request does not begin")
        return
      }
      var bytes = core.turn.memory.mutableBytes(core.rpc.message(of: request))
      fill(&bytes)
      core.rpc.send(
        request,
        over: ImportRoute(
          server: ProcessID(nid: World.nid(0)), handle: handle, connectionCount: count,
          headerFlags: header, hasReplyMatchBits: false))
    }
    return tag
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    guard [.replied, .failed, .timedOut].contains(event.kind) else { return }
    var end: (status: Int32?, type: RPCType?, handle: Cookie) = (nil, nil, .none)
    if event.kind == .replied,
      let reply = try? core.rpc.reply(to: event.request, turn: &core.turn)
    {
      end = (event.status, reply.body.type, reply.body.handle)
    }
    ends[event.tag] = end
    core.rpc.release(event.request, turn: &core.turn)
  }
}

@Suite struct IntruderTests {
  /// Node 0: a metadata and an object target; node 1: an honest client; node 2: the intruder.
  private final class Scene {
    let world = World()
    let server: HandMadeServer
    let honest: HandMadeClient
    let intruder = Intruder()
    let mount: Int

    init(exports: Int = 64) throws {
      let limits = World.limits { $0.connections.capacity.exports = exports }
      server = HandMadeServer([RoleDisk(.of(.mdt)), RoleDisk(.of(.ost))], limits: limits)
      try world.add(server, limits: limits)
      let ownLimits = World.limits(cookie: 0x900_0000)
      honest = HandMadeClient(limits: ownLimits)
      try world.add(honest, limits: ownLimits)
      try world.add(intruder, limits: World.limits { $0.connections = .none })
      let map = try FileSystemMap.handMade([(.mdt, 0, [0]), (.ost, 0, [0])])
      mount = try honest.mount(map)
      let (client, place) = (honest, mount)
      world.run(5) { client.state(place) == .mounted }
    }

    func end(of tag: UInt32) -> (status: Int32?, type: RPCType?, handle: Cookie)? {
      world.run(12) { intruder.ends[tag] != nil }
      return intruder.ends[tag]
    }

    var counters: ConnectionsCounters { server.use { $0.connections.counters } }

    /// The honest client as it is seen at the metadata target.
    var honestView: ExportView? {
      server.use { core in
        let client = honest.roles.mounts[mount].client
        guard
          let handle = core.connections.export(
            ofClient: client, atTarget: server.roles.slot(ofTarget: 0))
        else { return nil }
        return core.connections.view(handle)
      }
    }

    /// The honest client has noticed nothing.
    func expectNoHarm() {
      #expect(honest.state(mount) == .mounted)
      #expect(honest.explanation(mount) == "")
      #expect(honest.count(.mountChanged) == 0)
      #expect(honestView?.connectionCount == 1)
    }
  }

  /// By hand from spec 11 §5 and §6: what is wrong, and the status of the answer.
  private static let connects: [(String, Int32, @Sendable (inout Intruder.Connect) -> Void)] = [
    ("a target that is not here", -19, { $0.target = "lfs-MDT0007_UUID" }),
    ("another file system", -19, { $0.target = "other-MDT0000_UUID" }),
    ("no target", -22, { $0.target = "" }),
    ("no client", -22, { $0.client = "" }),
    ("no FULL20", -71, { $0.data.flags.remove(.full20) }),
    ("no FID", -52, { $0.data.flags.remove(.fid) }),
    ("no bulk size", -71, { $0.data.bulkByteCount = 0 }),
    ("no common checksum", -71, { $0.data.checksumTypes = ChecksumTypes(rawValue: 0x40) }),
    ("a library client", -71, { $0.flags = .libClient }),
    ("no connect data", -71, { $0.lengths = BufferLengths(39, 39, 8, 0, 0) }),
    ("no handle of its own", -71, { $0.lengths = BufferLengths(39, 39, 0, 192, 0) }),
    (
      "another object target", -9,
      {
        $0.opcode = .ostConnect
        $0.target = "lfs-OST0000_UUID"
        $0.data = Proposal(role: .ospToObjects, targetIndex: 3).first
      }
    ),
  ]

  @Test func connectsThatAreRefused() throws {
    let scene = try Scene()
    let before = scene.counters.connectsRefused
    for (what, status, change) in Self.connects {
      let end = scene.end(of: scene.intruder.connect(change))
      #expect(end?.status == status, "\(what)")
      #expect(end?.type == .error, "\(what)")
      #expect(end?.handle == Cookie.none, "\(what)")
    }
    #expect(scene.counters.connectsRefused == before + UInt64(Self.connects.count))
    #expect(scene.server.use { $0.connections.exportCount } == 2)
    scene.expectNoHarm()
  }

  @Test func somebodyElsesName() throws {
    let scene = try Scene()
    let name = "\(scene.honest.roles.mounts[scene.mount].client)"
    // From another node as a new client; with a forged handle; with a count that was used up.
    let tries: [(inout Intruder.Connect) -> Void] = [
      { $0.count = 1 }, { $0.count = 5 }, { $0.isInitial = false },
    ]
    for change in tries {
      let tag = scene.intruder.connect {
        $0.client = name
        change(&$0)
      }
      let end = scene.end(of: tag)
      #expect(end?.status == WireErrno.ealready.status)
      #expect(end?.handle == Cookie.none)
    }
    scene.expectNoHarm()
  }

  @Test func requestsWithoutAConnection() throws {
    let scene = try Scene()
    let view = try #require(scene.honestView)
    for handle in [Cookie.none, Cookie(rawValue: 0xDEAD_BEEF), view.clientHandle] {
      for opcode in [Opcode.ping, .mdsGetRoot, .mdsDisconnect, .ostDestroy] {
        let end = scene.end(of: scene.intruder.ask(opcode, handle: handle))
        #expect(end?.status == WireErrno.enotconn.status, "\(opcode) with \(handle)")
        #expect(end?.type == .error)
      }
    }
    #expect(scene.counters.requestsWithoutExport == 12)
    scene.expectNoHarm()
  }

  @Test func requestsThatAreForged() throws {
    let scene = try Scene()
    let connect = try #require(scene.end(of: scene.intruder.connect { $0.count = 4 }))
    #expect(connect.status == 0)
    let handle = connect.handle
    // Of an older connection: silence.
    #expect(scene.end(of: scene.intruder.ask(.ping, handle: handle, count: 3))?.status == nil)
    #expect(scene.counters.requestsStale == 1)
    func status(
      _ opcode: Opcode, _ change: (inout RequestDraft) -> Void = { _ in }
    ) -> Int32? {
      scene.end(of: scene.intruder.ask(opcode, handle: handle, count: 4, change))?.status
    }
    #expect(status(.ping) == 0)
    #expect(status(Opcode(rawValue: 4242)) == WireErrno.eopnotsupp.status)
    #expect(status(.mdsGetRoot) { $0.service = .ost } == WireErrno.einval.status)
    #expect(status(.mdsGetAttributes) == WireErrno.eproto.status)
    // A transaction's number outside recovery costs the connection (spec 10 §10 3d).
    #expect(status(.mdsGetRoot) { $0.transno = 9 } == WireErrno.enodev.status)
    #expect(status(.ping) == WireErrno.enotconn.status)
    scene.expectNoHarm()
  }

  @Test func moreClientsThanPlaces() throws {
    // Two are the honest client's.
    let scene = try Scene(exports: 4)
    var statuses: [Int32?] = []
    for index in 0..<4 {
      statuses.append(
        scene.end(of: scene.intruder.connect { $0.client = "intruder-\(index)" })?.status)
    }
    #expect(statuses[0] == 0 && statuses[1] == 0)
    #expect(statuses[2] != 0 && statuses[3] != 0)
    #expect(scene.counters.exportsExhausted == 2)
    scene.expectNoHarm()
    // A place that is given back is somebody else's.
    let handles = scene.server.use { core in
      (0..<4).compactMap { core.connections.exportHandle(at: $0) }
        .compactMap { core.connections.view($0) }.filter { "\($0.client)" == "intruder-0" }
    }
    let handle = try #require(handles.first?.handle)
    #expect(scene.end(of: scene.intruder.ask(.mdsDisconnect, handle: handle))?.status == 0)
    #expect(scene.end(of: scene.intruder.connect { $0.client = "intruder-9" })?.status == 0)
    scene.expectNoHarm()
  }
}
