// Property: objects are made, written, read, changed and removed through an import, and read as they were written.
// Method: a client and an object target in virtual time; what is read is compared with what was written.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Simulation
import Storage
import Testing

struct ObjectTests {
  @Test func aMebibyte() throws {
    let world = try ObjectWorld()
    let object = world.create()
    #expect(object == .echo(1))
    let data = pattern(1 << 20)
    let written = world.write(data, object)
    #expect(written?.status == 0 && written?.byteCount == data.count && written?.retries == 0)
    #expect(written?.attributes.size == 1 << 20)
    let (result, bytes) = world.read(data.count, object)
    let isEqual = bytes == data
    #expect(result?.status == 0 && result?.byteCount == data.count && isEqual)
    #expect(world.node.server.writes == 1 && world.node.server.reads == 1)
    #expect(world.world.leaks().isEmpty)
  }

  @Test func attributesAndLife() throws {
    let world = try ObjectWorld()
    let object = world.create()
    #expect(world.create() == .echo(2))
    var wish = ObjectWish(.setAttributes, object)
    wish.attributes.valid = [.modificationTime, .uid, .gid]
    wish.attributes.modificationTime = 1_790_000_123
    wish.attributes.uid = 500
    wish.attributes.gid = 501
    #expect(world.run(wish)?.status == 0)
    _ = world.write(pattern(5000), object)
    let found = world.run(ObjectWish(.getAttributes, object))
    #expect(found?.status == 0)
    #expect(found?.attributes.modificationTime == 1_790_000_123)
    #expect(found?.attributes.uid == 500 && found?.attributes.gid == 501)
    #expect(found?.attributes.size == 5000 && found?.attributes.blocks == 10)
    #expect(found?.attributes.mode == 0x81B6 && found?.attributes.object == object)
    #expect(world.run(ObjectWish(.sync, object))?.status == 0)
    #expect(world.run(ObjectWish(.sync))?.status == 0)
    #expect(world.run(ObjectWish(.destroy, object))?.status == 0)
    for action: ObjectWish.Action in [.destroy, .getAttributes, .setAttributes, .punch, .sync] {
      let gone = world.run(ObjectWish(action, object))?.status
      #expect(gone == WireErrno.enoent.status, "\(action)")
    }
    #expect(world.read(100, object).result?.status == WireErrno.enoent.status)
    #expect(world.read(100_000, object).result?.status == WireErrno.enoent.status)
    #expect(world.write(pattern(100), object)?.status == WireErrno.enoent.status)
    #expect(world.write(pattern(100_000), object)?.status == WireErrno.enoent.status)
    #expect(world.world.leaks().isEmpty)
  }

  @Test func statisticsCountWhatIsWrittenAndPromised() throws {
    let world = try ObjectWorld(byteCapacity: 64 << 20)
    let object = world.create()
    let before = world.run(ObjectWish(.statistics))?.statistics
    #expect(before?.blockByteCount == 4096 && before?.blocks == 16384)
    let granted = before?.granted ?? 0
    #expect(granted == 2060)
    _ = world.write(pattern(1 << 20), object)
    let after = world.run(ObjectWish(.statistics))?.statistics
    #expect((before?.freeBlocks ?? 0) - (after?.freeBlocks ?? 0) == 256)
    #expect((before?.availableBlocks ?? 0) < (before?.freeBlocks ?? 0))
  }

  @Test func punchCutsAndGrows() throws {
    let world = try ObjectWorld()
    let object = world.create()
    let data = pattern(10_000)
    _ = world.write(data, object)
    var wish = ObjectWish(.punch, object)
    wish.offset = 5000
    #expect(world.run(wish)?.attributes.size == 5000)
    wish.offset = 9000
    #expect(world.run(wish)?.attributes.size == 9000)
    let (result, bytes) = world.read(20_000, object)
    #expect(result?.byteCount == 9000)
    let expected = data[..<5000] + [UInt8](repeating: 0, count: 15_000)
    #expect(bytes.elementsEqual(expected))
  }

  @Test("11 §6: clients are granted no more at first than is free on the disk")
  func smallDisk() throws {
    let capacity: UInt64 = 12 << 20
    let world = try ObjectWorld(users: 4, byteCapacity: capacity)
    let granted = world.users.map { user in
      user.use { core in
        UInt64(core.connections.view(user.handle)?.granted.grantByteCount ?? .max)
      }
    }
    #expect(granted.contains(8_437_760))
    #expect(granted.reduce(0, +) <= capacity)
    #expect(granted.contains(0))
  }

  @Test func punchMakesHoles() throws {
    let world = try ObjectWorld(users: 2)
    let object = world.create()
    let data = pattern(10_000)
    _ = world.write(data, object)
    var wish = ObjectWish(.punch, object)
    wish.offset = 5000
    wish.last = 7999
    #expect(world.run(wish)?.attributes.size == 10_000)
    // Behind the end there is nothing.
    wish.offset = 9990
    wish.last = 1 << 40
    #expect(world.run(wish)?.attributes.size == 10_000)
    wish.offset = 10
    wish.last = 9
    #expect(world.run(wish)?.status == WireErrno.eproto.status)
    let (result, bytes) = world.read(10_000, object)
    #expect(result?.byteCount == 10_000)
    let zeros = [UInt8](repeating: 0, count: 3000)
    #expect(bytes.elementsEqual(data[..<5000] + zeros + data[8000..<9990] + zeros[..<10]))
  }

  @Test func theListOfObjectsIsTheServersOwn() throws {
    let world = try ObjectWorld()
    for _ in 0..<5 { _ = world.create() }
    #expect(world.run(ObjectWish(.destroy, .echo(3)))?.status == 0)
    let node = world.node
    let memory: BufferRef? = node.use { $0.turn.memory.bulk.allocateRun(byteCount: 96) }
    let room = try #require(memory)
    var ids: [UInt64] = []
    var cursor: UInt64 = 0
    repeat {
      let isAsked = node.use { _ in
        node.roles.listObjects(ofTarget: 0, cursor: cursor, into: room, tag: 9)
      }
      #expect(isAsked)
      let before = node.count(.objectsListed)
      world.world.run(1) { node.count(.objectsListed) > before }
      let part = node.roles.listing(ofTarget: 0)
      #expect(part.status == 0 && part.count <= 3)
      node.use { core in
        let bytes = core.turn.memory.bytes(room)
        for index in 0..<part.count { ids.append(UInt64(bytes.byte(at: 32 * index + 8))) }
      }
      cursor = part.cursor
    } while cursor != 0
    #expect(ids.sorted() == [1, 2, 4, 5])
    #expect(node.told.last?.tag == 9)
  }
}
