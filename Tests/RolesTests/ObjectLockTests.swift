// Property: what a client wants locked by the server waits for other clients' locks; locks come with what the disk
// knows of the object, and glimpses with what its writer knows.
// Method: clients hold locks, give them up or do not, in virtual time; orders of events and values are compared.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Storage
import Structures
import Testing

/// A client that holds locks and answers for them.
private final class Holder: ObjectUser {
  var news: [String] = []
  var cancels = true
  var answersGlimpses = true

  func enqueue(_ object: ObjectID, _ mode: LockMode, from: UInt64 = 0, through: UInt64 = .max) {
    let wish = LockWish(object: object.resource, mode: mode, extent: from, through: through)
    use { core in
      _ = try? core.connections.enqueue(
        wish, on: handle, tag: 7, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
  }

  override func other(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .lockHeld: news.append("held")
    case .lockReleased: news.append("released")
    case .lockLost: news.append("lost")
    case .lockFailed: news.append("failed \(event.status)")
    case .lockBlocked:
      news.append("blocked")
      guard cancels else { return }
      _ = core.connections.cancel(
        LockHandle(raw: event.handle), rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    case .glimpsed where answersGlimpses:
      let lengths = BufferLengths(ObjectLockValue.byteCount)
      let begun = try? core.rpc.beginReply(
        event.serverRequest, buffers: lengths, turn: &core.turn)
      guard let begun else { return }
      var value = ObjectLockValue()
      value.size = 123_456
      var bytes = core.turn.memory.mutableBytes(begun)
      value.encode(into: &bytes, at: lengths.offset(of: 1))
      core.rpc.reply(event.serverRequest, ReplyFields(), turn: &core.turn)
    case .glimpsed:
      core.rpc.reply(
        event.serverRequest, ReplyFields(status: WireErrno.enotconn.status), turn: &core.turn)
    default: break
    }
  }
}

struct ObjectLockTests {
  private func scene() throws -> (ObjectWorld, Holder, ObjectID) {
    let world = try ObjectWorld()
    let holder = Holder("holder")
    try world.world.add(holder, limits: ObjectWorld.limits(cookie: 0x80_0000))
    world.world.run(5) { holder.isFull }
    let object = world.create()
    return (world, holder, object)
  }

  private func serverLocks(_ world: ObjectWorld) -> Int {
    world.node.use { $0.connections.serverLockCount }
  }

  @Test func aTransferWaitsForAnothersLock() throws {
    let (world, holder, object) = try scene()
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    #expect(holder.news == ["held"])
    #expect(world.write(pattern(50_000), object)?.status == 0)
    #expect(holder.news == ["held", "blocked", "released"])
    // A lock on another part stands in nobody's way.
    holder.enqueue(object, .protectedWrite, from: 1 << 20)
    world.world.run(1)
    #expect(world.write(pattern(50_000), object)?.status == 0)
    #expect(world.read(10, object).result?.status == 0)
    #expect(holder.news.count == 4 && serverLocks(world) == 1)
    // Who reads shares with who reads; who removes shares with nobody.
    #expect(world.run(ObjectWish(.destroy, object))?.status == 0)
    #expect(holder.news.suffix(2) == ["blocked", "released"])
    #expect(serverLocks(world) == 0)
    #expect(world.world.leaks().isEmpty)
  }

  @Test("10 §8.1: a client is told how many locks it may keep")
  func whatIsLeftIsTold() throws {
    let (world, holder, object) = try scene()
    let target = world.node.roles.targets[0].slot
    let told = {
      world.node.use { core in
        core.connections.export(ofClient: holder.mount, atTarget: target)
          .map { core.connections.replyFields($0) }
      }
    }
    let limit = ObjectWorld.limits(cookie: 0).connections.capacity.locks
    #expect(told()?.lockLimit == UInt32(limit))
    #expect(told()?.lockVolume == UInt64(limit) * 36_000)
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    #expect(told()?.lockLimit == UInt32(limit))
    #expect(told()?.lockVolume == UInt64(limit - 1) * 36_000)
  }

  @Test func readersShare() throws {
    let (world, holder, object) = try scene()
    _ = world.write(pattern(100), object)
    holder.enqueue(object, .protectedRead)
    world.world.run(1) { !holder.news.isEmpty }
    #expect(world.read(100, object).result?.status == 0)
    #expect(holder.news == ["held"])
  }

  @Test func whoGivesNothingUpIsEvicted() throws {
    let (world, holder, object) = try scene()
    holder.cancels = false
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    let begun = world.write(pattern(50_000), object) { $0.allowsShort = false }
    #expect(begun == nil || begun?.status == 0)
    world.world.run(400) { world.node.server.writes == 1 }
    #expect(world.node.server.writes == 1)
    #expect(holder.news.prefix(2) == ["held", "blocked"])
    world.world.run(60) { serverLocks(world) == 0 }
    #expect(serverLocks(world) == 0)
  }

  @Test func withoutServerLockNobodyWaits() throws {
    let (world, holder, object) = try scene()
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    #expect(world.write(pattern(50_000), object) { $0.isLockedByServer = false }?.status == 0)
    #expect(holder.news == ["held"])
  }

  @Test("10 §11.2: a glimpse is answered by the writer, else by the disk")
  func glimpse() throws {
    let (world, holder, object) = try scene()
    _ = world.write(pattern(5000), object)
    let caller = Caller()
    try world.world.add(caller, limits: ObjectWorld.limits(cookie: 0xA0_0000))
    let handle = caller.connect(.osc, to: "lfs-OST0000_UUID", on: 0) ?? .none
    world.world.run(5) { caller.state(handle) == .full }
    var request = LockRequest()
    request.flags = .hasIntent
    request.descriptor = LockWish(object: object.resource, mode: .protectedRead).descriptor
    func glimpse() -> Answer? {
      let tag = caller.ask(
        .ldlmEnqueue, on: handle, [request.encoded + [UInt8](repeating: 0, count: 16)])
      world.world.run(60) { caller.answers[tag] != nil }
      return caller.answers[tag]
    }
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    let first = glimpse()
    let known: ObjectLockValue? = first?.value(at: 1)
    #expect(first?.status == 301 && known?.size == 123_456)
    let isZero = first?.buffers.first?.allSatisfy { $0 == 0 }
    #expect(isZero == true)
    holder.answersGlimpses = false
    let second: ObjectLockValue? = glimpse()?.value(at: 1)
    #expect(second?.size == 5000)
    #expect(holder.news == ["held"])
    // Nobody writes: it is an ordinary lock.
    #expect(world.write(pattern(10), object)?.status == 0)
    let third = glimpse()
    let value: ObjectLockValue? = third?.value(at: 1)
    #expect(third?.status == 0 && value?.size == 5000)
    request.descriptor.resource = ObjectID.echo(77).resource
    #expect(glimpse()?.status == WireErrno.enoent.status)
  }

  @Test func aLateLockComesWithTheValueOfThen() throws {
    let (world, holder, object) = try scene()
    let other = Holder("other")
    try world.world.add(other, limits: ObjectWorld.limits(cookie: 0xB0_0000))
    world.world.run(5) { other.isFull }
    holder.enqueue(object, .protectedWrite)
    world.world.run(1) { !holder.news.isEmpty }
    other.enqueue(object, .protectedWrite)
    world.world.run(5) { !other.news.isEmpty }
    world.world.run(1)
    #expect(other.news == ["held"])
    #expect(holder.news == ["held", "blocked", "released"])
  }
}
