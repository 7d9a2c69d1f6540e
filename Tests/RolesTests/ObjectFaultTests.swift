// Property: a disk that is full or fails is told to clients by its errno, and nothing else is harmed; what a target has
// called durable survives a crash; a client that dies in the middle of a transfer leaves nothing behind.
// Method: disks that refuse, fail and crash by plan, in virtual time.
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

struct ObjectFaultTests {
  @Test func aFullDisk() throws {
    let world = try ObjectWorld(byteCapacity: 2 << 20)
    let object = world.create()
    _ = world.write(pattern(1 << 20), object)
    #expect(world.write(pattern(4 << 20), object)?.status == WireErrno.enospc.status)
    let (result, bytes) = world.read(2 << 20, object)
    #expect(result?.status == 0 && result?.byteCount == 1 << 20)
    let isEqual = bytes[..<(1 << 20)].elementsEqual(pattern(1 << 20))
    #expect(isEqual)
    // What is given back can be used again.
    #expect(world.run(ObjectWish(.destroy, object))?.status == 0)
    let other = world.create()
    #expect(world.write(pattern(2 << 20), other)?.status == 0)
    let full = world.run(ObjectWish(.statistics))?.statistics
    #expect(full?.state.contains(.noSpace) == true && full?.availableBlocks == 0)
    #expect(world.node.server.failed == 1)
    #expect(world.world.leaks().isEmpty)
  }

  @Test("13 §5.7: what may pass is tried ten times more")
  func aDiskThatFails() throws {
    var plan = DiskPlan(seed: 1)
    plan.errorsPerMillion = 1_000_000
    let world = try ObjectWorld(plan: plan)
    let object = world.create()
    let tag = world.users[0].begin(write(pattern(5000), object, world))
    world.world.run(100) { world.users[0].done[tag] != nil }
    let result = world.users[0].done[tag]
    #expect(result?.status == WireErrno.eio.status && result?.retries == 10)
    #expect(result?.transno == 0)
    let found = world.run(ObjectWish(.getAttributes, object))
    #expect(found?.status == 0 && found?.attributes.size == 0)
    #expect(world.world.leaks().isEmpty)
  }

  @Test func whatIsGivenUpUsesItsMemoryNoMore() throws {
    var plan = DiskPlan(seed: 1)
    plan.errorsPerMillion = 1_000_000
    let world = try ObjectWorld(plan: plan)
    let object = world.create()
    let (wish, user) = (write(pattern(100_000), object, world), world.users[0])
    let tag = user.begin(wish)
    // It has failed, and would be done again after a second.
    world.world.run(0.5)
    #expect(user.done[tag] == nil && user.roles.objects.operationCount == 1)
    user.use { user.roles.abandonObjects(WireErrno.eshutdown.status, &$0) }
    user.free(wish.memory)
    world.world.run(100)
    #expect(user.done[tag]?.status == WireErrno.eshutdown.status)
    #expect(world.world.leaks().isEmpty)
  }

  private func write(_ bytes: [UInt8], _ object: ObjectID, _ world: ObjectWorld) -> ObjectWish {
    var wish = ObjectWish(.write, object)
    wish.memory = world.users[0].memory(bytes)
    return wish
  }

  @Test func aCommitThatFails() throws {
    var plan = DiskPlan(seed: 2)
    plan.commitErrorsPerMillion = 1_000_000
    let world = try ObjectWorld(plan: plan)
    let object = world.create()
    var wish = write(pattern(5000), object, world)
    wish.isSync = true
    let tag = world.users[0].begin(wish)
    world.world.run(100) { world.users[0].done[tag] != nil }
    let status = world.users[0].done[tag]?.status
    #expect(status == WireErrno.eio.status || status == WireErrno.erofs.status)
    let created = world.run(ObjectWish(.create, .echo(1)))?.status
    #expect(created == WireErrno.erofs.status)
    #expect(world.users[0].done[tag]?.committed == 0)
  }

  @Test func whatIsSyncedIsDurable() throws {
    var world = try ObjectWorld(plan: DiskPlan(seed: 3))
    let object = world.create()
    let written = world.write(pattern(300_000), object) { $0.isSync = true }
    #expect(written?.status == 0)
    #expect((written?.transno ?? 0) > 0 && written?.committed == written?.transno)
    try world.restart(cookie: 0x900_0000)
    #expect(world.settle(object)?.attributes.size == 300_000)
    let (result, bytes) = world.read(300_000, object)
    let isEqual = bytes == pattern(300_000)
    #expect(result?.status == 0 && isEqual)
    // Ids are not given out twice.
    #expect(world.create() == .echo(2))
  }

  @Test func aClientThatDiesInTheMiddle() throws {
    let world = try ObjectWorld(users: 2)
    let object = world.create()
    for instant in 0..<6 {
      let victim = ObjectUser("victim-\(instant)")
      let number = try world.world.add(
        victim, limits: ObjectWorld.limits(cookie: 0x100_0000 * UInt64(instant + 1)))
      world.world.run(5) { victim.isFull }
      var wish = ObjectWish(instant % 2 == 0 ? .write : .read, object)
      wish.memory = victim.memory(pattern(4 << 20))
      _ = victim.begin(wish)
      world.world.run(0.00002 * Double(1 + instant * instant * 5))
      world.world.kill(number)
      #expect(world.write(pattern(100_000), object)?.status == 0)
    }
    // Whatever waits for the dead ends with its time.
    world.world.run(1000) { world.world.nodes[0].driver.core.rpc.serverRequestCount == 0 }
    let left = world.world.nodes[0].driver.core.rpc.serverRequestCount
    #expect(left == 0)
    let (result, bytes) = world.read(100_000, object, by: 1)
    let isEqual = bytes == pattern(100_000)
    #expect(result?.status == 0 && isEqual)
  }

  @Test func moreThanFitsWaits() throws {
    let world = try ObjectWorld(users: 3)
    let objects = (0..<3).map { _ in world.create() }
    // 48 MiB of writes for a server that has 32 MiB of memory for them.
    var begun: [(ObjectUser, UInt32)] = []
    for (user, object) in zip(world.users, objects) {
      var wish = ObjectWish(.write, object)
      wish.memory = user.memory([UInt8](repeating: 7, count: 16 << 20))
      wish.checksum = .none
      begun.append((user, user.begin(wish)))
    }
    world.world.run(60) { begun.allSatisfy { $0.0.done[$0.1] != nil } }
    for (user, tag) in begun { #expect(user.done[tag]?.status == 0) }
    #expect(world.node.server.bytesWritten == 48 << 20)
    #expect(world.node.server.delayed > 0)
    #expect(world.world.leaks().isEmpty)
  }
}
