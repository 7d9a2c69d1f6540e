// Property: the tree finds a lock that stands in another one's way when there is one, whoever comes and goes; what an
// enqueue, a cancel and a look cost hardly grows with the locks of a resource, in whatever order they come.
// Method: random locks beside a list in which each is compared with each; steps counted at two sizes.
import LustreWire
import NodeCore
@testable import NodeWorld
import Structures
import Testing

@testable import Connections

struct LockTreeTests {
  private static let modes: [LockMode] = [
    .exclusive, .protectedWrite, .protectedRead, .concurrentWrite, .concurrentRead, .null, .group,
  ]

  /// A lock at one of few places, so that many meet; some end before they begin.
  private static func record(
    _ order: UInt64, _ random: inout some RandomNumberGenerator
  ) -> ServerLock {
    var record = ServerLock.filler
    record.order = order
    record.target = .random(in: 1...2, using: &random)
    record.export = Bool.random(using: &random) ? noRecord : .random(in: 0...2, using: &random)
    record.descriptor.type = Int.random(in: 0..<8, using: &random) == 0 ? .plain : .extent
    record.descriptor.resource = ResourceID(.random(in: 1...2, using: &random), 0, 5, 0)
    record.descriptor.requestedMode = modes.randomElement(using: &random) ?? .null
    record.descriptor.policy = LockPolicy(
      extent: .random(in: 0...40, using: &random),
      through: Bool.random(using: &random) ? .random(in: 0...40, using: &random) : .max,
      group: .random(in: 1...2, using: &random))
    if Bool.random(using: &random) {
      record.descriptor.grantedMode = record.descriptor.requestedMode
      record.isCompleting = Bool.random(using: &random)
      record.isBlocked = Bool.random(using: &random)
    }
    return record
  }

  private static func isAlike(_ one: ServerLock, _ other: ServerLock) -> Bool {
    one.target == other.target && one.descriptor.resource == other.descriptor.resource
  }

  @Test("an obstacle is found when there is one, and only then", arguments: 0..<40)
  func agreesWithTheRule(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var tree = LockTree(capacity: 64)
    var records = [ServerLock?](repeating: nil, count: 64)
    for order in 1...UInt64(300) {
      let slot = Int.random(in: 0..<64, using: &random)
      if records[slot] != nil {
        tree.remove(slot)
        records[slot] = nil
        continue
      }
      let record = Self.record(order, &random)
      let alike = records.indices.filter { records[$0].map { Self.isAlike($0, record) } ?? false }
      for standing in LockStanding.allCases {
        let those = alike.filter { records[$0]?.standing == standing }
        let expected = those.filter {
          records[$0].map { LockConflict.conflicts(record.descriptor, with: $0.descriptor) }
            ?? false
        }
        let found = tree.obstacle(to: record, standing)
        #expect(found.map(expected.contains) ?? expected.isEmpty)
        var walked: [Int] = []
        while let next = tree.first(like: record, standing, after: walked.last) {
          walked.append(next)
        }
        #expect(walked.sorted() == those)
        let writer = tree.latest(like: record, standing, .protectedWrite)
        let ends = those.compactMap { slot -> UInt64? in
          guard let other = records[slot], other.export != noRecord, other.export != record.export,
            LockConflict.mode(of: other.descriptor) == .protectedWrite
          else { return nil }
          return LockConflict.extent(of: other.descriptor).last
        }
        let end = writer.flatMap { records[$0] }.map { LockConflict.extent(of: $0.descriptor).last }
        #expect(end == ends.max())
      }
      tree.insert(slot, record)
      records[slot] = record
    }
  }

  /// Steps that a server takes for one more lock in the midst of many that are granted, and for its end.
  private func steps(beside count: Int, falling: Bool) throws -> UInt64 {
    let world = World()
    let server = Server()
    try world.add(server, limits: World.limits { $0.connections.capacity.locks = count + 1 })
    return server.use { core in
      let object = ResourceID(7, 0, 0x1_0000_0400, 0)
      func take(_ first: UInt64, _ last: UInt64, _ core: inout NodeCore) -> LockHandle? {
        let result = core.connections.lock(
          object, .protectedWrite, from: first, through: last, ofTarget: 2, rpc: &core.rpc,
          turn: &core.turn)
        guard case .granted(let handle)? = result else {
          Issue.record("not granted")
          return nil
        }
        return handle
      }
      for number in 0..<count {
        let first = UInt64(20 * (falling ? count - number : number))
        _ = take(first, first + 9, &core)
      }
      let before = core.connections.counters.lockSteps
      let middle = UInt64(20 * (count / 2) + 10)
      let lock = take(middle, middle + 9, &core)
      if let lock { core.connections.unlock(lock, rpc: &core.rpc, turn: &core.turn) }
      return core.connections.counters.lockSteps - before
    }
  }

  @Test("sixteen times as many cost hardly more", arguments: [false, true])
  func cost(falling: Bool) throws {
    let few = try steps(beside: 256, falling: falling)
    let many = try steps(beside: 4096, falling: falling)
    print("steps: \(few), \(many)")
    #expect(few > 10 && many < 3 * few && many < 1000)
  }

  @Test("who writes an object is found in few steps, however many do")
  func writer() {
    func steps(_ count: Int) -> UInt64 {
      var tree = LockTree(capacity: count)
      var record = ServerLock.filler
      record.export = 1
      record.descriptor.type = .extent
      record.descriptor.grantedMode = .protectedWrite
      for slot in 0..<count {
        record.order = UInt64(slot + 1)
        record.descriptor.policy = LockPolicy(extent: UInt64(slot), through: UInt64(slot))
        tree.insert(slot, record)
      }
      record.export = 2
      let before = tree.stepCount
      let found = tree.latest(like: record, .free, .protectedWrite)
      #expect(found == count - 1)
      return tree.stepCount - before
    }
    let (few, many) = (steps(256), steps(2048))
    #expect(many < 100, "\(few), \(many)")
  }

  @Test("locks of many resources go together at a cost that hardly grows faster than they")
  func departure() throws {
    func steps(_ count: Int) throws -> UInt64 {
      let world = World()
      let server = LockServer()
      try world.add(server, limits: World.limits { $0.connections.capacity.locks = 2 * count })
      let clients = (0..<2).map { LockClient(mount: "mount-\($0)") }
      for (number, client) in clients.enumerated() {
        let limits = World.limits(cookie: 0x10_0000 * UInt64(number + 1)) {
          $0.connections.capacity.heldLocks = count
        }
        try world.add(client, limits: limits)
        client.connectAll()
      }
      world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
      for (number, client) in clients.enumerated() {
        for lock in 0..<count {
          let object = ResourceID(UInt64(lock % 7), UInt64(lock % 3), 0x1_0000_0400, 0)
          client.enqueue(
            LockWish(object: object, mode: .protectedRead), on: 2, tag: UInt32(lock))
          if lock % 16 == 0 { world.run(0.05) }
        }
        world.run(1)
        #expect(client.news.count == count, "client \(number)")
      }
      return server.use { core in
        let before = core.connections.counters.lockSteps
        let export = core.connections.export(
          ofClient: clients[0].mount, atTarget: server.targets[2])
        if let export { core.connections.evict(export, rpc: &core.rpc, turn: &core.turn) }
        return core.connections.counters.lockSteps - before
      }
    }
    let few = try steps(50)
    let many = try steps(400)
    print("steps: \(few), \(many)")
    #expect(few > 50 && many < 20 * few)
  }
}
