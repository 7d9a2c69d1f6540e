// An object target on a node of its own, and clients with an import of it.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Simulation
import Storage
import Structures
import Testing

/// A node with object targets that are open at once: no management server is needed.
class ObjectNode: RoleNode {
  override func started(_ core: inout NodeCore) {
    super.started(&core)
    for target in roles.targets { core.connections.set(.open, ofTarget: target.slot) }
  }

  var server: ObjectServerCounters { roles.objectServers[0].counters }
}

/// A client with an import of an object target of a node.
class ObjectUser: RoleNode {
  let mount: ObdUUID
  let server: Int
  let target: String
  private(set) var handle = ImportHandle.none
  private(set) var done: [UInt32: ObjectResult] = [:]

  init(
    _ name: String = "user", server: Int = 0, target: String = "lfs-OST0000",
    limits: SimulatedNode.Limits = World.limits()
  ) {
    mount = ObdUUID(name) ?? ObdUUID()
    self.server = server
    self.target = target
    super.init([], limits: limits)
  }

  override func started(_ core: inout NodeCore) {
    super.started(&core)
    let description = ImportDescription(
      proposal: Proposal(role: .osc), target: ObdUUID(target + "_UUID") ?? ObdUUID(),
      client: mount)
    guard let made = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
    else { return }
    handle = made
    _ = core.connections.addConnection(World.nid(server), to: handle)
    core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
  }

  override func heard(_ event: RolesEvent, _ core: inout NodeCore) {
    guard event.kind == .objectDone else { return }
    let place = Int(event.index)
    done[event.tag] = roles.objects.result(place)
    roles.objects.release(place)
  }

  var isFull: Bool { use { $0.connections.view(handle)?.state == .full } }

  /// Begins an operation; its result is under its tag.
  private var lastTag: UInt32 = 0
  func begin(_ wish: ObjectWish) -> UInt32 {
    lastTag += 1
    let tag = lastTag
    let place = use { roles.startObject(wish, on: handle, tag: tag, &$0) }
    if place == nil { Issue.record("no place for an operation") }
    return tag
  }

  // MARK: - Memory

  func memory(_ bytes: [UInt8]) -> BufferRef {
    use { core in
      guard let ref = core.turn.memory.bulk.allocateRun(byteCount: max(bytes.count, 1)) else {
        preconditionFailure("no bulk memory")
      }
      let part = ref.part(offset: 0, length: bytes.count)
      var span = core.turn.memory.mutableBytes(part)
      for index in 0..<bytes.count { span.storeNative(bytes[index], at: index) }
      return part
    }
  }

  func bytes(_ ref: BufferRef) -> [UInt8] {
    use { core in
      let span = core.turn.memory.bytes(ref)
      return (0..<span.byteCount).map { span.byte(at: $0) }
    }
  }

  func free(_ ref: BufferRef) { use { $0.turn.memory.release(ref) } }
}

/// The world of most tests of objects: node 0 serves, the others use.
struct ObjectWorld {
  let world: World
  private(set) var node: ObjectNode
  let users: [ObjectUser]
  let disk: RoleDisk

  static func limits(cookie: UInt64) -> SimulatedNode.Limits {
    World.limits(cookie: cookie) { $0.bulkByteCount = 32 << 20 }
  }

  init(users count: Int = 1, plan: DiskPlan? = nil, byteCapacity: UInt64 = 1 << 30) throws {
    world = World()
    disk = RoleDisk(.of(.ost), plan: plan, byteCapacity: byteCapacity)
    node = ObjectNode([disk])
    try world.add(node, limits: Self.limits(cookie: 0x1000))
    users = (0..<count).map { ObjectUser("user-\($0)") }
    for (number, user) in users.enumerated() {
      try world.add(user, limits: Self.limits(cookie: 0x10_0000 * UInt64(number + 1)))
    }
    let users = users
    world.run(5) { users.allSatisfy { $0.isFull } }
    let full = users.count { $0.isFull }
    #expect(full == count)
  }

  /// The power of the server's node fails, and it comes back with what its disk has kept.
  mutating func restart(cookie: UInt64) throws {
    world.kill(0)
    disk.crash()
    node = ObjectNode([disk])
    try world.revive(0, node, limits: Self.limits(cookie: cookie))
  }

  /// After a restart: the first requests of a client end with its old connection.
  func settle(_ object: ObjectID) -> ObjectResult? {
    for _ in 0..<20 {
      let result = run(ObjectWish(.getAttributes, object), seconds: 100)
      if result?.status == 0 { return result }
    }
    return nil
  }

  /// Runs an operation to its end.
  func run(_ wish: ObjectWish, by user: Int = 0, seconds: Double = 30) -> ObjectResult? {
    let tag = users[user].begin(wish)
    world.run(seconds) { users[user].done[tag] != nil }
    return users[user].done[tag]
  }

  func create(by user: Int = 0) -> ObjectID {
    let result = run(ObjectWish(.create, .echo(1)), by: user)
    #expect(result?.status == 0)
    return result?.attributes.object ?? ObjectID()
  }

  func write(
    _ bytes: [UInt8], _ object: ObjectID, at offset: UInt64 = 0, by user: Int = 0,
    _ change: (inout ObjectWish) -> Void = { _ in }
  ) -> ObjectResult? {
    var wish = ObjectWish(.write, object)
    wish.offset = offset
    let memory = users[user].memory(bytes)
    wish.memory = memory
    change(&wish)
    let result = run(wish, by: user)
    // Of an operation that goes on, it is still lent.
    if result != nil { users[user].free(memory) }
    return result
  }

  func read(
    _ count: Int, _ object: ObjectID, at offset: UInt64 = 0, by user: Int = 0,
    _ change: (inout ObjectWish) -> Void = { _ in }
  ) -> (result: ObjectResult?, bytes: [UInt8]) {
    var wish = ObjectWish(.read, object)
    wish.offset = offset
    // What was there before must not shine through.
    let memory = users[user].memory([UInt8](repeating: 0xEE, count: count))
    wish.memory = memory
    change(&wish)
    let result = run(wish, by: user)
    let bytes = users[user].bytes(memory)
    if result != nil { users[user].free(memory) }
    return (result, bytes)
  }
}

/// Bytes that differ everywhere.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  var bytes = [UInt8](repeating: 0, count: count)
  var index = 0
  while index < count {
    let word = generator.next()
    for shift in 0..<min(8, count - index) {
      bytes[index + shift] = UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))
    }
    index += 8
  }
  return bytes
}
