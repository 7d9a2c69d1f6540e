// A server with targets of all kinds, and a client with imports of all of them.
import Connections
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Structures

func uuid(_ text: String) -> ObdUUID {
  guard let uuid = ObdUUID(text) else { preconditionFailure("too long a name: \(text)") }
  return uuid
}

/// Serves an MGS, an MDT and so many OSTs; answers whatever they are asked with an empty reply.
class Server: Program {
  let objectTargets: Int
  var instance: UInt32
  private(set) var targets: [UInt32] = []
  /// Requests in the order in which they were served.
  private(set) var served: [(xid: UInt64, opcode: Opcode, export: ExportHandle)] = []
  /// What the next requests are answered with; afterwards 0.
  var answers: [Int32] = []
  /// Requests are kept and not answered.
  var isSilent = false
  private(set) var kept: [ServerRequestHandle] = []

  init(objectTargets: Int = 1, instance: UInt32 = 1) {
    self.objectTargets = objectTargets
    self.instance = instance
  }

  static func name(_ index: Int) -> String {
    switch index {
    case 0: "MGS"
    case 1: "lfs-MDT0000"
    default: "lfs-OST000\(index - 2)"
    }
  }

  static func targetUUID(_ index: Int) -> ObdUUID {
    uuid(index == 0 ? "MGS" : name(index) + "_UUID")
  }

  override func started(_ core: inout NodeCore) {
    for service in [ServiceDescription.mgs] + ServiceDescription.mds + ServiceDescription.ost
      + [.lockCancel] where service.requestPortal != .out
    {
      _ = try? core.rpc.startService(service, lnet: &core.lnet, turn: &core.turn)
    }
    for index in 0..<(2 + objectTargets) {
      var traits = TargetTraits(kind: index == 0 ? .mgs : index == 1 ? .mdt : .ost)
      traits.index = UInt32(max(0, index - 2))
      traits.instance = index == 0 ? 0 : instance
      let target = core.connections.addTarget(
        TargetDescription(
          name: uuid(Self.name(index)), uuid: Self.targetUUID(index), traits: traits)
      )
      if let target { targets.append(target) }
    }
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .requested:
      let request = core.rpc.received(event.serverRequest)
      let export = ExportHandle(raw: Handle(raw: event.tag))
      served.append((request.xid, request.body.opcode, export))
      if isSilent {
        kept.append(event.serverRequest)
        return
      }
      let status = answers.isEmpty ? 0 : answers.removeFirst()
      let fields = core.connections.replyFields(export, status: status)
      core.rpc.reply(event.serverRequest, fields, turn: &core.turn)
    default: break
    }
  }

  func answerKept() {
    let handles = kept
    kept = []
    use { core in
      for handle in handles where core.rpc.isLive(handle) {
        core.rpc.reply(handle, ReplyFields(), turn: &core.turn)
      }
    }
  }

  func exportCount(_ index: Int) -> Int {
    use { Int($0.connections.exportCount(ofTarget: targets[index])) }
  }
}

/// A mount: an MGC, an MDC and an OSC per object target.
class Client: Program {
  let servers: [Int]
  let objectTargets: Int
  let mount: ObdUUID
  private(set) var imports: [ImportHandle] = []
  /// Ends of its own requests, by tag.
  private(set) var ends: [UInt32: [(kind: ConnectionsEvent.Kind, status: Int32)]] = [:]
  var releases = true

  init(servers: [Int] = [0], objectTargets: Int = 1, mount: String = "3e215174-d9ae-4ea6") {
    self.servers = servers
    self.objectTargets = objectTargets
    self.mount = uuid(mount)
  }

  override func started(_ core: inout NodeCore) {
    _ = try? core.rpc.startService(.lockCallback, lnet: &core.lnet, turn: &core.turn)
    for index in 0..<(2 + objectTargets) {
      let role: ImportRole = index == 0 ? .mgc : index == 1 ? .mdc : .osc
      var description = ImportDescription(
        proposal: Proposal(role: role), target: Server.targetUUID(index), client: mount)
      description.tag = UInt32(index)
      guard
        let handle = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
      else { continue }
      for server in servers {
        _ = core.connections.addConnection(World.nid(server), to: handle)
      }
      imports.append(handle)
    }
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    guard event.kind == .replied || event.kind == .failed else { return }
    ends[event.tag, default: []].append((event.kind, event.status))
    if releases { core.connections.release(event.request, rpc: &core.rpc, turn: &core.turn) }
  }

  func connectAll() {
    use { core in
      for handle in imports {
        core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      }
    }
  }

  func closeAll() {
    use { core in
      for handle in imports {
        core.connections.close(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      }
    }
  }

  /// Sends a request without buffers; its end is noted under the tag.
  func send(
    _ opcode: Opcode, on index: Int, tag: UInt32, options: RequestOptions = []
  ) -> Bool {
    use { core in
      let draft = core.connections.draft(on: imports[index], opcode)
      guard
        let handle = try? core.connections.begin(
          draft, on: imports[index], buffers: BufferLengths(), options: options, tag: tag,
          rpc: &core.rpc, turn: &core.turn)
      else { return false }
      core.connections.submit(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      return true
    }
  }

  func view(_ index: Int) -> ImportView? { use { $0.connections.view(imports[index]) } }
  func state(_ index: Int) -> ImportState? { view(index)?.state }
  var states: [ImportState?] { imports.indices.map { state($0) } }
  func states(_ index: Int) -> [String] {
    guard let history = view(index)?.history else { return [] }
    return (0..<history.available).map { "\(history[$0].new.name)" }
  }
}
