// Property: an idle import and its export, with all that the tables, lists, timers and estimators of both nodes keep for
// them, take no more than 4 KiB together.
// Method: resident memory in a process of its own: a pair of nodes with few imports, and one with many, all FULL.
import CAllocationCounter
import Foundation
import LustreWire
import NodeCore
import PtlRPC
import Testing

@testable import Connections
@testable import NodeWorld

private func residentByteCount() -> Int {
  let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
  let words = text.split(separator: " ")
  return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
}

/// Imports of one target, each of a client of its own: so that nothing but imports and exports grows in number.
private final class Crowd: Program {
  private let count: Int
  private var imports: [ImportHandle] = []

  init(count: Int) { self.count = count }

  override func started(_ core: inout NodeCore) {
    _ = try? core.rpc.startService(.lockCallback, lnet: &core.lnet, turn: &core.turn)
    for index in 0..<count {
      let description = ImportDescription(
        proposal: Proposal(role: .osc), target: Server.targetUUID(2), client: uuid("c-\(index)"))
      guard
        let handle = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
      else { preconditionFailure("no place for import \(index)") }
      _ = core.connections.addConnection(World.nid(0), to: handle)
      imports.append(handle)
    }
  }

  /// As many at a time as there are requests for.
  func connect(_ world: World) {
    for start in stride(from: 0, to: count, by: 16) {
      let slice = imports[start..<min(count, start + 16)]
      use { core in
        for handle in slice {
          core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
        }
      }
      world.run(100) { use { core in slice.allSatisfy { Self.isFull($0, &core) } } }
    }
  }

  private static func isFull(_ handle: ImportHandle, _ core: inout NodeCore) -> Bool {
    core.connections.view(handle)?.state == .full
  }

  var fullCount: Int { use { core in imports.count { Self.isFull($0, &core) } } }
}

/// Two nodes with so many imports and exports, and the memory that they took.
private func nodes(_ count: Int) throws -> (world: World, byteCount: Int) {
  let before = residentByteCount()
  var timing = TimingProfile.fast
  // Nobody leaves while the others come.
  timing.idleTimeout = 0
  let world = World()
  let server = Server()
  try world.add(server, limits: World.limits { $0.connections.capacity.exports = count })
  let crowd = Crowd(count: count)
  try world.add(
    crowd,
    limits: World.limits(timing: timing, cookie: 0x100_0000) {
      $0.connections.capacity.imports = count
    })
  crowd.connect(world)
  precondition(crowd.fullCount == count, "\(crowd.fullCount) of \(count) are FULL")
  precondition(server.exportCount(2) == count, "\(server.exportCount(2)) of \(count) exports")
  return (world, residentByteCount() - before)
}

struct MemoryTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer's memory would be counted"))
  func anIdleImportAndItsExport() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent, \.standardOutputContent]
    ) {
      // What the first nodes of a process take once.
      let first = try nodes(10)
      let few = try nodes(300)
      let many = try nodes(2300)
      let each = (many.byteCount - few.byteCount) / 2000
      // The events that the test itself has noted are among it.
      print("an idle import with its export: \(each) bytes")
      precondition(each > 500 && each <= 4096, "\(each) bytes for an import and its export")
      _ = (first.world, few.world, many.world)
    }
    if let result {
      print(
        String(decoding: result.standardOutputContent + result.standardErrorContent, as: UTF8.self))
    }
  }
}
