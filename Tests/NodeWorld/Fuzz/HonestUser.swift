internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Roles
internal import Simulation

/// Who uses a file system as is proper: a mount, and an import of the object target with an object or two.
final class HonestUser: RoleNode {
  private let server: Int
  private(set) var handle = ImportHandle.none
  private var lastTag: UInt32 = 0
  private var results: [UInt32: ObjectResult] = [:]
  private var memories: [UInt32: BufferRef] = [:]
  private var mount: Int?
  /// The last look whether it is served.
  private var probe: UInt32 = 0

  init(server: Int, limits: SimulatedNode.Limits) {
    self.server = server
    super.init([], limits: limits)
  }

  override func started(_ core: inout NodeCore) {
    super.started(&core)
    mount = roles.mount("lfs", management: [[World.nid(server)]], &core)
    let description = ImportDescription(
      proposal: Proposal(role: .osc), target: ObdUUID("lfs-OST0000_UUID") ?? ObdUUID(),
      client: ObdUUID("honest") ?? ObdUUID())
    guard let made = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
    else { return }
    handle = made
    _ = core.connections.addConnection(World.nid(server), to: handle)
    core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
  }

  override func heard(_ event: RolesEvent, _ core: inout NodeCore) {
    guard event.kind == .objectDone else { return }
    let place = Int(event.index)
    results[event.tag] = roles.objects.result(place)
    roles.objects.release(place)
    if let memory = memories.removeValue(forKey: event.tag) { core.turn.memory.release(memory) }
  }

  var isFull: Bool { use { $0.connections.view(handle)?.state == .full } }
  var isMounted: Bool { roles.mounts.count == 1 && roles.mounts[0].state == .mounted }
  var isReady: Bool { isFull && isMounted }

  @discardableResult
  private func begin(_ wish: ObjectWish, memory: BufferRef? = nil) -> UInt32 {
    lastTag += 1
    let tag = lastTag
    let place = use { roles.startObject(wish, on: handle, tag: tag, &$0) }
    if let memory {
      if place != nil { memories[tag] = memory } else { use { $0.turn.memory.release(memory) } }
    }
    return tag
  }

  /// Something with objects that a hostile client may have its hands on too.
  func act(_ choice: UInt8) {
    let object = ObjectID.echo(UInt32(choice >> 4 & 3))
    switch choice & 7 {
    case 0: begin(ObjectWish(.create, .echo(1)))
    case 1: begin(ObjectWish(.getAttributes, object))
    case 2: begin(ObjectWish(.punch, object))
    case 3: begin(ObjectWish(.sync, object))
    case 4: begin(ObjectWish(.destroy, object))
    default:
      var wish = ObjectWish(choice & 1 == 0 ? .read : .write, object)
      guard let memory = use({ $0.turn.memory.bulk.allocateRun(byteCount: 20000) }) else { return }
      wish.memory = memory.part(offset: 0, length: choice & 8 == 0 ? 5000 : 20000)
      begin(wish, memory: memory)
    }
  }

  /// Whether the target's space has been told since the last look.
  func isServed() -> Bool {
    if results[probe]?.status == 0 { return isReady }
    if probe == 0 || results[probe] != nil { probe = begin(ObjectWish(.statistics)) }
    return false
  }

  func leave() {
    use { core in
      core.connections.close(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      if let mount { roles.unmount(mount, &core) }
    }
  }

  var isGone: Bool {
    use { $0.connections.view(handle)?.state ?? .closed } == .closed
      && roles.mounts[0].isOver
  }
}
