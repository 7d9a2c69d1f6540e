// Property: a WRITE, a READ and a GETATTR allocate nothing in the rooms of objects, at either end, once they have been
// done a few times.
// Method: a counter under malloc reads before and after each call into a node's roles; an array is the positive
// control. What the store allocates for itself is taken off.
@testable import NodeWorld
import CAllocationCounter
import Connections
import LustreWire
import NodeCore
import PtlRPC
import RDMATransport
@testable import Roles
import Simulation
import Storage
import Structures
import Testing

/// A store that knows what it has allocated itself.
private struct CountedStore: ~Copyable, TargetStore {
  var store: MemoryStore
  var used: UInt = 0

  init(_ identity: TargetIdentity) { store = MemoryStore(identity) }

  mutating func submit(
    _ commands: inout FixedQueue<StorageCommand>, memory: inout NodeMemory, at now: UInt64
  ) {
    let before = callocation_counter_read()
    store.submit(&commands, memory: &memory, at: now)
    used += callocation_counter_read() - before
  }

  mutating func poll(
    _ completions: inout FixedQueue<StorageCompletion>, memory: inout NodeMemory, at now: UInt64
  ) {
    let before = callocation_counter_read()
    store.poll(&completions, memory: &memory, at: now)
    used += callocation_counter_read() - before
  }

  mutating func nextDeadline() -> UInt64? { store.nextDeadline() }
}

/// An object target that counts what its roles allocate.
private final class CountingNode: Program {
  private var roles: Roles
  private var store: CountedStore
  var used: UInt = 0

  init(_ limits: SimulatedNode.Limits) {
    store = CountedStore(TargetSpecification.of(.ost).identity)
    roles = Roles(
      capacity: RolesCapacity(), serverRequests: limits.rpc.capacity.serverRequests,
      exports: limits.connections.capacity.exports)
  }

  override func started(_ core: inout NodeCore) {
    for service in ServiceDescription.ost + [.lockCancel] {
      _ = try? core.rpc.startService(service, lnet: &core.lnet, turn: &core.turn)
    }
    _ = roles.addTarget(.of(.ost), image: store.store.image, &core)
    core.connections.set(.open, ofTarget: roles.targets[0].slot)
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    let before = callocation_counter_read()
    _ = roles.handle(event, &core)
    used += callocation_counter_read() - before
  }

  override func turnEnds(_ core: inout NodeCore) {
    let before = callocation_counter_read()
    store.used = 0
    roles.exchange(0, with: &store, &core)
    used += callocation_counter_read() - before - store.used
  }
}

private final class CountingUser: ObjectUser {
  var used: UInt = 0

  override func hand(_ event: ConnectionsEvent, _ core: inout NodeCore) -> Bool {
    let before = callocation_counter_read()
    let isHandled = roles.handle(event, &core)
    used += callocation_counter_read() - before
    return isHandled
  }
}

struct ObjectAllocationTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
  func positiveControl() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  @Test func transfers() throws {
    let world = World()
    let limits = ObjectWorld.limits(cookie: 0x1000)
    let node = CountingNode(limits)
    try world.add(node, limits: limits)
    let user = CountingUser("user")
    try world.add(user, limits: ObjectWorld.limits(cookie: 0x10_0000))
    world.run(5) { user.isFull }
    func run(_ wish: ObjectWish) -> ObjectResult? {
      let tag = user.begin(wish)
      world.run(10) { user.done[tag] != nil }
      return user.done[tag]
    }
    let object = run(ObjectWish(.create, .echo(1)))?.attributes.object ?? ObjectID()
    let large = user.memory(pattern(1 << 20))
    let small = user.memory(pattern(5000))
    for round in 0..<8 {
      for memory in [large, small] {
        for action: ObjectWish.Action in [.write, .read, .getAttributes, .punch] {
          var wish = ObjectWish(action, object)
          wish.memory = memory
          wish.checksum = .kind(.crc32c)
          let status = run(wish)?.status
          #expect(status == 0)
        }
      }
      if round == 2 {
        node.used = 0
        user.used = 0
      }
    }
    #expect(user.used == 0)
    // Unoptimised, the queues to and from a disk allocate for each of their large records.
    #if !DEBUG
    #expect(node.used == 0)
    #endif
  }
}
