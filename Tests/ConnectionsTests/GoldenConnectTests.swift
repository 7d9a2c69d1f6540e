// Property: our OST_CONNECT is, byte for byte, the one that a real client sent (spec 11 §17.3, capture 03), but for
// the left-overs of another target's grant that a real client sends along (spec 11 §4).
// Method: an import with the real names and cookie makes its first CONNECT; the message's memory is compared.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Structures
import Testing

@testable import Connections

struct GoldenConnectTests {
  /// Rows of 16 bytes of the captured message that are not zero, by offset.
  private let rows: [(Int, String)] = [
    (0x000, "06 00 00 00 00 00 00 00 d3 0b d0 0b 20 02 00 00"),
    (0x020, "b8 00 00 00 27 00 00 00 27 00 00 00 08 00 00 00"),
    (0x030, "c0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
    (0x040, "67 12 00 00 03 00 01 00 08 00 00 00 7a 02 00 00"),
    (0x070, "00 02 00 00 20 00 00 00 01 00 00 00 05 00 00 00"),
    (0x080, "04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
    (0x0F0, "6c 75 73 74 72 65 2d 4f 53 54 30 30 30 30 5f 55"),
    (0x100, "55 49 44 00 00 00 00 00 00 00 00 00 00 00 00 00"),
    (0x110, "00 00 00 00 00 00 00 00 30 64 36 62 33 65 63 61"),
    (0x120, "2d 36 38 31 62 2d 34 32 36 62 2d 61 38 34 66 2d"),
    (0x130, "34 34 64 32 66 64 38 38 63 61 61 30 00 00 00 00"),
    (0x140, "2f 79 5c 93 20 f1 4d 13 38 00 64 e3 f2 5a 46 a0"),
    (0x150, "00 00 11 02 00 00 00 08 00 00 00 00 00 00 00 04"),
    // Left out: ibits_known 0x7f, grant_inobits 5, grant_tax_kb 24, grant_max_blks 16384.
    (0x160, "00 00 00 00 00 00 00 00 0c 00 00 00 00 00 00 00"),
    (0x170, "00 00 00 00 00 00 00 00 00 00 00 00 f7 00 00 00"),
    // Left out: max_easize 65536, instance 1, maxmodrpcs 8.
    (0x190, "00 00 00 00 00 00 00 00 02 82 14 00 04 00 00 00"),
  ]

  @Test func theFirstConnectIsTheRealOne() throws {
    let world = World()
    try world.add(Server())
    let program = Program()
    let limits = World.limits(cookie: 0x134D_F120_935C_792F - 7) {
      $0.connections.processID = 634
    }
    try world.add(program, limits: limits)
    let handle = try #require(
      program.use { core in
        let handle = core.connections.makeImport(
          ImportDescription(
            proposal: Proposal(role: .osc), target: uuid("lustre-OST0000_UUID"),
            client: uuid("0d6b3eca-681b-426b-a84f-44d2fd88caa0")),
          rpc: &core.rpc, turn: &core.turn)
        if let handle {
          _ = core.connections.addConnection(World.nid(0), to: handle)
          core.connections.connect(
            handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
        }
        return handle
      })
    world.run(5) { program.use { $0.connections.counters.attempts } == 1 }
    let bytes = program.use { core -> [UInt8] in
      let slot = core.connections.slot(of: handle)
      let request = core.connections.imports.cells[slot].ownRequest
      guard request != .none else { return [] }
      let span = core.turn.memory.bytes(core.rpc.message(of: request))
      return (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }
    var expected = [UInt8](repeating: 0, count: 520)
    for (offset, row) in rows {
      for (index, byte) in row.split(separator: " ").enumerated() {
        expected[offset + index] = UInt8(byte, radix: 16) ?? 0
      }
    }
    #expect(bytes.count == 520)
    let different = zip(bytes, expected).enumerated().filter { $0.element.0 != $0.element.1 }
    #expect(different.map { String($0.offset, radix: 16) } == [])
  }
}
