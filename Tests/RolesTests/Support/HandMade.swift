// A file system whose configuration a test makes by hand: servers whose targets are open without a management server,
// and mounts that are told the map.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Structures
import Testing

extension FileSystemMap {
  /// The map that these targets' sections of a client log make.
  static func handMade(
    _ targets: [(kind: TargetKind, index: UInt32, nodes: [Int])], of fileSystem: String = "lfs"
  ) throws -> FileSystemMap {
    let names = FileSystemNames(fileSystem)
    var sections = ConfigSection.clientLogStart(names)
    for target in targets {
      let place = TargetPlace(nodes: target.nodes.map { [World.nid($0)] })
      sections.append(
        target.kind == .mdt
          ? .addMDC(names, index: target.index, at: place)
          : .addOSC(names, index: target.index, at: place))
    }
    var map = FileSystemMap()
    for section in sections {
      var marker = ConfigMarker()
      marker.flags = .start
      try map.take(ConfigRecord.encode(.marker, buffers: [[], ConfigRecord.buffer(marker)]))
      for record in section.records { try map.take(record) }
      marker.flags = .end
      try map.take(ConfigRecord.encode(.marker, buffers: [[], ConfigRecord.buffer(marker)]))
    }
    return map
  }

  private mutating func take(_ record: [UInt8]) throws {
    try apply(record.rawBytes, 0..<record.count)
  }
}

/// A server whose targets are open at once; it notes what it is asked.
class HandMadeServer: RoleNode {
  /// Requests of clients, in order.
  private(set) var asked: [(opcode: Opcode, target: String, body: RPCBody, buffers: [[UInt8]])] =
    []
  /// What is answered instead, once for each.
  var refusals: [Opcode: WireErrno] = [:]

  override func started(_ core: inout NodeCore) {
    super.started(&core)
    for target in 0..<roles.targetCount {
      core.connections.set(.open, ofTarget: roles.slot(ofTarget: target))
    }
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    if event.kind == .requested {
      note(event, &core)
      let opcode = core.rpc.received(event.serverRequest).body.opcode
      if let error = refusals.removeValue(forKey: opcode) {
        return core.rpc.refuse(event.serverRequest, error, turn: &core.turn)
      }
    }
    super.received(event, &core)
  }

  private func note(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    let received = core.rpc.received(event.serverRequest)
    let bytes = core.turn.memory.bytes(received.bytes)
    var buffers: [[UInt8]] = []
    for index in 1..<max(received.message.bufferCount, 1) {
      guard let range = received.message.range(of: index, in: bytes) else { continue }
      buffers.append(range.map { bytes.byte(at: $0) })
    }
    let export = ExportHandle(raw: Handle(raw: event.tag))
    let target = core.connections.view(export).map { "\($0.target.name)" } ?? "nobody"
    asked.append((received.body.opcode, target, received.body, buffers))
  }
}

extension Roles {
  func slot(ofTarget target: Int) -> UInt32 { targets[target].slot }

  mutating func tell(_ map: FileSystemMap, mount: Int, _ core: inout NodeCore) {
    mounts[mount].take(map, &core, &events)
  }
}

/// A client that is told the map.
class HandMadeClient: RoleNode {
  func mount(_ map: FileSystemMap, tag: UInt32 = 0) throws -> Int {
    let index = use { core in roles.makeMount("lfs", management: 0, tag: tag, &core) }
    let place = try #require(index)
    roles.mounts[place].isWatching = false
    tell(map, mount: place)
    return place
  }

  func tell(_ map: FileSystemMap, mount: Int) {
    use { core in roles.tell(map, mount: mount, &core) }
  }

  func state(_ mount: Int = 0) -> Mount.State { roles.mounts[mount].state }

  func explanation(_ mount: Int = 0) -> String {
    use { core in roles.explanation(ofMount: mount, core) }
  }
}
