// Property: a target without bulk memory goes on answering what needs none; those that wait for memory get it in the
// order in which they came, a large one before smaller ones that came later; and none is lost.
// Method: the test takes the server's memory and gives it back; operations that end are written down in order.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Storage
import Testing

struct ObjectMemoryTests {
  /// A target of whose bulk memory so many bytes are free for transfers.
  private struct Scene {
    let world: ObjectWorld
    let object: ObjectID
    private let taken: BufferRef

    init(free: Int) throws {
      world = try ObjectWorld()
      object = world.create()
      _ = world.write(pattern(100_000), object)
      taken = try #require(world.node.use { Self.take(free: free, &$0) })
    }

    static func take(free: Int, _ core: inout NodeCore) -> BufferRef? {
      let all = core.turn.memory.bulk.pieceCount * core.turn.memory.bulk.pieceByteCount
      return core.turn.memory.bulk.allocateRun(
        byteCount: all - ObjectServer.messageReserve - free)
    }

    /// From now on so much is free.
    func give(free: Int) -> BufferRef? {
      world.node.use { core in
        core.turn.memory.release(taken)
        return Self.take(free: free, &core)
      }
    }

    func begin(_ action: ObjectWish.Action, _ count: Int, at offset: UInt64 = 0) -> UInt32 {
      var wish = ObjectWish(action, object)
      wish.offset = offset
      wish.memory = world.users[0].memory(pattern(count))
      return world.users[0].begin(wish)
    }

    func give() { world.node.use { $0.turn.memory.release(taken) } }
    var done: [UInt32: ObjectResult] { world.users[0].done }
  }

  @Test("13 §5.4: what needs no bulk memory passes those that wait for some")
  func smallOnesPass() throws {
    let scene = try Scene(free: 0)
    let large = [scene.begin(.write, 1 << 20, at: 1 << 20), scene.begin(.read, 100_000)]
    scene.world.world.run(0.1)
    #expect(scene.world.node.server.delayed == 2)
    #expect(scene.world.run(ObjectWish(.getAttributes, scene.object), seconds: 1)?.status == 0)
    #expect(scene.world.run(ObjectWish(.sync), seconds: 1)?.status == 0)
    #expect(scene.world.run(ObjectWish(.statistics), seconds: 1)?.status == 0)
    let small = [scene.begin(.write, 16_384, at: 1 << 29), scene.begin(.read, 16_384)]
    scene.world.world.run(1) { small.allSatisfy { scene.done[$0] != nil } }
    for tag in small { #expect(scene.done[tag]?.status == 0) }
    for tag in large { #expect(scene.done[tag] == nil) }
    scene.give()
    scene.world.world.run(5) { large.allSatisfy { scene.done[$0] != nil } }
    for tag in large { #expect(scene.done[tag]?.status == 0 && scene.done[tag]?.retries == 0) }
    let left = scene.world.node.roles.objectServers[0].wanting.count
    #expect(left == 0)
  }

  @Test("13 §5.4: memory is given in the order in which it was asked for")
  func inOrder() throws {
    let scene = try Scene(free: 1 << 20)
    // The first one needs more than there is: those behind it wait, though there is enough for each.
    var begun = [scene.begin(.write, 4 << 20)]
    scene.world.world.run(0.01)
    for number in 0..<6 {
      let offset = UInt64(number + 4) << 20
      begun.append(scene.begin(number % 2 == 0 ? .write : .read, 1 << 20, at: offset))
      scene.world.world.run(0.01)
    }
    #expect(scene.world.node.server.delayed == UInt64(begun.count))
    let bytes = scene.world.node.server.bytesWritten
    #expect(bytes == 100_000)
    #expect(scene.world.run(ObjectWish(.getAttributes, scene.object), seconds: 1)?.status == 0)
    let rest = scene.give(free: 4 << 20)
    let order = ends(of: begun, scene)
    // Those that fit together may overtake each other on the wire.
    #expect(order.first == begun[0] && order.count == begun.count)
    for tag in begun { #expect(scene.done[tag]?.status == 0 && scene.done[tag]?.retries == 0) }
    scene.world.node.use { if let rest { $0.turn.memory.release(rest) } }
  }

  @Test("one at a time, in order")
  func oneByOne() throws {
    let scene = try Scene(free: 0)
    let begun = (0..<6).map { number in
      defer { scene.world.world.run(0.01) }
      return scene.begin(number % 2 == 0 ? .write : .read, 1 << 20, at: UInt64(number) << 20)
    }
    let rest = scene.give(free: 1 << 20)
    #expect(ends(of: begun, scene) == begun)
    scene.world.node.use { if let rest { $0.turn.memory.release(rest) } }
  }

  /// The operations in the order in which they end.
  private func ends(of begun: [UInt32], _ scene: Scene) -> [UInt32] {
    var order: [UInt32] = []
    while order.count < begun.count {
      let count = order.count
      scene.world.world.run(5) { begun.count { scene.done[$0] != nil } > count }
      let new = begun.filter { scene.done[$0] != nil && !order.contains($0) }
      guard !new.isEmpty else { break }
      order += new
    }
    return order
  }
}
