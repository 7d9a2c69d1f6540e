// Property: data of every length, at every place, with every kind of checksum, is read as it was written, in as many
// requests as the target has granted; what was never written is zero.
// Method: a client writes and reads ranges on both sides of the limits; bytes and counters are compared.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Storage
import Testing

struct ObjectTransferTests {
  struct Range: Sendable, CustomTestStringConvertible {
    var offset: UInt64
    var count: Int
    var requests: UInt64
    var isShort = false
    var testDescription: String { "\(count) at \(offset)" }
  }

  @Test(arguments: [
    Range(offset: 0, count: 1, requests: 1, isShort: true),
    Range(offset: 4095, count: 2, requests: 1, isShort: true),
    Range(offset: 77, count: 16_383, requests: 1, isShort: true),
    Range(offset: 0, count: 16_384, requests: 1, isShort: true),
    Range(offset: 0, count: 16_385, requests: 1),
    Range(offset: 1000, count: 1 << 20, requests: 1),
    Range(offset: 4096, count: 4 << 20, requests: 2),
    Range(offset: 0, count: 4 << 20, requests: 1),
    Range(offset: (4 << 20) - 1, count: (4 << 20) + 2, requests: 3),
    Range(offset: 1 << 29, count: 100_000, requests: 1),
  ])
  func everyLength(range: Range) throws {
    let world = try ObjectWorld()
    let object = world.create()
    let data = pattern(range.count)
    let before = world.users[0].roles.objects.counters
    let written = world.write(data, object, at: range.offset)
    #expect(written?.status == 0 && written?.byteCount == range.count)
    let after = world.users[0].roles.objects.counters
    #expect(after.requests - before.requests == range.requests)
    // A small rest of a large transfer is short too.
    if range.requests == 1 { #expect(after.shortTransfers == (range.isShort ? 1 : 0)) }
    let (result, bytes) = world.read(range.count, object, at: range.offset)
    let isEqual = bytes == data
    #expect(result?.status == 0 && result?.byteCount == range.count && isEqual)
    #expect(result?.retries == 0)
    #expect(world.world.leaks().isEmpty)
  }

  @Test(arguments: BulkChecksumKind.allCases, [5000, 200_001, 20_001])
  func everyChecksum(kind: BulkChecksumKind, count: Int) throws {
    let world = try ObjectWorld()
    let object = world.create()
    let data = pattern(count)
    let written = world.write(data, object, at: 100) { $0.checksum = .kind(kind) }
    #expect(written?.status == 0 && written?.retries == 0)
    #expect(written?.attributes.flags.checksumKind == kind)
    let sum = data.withUnsafeBytes { BulkChecksum.compute(kind, over: $0.bytes, at: 100) }
    #expect(written?.attributes.checksum == sum)
    let (result, bytes) = world.read(count, object, at: 100) { $0.checksum = .kind(kind) }
    let isEqual = bytes == data
    #expect(result?.status == 0 && result?.retries == 0 && isEqual)
    #expect(result?.attributes.checksum == sum)
  }

  @Test func withoutChecksum() throws {
    let world = try ObjectWorld()
    let object = world.create()
    let written = world.write(pattern(50_000), object) { $0.checksum = .none }
    #expect(written?.attributes.valid.contains(.checksum) == false)
    let read = world.read(50_000, object) { $0.checksum = .none }
    #expect(read.result?.attributes.valid == [])
    #expect(read.bytes == pattern(50_000))
  }

  @Test func whatLiesBehindTheEndIsZeroAndNotCounted() throws {
    let world = try ObjectWorld()
    let object = world.create()
    let data = pattern(6000)
    _ = world.write(data, object)
    for (offset, count) in [(0, 6001), (0, 100_000), (5999, 2), (5999, 70_000), (0, 9 << 20)] {
      let (result, bytes) = world.read(count, object, at: UInt64(offset))
      let rest = 6000 - offset
      #expect(result?.status == 0 && result?.byteCount == rest)
      let isRight =
        bytes[..<rest].elementsEqual(data[offset...])
        && bytes[rest...].allSatisfy { $0 == 0 }
      #expect(isRight, "\(count) at \(offset)")
    }
    for count in [1, 100_000] {
      let (result, bytes) = world.read(count, object, at: 6000)
      let isZero = bytes.allSatisfy { $0 == 0 }
      #expect(result?.status == 0 && result?.byteCount == 0 && isZero)
    }
    #expect(world.world.leaks().isEmpty)
  }

  @Test func holesAreZero() throws {
    let world = try ObjectWorld()
    let object = world.create()
    _ = world.write(pattern(10), object, at: 3 << 20)
    let (result, bytes) = world.read((3 << 20) + 10, object)
    #expect(result?.byteCount == (3 << 20) + 10)
    let isZero = bytes[..<(3 << 20)].allSatisfy { $0 == 0 }
    #expect(isZero && bytes[(3 << 20)...].elementsEqual(pattern(10)))
  }

  @Test("13 §5.7: data that changes under way is sent again")
  func checksumMismatch() throws {
    let world = try ObjectWorld()
    let user = world.users[0]
    let object = world.create()
    let memory = user.memory(pattern(1 << 20))
    var wish = ObjectWish(.write, object)
    wish.memory = memory
    let tag = user.begin(wish)
    // The checksum is made, and the target has not fetched the data yet.
    user.use { core in
      var bytes = core.turn.memory.mutableBytes(memory)
      bytes.storeNative(UInt8(bytes.byteCount & 0xFF) ^ 0x5A, at: 4711)
    }
    let changed = user.bytes(memory)
    world.world.run(30) { user.done[tag] != nil }
    let result = user.done[tag]
    #expect(result?.status == 0 && result?.retries == 1)
    #expect(user.roles.objects.counters.checksumMismatches == 1)
    #expect(world.node.server.checksumMismatches == 1)
    user.free(memory)
    let isEqual = world.read(1 << 20, object).bytes == changed
    #expect(isEqual)
    #expect(world.world.leaks().isEmpty)
  }

  @Test func manyOperationsAtATime() throws {
    let world = try ObjectWorld(users: 2)
    let objects = (0..<6).map { _ in world.create() }
    var begun: [(user: Int, tag: UInt32, memory: BufferRef)] = []
    for (number, object) in objects.enumerated() {
      let user = number % 2
      var wish = ObjectWish(.write, object)
      let memory = world.users[user].memory(pattern(2 << 20, seed: UInt64(number)))
      wish.memory = memory
      begun.append((user, world.users[user].begin(wish), memory))
    }
    world.world.run(60) { begun.allSatisfy { world.users[$0.user].done[$0.tag] != nil } }
    for entry in begun {
      #expect(world.users[entry.user].done[entry.tag]?.status == 0)
      world.users[entry.user].free(entry.memory)
    }
    for (number, object) in objects.enumerated() {
      let isEqual =
        world.read(2 << 20, object, by: 1 - number % 2).bytes
        == pattern(2 << 20, seed: UInt64(number))
      #expect(isEqual)
    }
    #expect(world.world.leaks().isEmpty)
  }
}
