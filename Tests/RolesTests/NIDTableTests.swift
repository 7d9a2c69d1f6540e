// Property: a reader that asks from version to version gets every entry once, in units that no entry crosses.
// Method: tables of many targets, read in parts of several sizes; the captured entry.
import Connections
import LustreWire
import Testing

@testable import Roles

@Suite struct NIDTableTests {
  private static func system(objectTargets: UInt32, nids: Int) throws -> ManagedFileSystem {
    var system = ManagedFileSystem("lfs")
    var nextLog: UInt64 = 3
    for index in 0..<objectTargets {
      let places = (0..<nids).map { NID.o2ib(10 << 24 | index << 8 | UInt32($0)) }
      _ = try system.register(
        RegistrationTests.request([.ost, .virgin, .update], index: index, nids: places),
        nextLog: &nextLog, at: 0)
      _ = try system.ready(
        RegistrationTests.request([.ost, .ready], index: index, nids: places, instance: index + 1))
    }
    return system
  }

  @Test(arguments: [(20, 1, 4), (300, 2, 4), (300, 7, 1), (120, 38, 2)])
  func readInParts(targets: Int, nids: Int, units: Int) throws {
    let system = try Self.system(objectTargets: UInt32(targets), nids: nids)
    var first: UInt64 = 1
    var seen: [UInt32] = []
    for _ in 0..<1000 {
      let part = system.table(from: first, hasLargeNIDs: true, unit: 4096, units: units)
      #expect(part.bytes.count <= 4096 * units)
      var offset = 0
      while offset < part.bytes.count {
        let entry = try NIDTableEntry(decoding: part.bytes.rawBytes, at: offset)
        let end = offset + Int(entry.byteCount)
        #expect(offset / 4096 == (end - 1) / 4096)
        #expect(entry.version == UInt64(seen.count) + 1)
        #expect(entry.instance == entry.index + 1)
        #expect(Int(entry.nidCount) == nids)
        seen.append(entry.index)
        offset = end
      }
      #expect(part.reply.size == system.version)
      if part.reply.offset == part.reply.size { break }
      #expect(part.reply.offset == UInt64(seen.count))
      first = part.reply.offset + 1
    }
    #expect(seen == Array(0..<UInt32(targets)))
    let nothing = system.table(
      from: system.version + 1, hasLargeNIDs: true, unit: 4096, units: units)
    #expect(nothing.bytes.isEmpty)
    #expect(nothing.reply.offset == system.version && nothing.reply.size == system.version)
  }

  /// The entry that spec 11 §14 has from a capture.
  @Test func theCapturedEntry() throws {
    var system = ManagedFileSystem("lfs")
    var nextLog: UInt64 = 3
    let nids = [NID("192.168.50.10@o2ib"), NID("192.168.50.10@tcp")].compactMap { $0 }
    _ = try system.register(
      RegistrationTests.request([.mdt, .virgin, .update], nids: nids), nextLog: &nextLog, at: 0)
    for _ in 0..<3 {
      _ = try system.ready(
        RegistrationTests.request([.mdt, .ready], nids: nids, instance: 1))
    }
    let part = system.table(from: 1, hasLargeNIDs: true, unit: 4096, units: 256)
    #expect(
      part.bytes == [3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 1, 20, 2]
        + [0, 5, 0, 0, 0xC0, 0xA8, 0x32, 0x0A] + [UInt8](repeating: 0, count: 12)
        + [0, 2, 0, 0, 0xC0, 0xA8, 0x32, 0x0A] + [UInt8](repeating: 0, count: 12))
  }

  /// The page of nodes that capture 16 has, in 8 bytes a line.
  @Test func theCapturedNodeMap() {
    let page: [UInt64] = [
      0x6C6B_6D8A_0000_0200, 0, 0x0000_0010_0000_0000, 0x6465_6661_756C_7400, 0,
      0x00B8_0400_FEFF_0000, 0xFEFF_0000_FEFF_0000, 0x0000_00F0_0000_0000,
    ]
    let head = page.flatMap { word in
      stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
    }
    let part = DefaultNodeMap.part
    #expect(Array(part.bytes.prefix(64)) == head)
    #expect(part.bytes.count == 4096 && part.bytes.dropFirst(64).allSatisfy { $0 == 0 })
    #expect(part.reply.offset == .max - 1 && part.reply.size == 1)
  }
}
