// Property: whatever a client writes, cuts, clears and reads, and whenever the server's power fails, each byte is one that was
// written to its place last, or after the last crash one that was written after what had been called durable.
// Method: random operations on one object against a model that keeps every value that a byte may have; seeds.
import LustreWire
import NodeCore
@testable import NodeWorld
@testable import Roles
import Simulation
import Storage
import Structures
import Testing

struct ObjectPropertyTests {
  /// What an object may be: its bytes, and changes that a crash may still undo.
  private struct Model {
    struct Change {
      var transno: UInt64
      var before: [UInt8]
    }

    var bytes: [UInt8] = []
    var changes: [Change] = []
    var committed: UInt64 = 0

    mutating func write(_ data: [UInt8], at offset: Int, _ transno: UInt64) {
      changes.append(Change(transno: transno, before: bytes))
      if bytes.count < offset + data.count {
        bytes += [UInt8](repeating: 0, count: offset + data.count - bytes.count)
      }
      bytes.replaceSubrange(offset..<offset + data.count, with: data)
    }

    mutating func cut(to size: Int, _ transno: UInt64) {
      changes.append(Change(transno: transno, before: bytes))
      if size <= bytes.count {
        bytes.removeLast(bytes.count - size)
      } else {
        bytes += [UInt8](repeating: 0, count: size - bytes.count)
      }
    }

    mutating func commit(_ transno: UInt64) {
      committed = max(committed, transno)
      changes.removeAll { $0.transno <= committed }
    }

    /// Whether the object may be so after a crash: each byte as after one of the changes that are not durable, or
    /// before the first of them.
    func allows(_ found: [UInt8]) -> Bool {
      let states = changes.map(\.before) + [bytes]
      guard states.contains(where: { $0.count == found.count }) else { return false }
      return found.indices.allSatisfy { index in
        states.contains { ($0.count > index ? $0[index] : 0) == found[index] }
      }
    }
  }

  @Test(arguments: 1...6)
  func againstAModel(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    func draw(_ bound: UInt64) -> Int { Int(random.next(upperBound: bound)) }
    var world = try ObjectWorld(plan: DiskPlan(seed: UInt64(seed)))
    let object = world.create()
    _ = world.run(ObjectWish(.sync, object))
    var model = Model()
    var crashes = 0
    for step in 0..<40 {
      let offset = draw(60_000)
      let count = 1 + draw(draw(2) == 0 ? 3000 : 60_000)
      switch draw(12) {
      case 0...4:
        let data = pattern(count, seed: UInt64(step))
        let isSync = draw(4) == 0
        let result = world.write(data, object, at: UInt64(offset)) { $0.isSync = isSync }
        #expect(result?.status == 0)
        model.write(data, at: offset, result?.transno ?? 0)
        model.commit(result?.committed ?? 0)
        if isSync { #expect(model.committed >= result?.transno ?? .max) }
      case 5...8:
        let (result, bytes) = world.read(count, object, at: UInt64(offset))
        #expect(result?.status == 0)
        let expected = model.bytes.dropFirst(offset).prefix(count)
        #expect(result?.byteCount == expected.count)
        let isRight =
          bytes.prefix(expected.count).elementsEqual(expected)
          && bytes.dropFirst(expected.count).allSatisfy { $0 == 0 }
        #expect(isRight, "step \(step)")
        model.commit(result?.committed ?? 0)
      case 9:
        var wish = ObjectWish(.punch, object)
        wish.offset = UInt64(offset)
        let isHole = random.next() & 1 == 0
        if isHole { wish.last = wish.offset + UInt64(count) - 1 }
        let result = world.run(wish)
        #expect(result?.status == 0)
        if isHole {
          let zeros = max(0, min(count, model.bytes.count - offset))
          model.write(
            [UInt8](repeating: 0, count: zeros), at: min(offset, model.bytes.count),
            result?.transno ?? 0)
        } else {
          model.cut(to: offset, result?.transno ?? 0)
        }
        model.commit(result?.committed ?? 0)
      case 10:
        let result = world.run(ObjectWish(.sync, object))
        #expect(result?.status == 0)
        model.commit(result?.committed ?? 0)
        let open = model.changes.count
        #expect(open == 0)
      default:
        crashes += 1
        try world.restart(cookie: 0x1000_0000 * UInt64(crashes))
        guard let known = world.settle(object) else {
          Issue.record("step \(step): not there again")
          return
        }
        let size = Int(known.attributes.size)
        let bytes = world.read(max(size, 1), object).bytes
        let found = Array(bytes.prefix(size))
        let isAllowed = model.allows(found)
        #expect(isAllowed, "step \(step), \(model.changes.count) changes open")
        model.bytes = found
        model.changes = []
      }
    }
    #expect(world.world.leaks().isEmpty)
  }
}
