// Property: our client asks a management server for the same bytes as a real one.
// Method: what a watcher sends to a server of ours, next to the captured requests of a mount.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Structures
import Testing

@Suite struct ManagementGoldenTests {
  /// Keeps what it is asked.
  final class Recorder: RoleNode {
    private(set) var asked: [(opcode: Opcode, buffers: [[UInt8]])] = []

    override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
      if event.kind == .requested {
        let received = core.rpc.received(event.serverRequest)
        let bytes = core.turn.memory.bytes(received.bytes)
        var buffers: [[UInt8]] = []
        for index in 1..<received.message.bufferCount {
          let range = received.message.range(of: index, in: bytes) ?? 0..<0
          buffers.append(range.map { bytes.byte(at: $0) })
        }
        asked.append((received.body.opcode, buffers))
      }
      super.received(event, &core)
    }
  }

  private static func captured(_ name: String) throws -> [[UInt8]] {
    let bytes = GoldenFile.vector(name, in: "captured-rpcs.txt")
    let message = try RPCMessage(decoding: bytes.rawBytes)
    return (1..<message.bufferCount).compactMap { index in
      message.range(of: index, in: bytes.rawBytes).map { Array(bytes[$0]) }
    }
  }

  @Test func aMountsQuestions() throws {
    let world = World()
    let management = Recorder([RoleDisk(.of(.mgs))])
    try world.add(management)
    let target = RoleNode([RoleDisk(.of(.mdt, "lustre", management: 0))])
    try world.add(target, limits: World.limits(cookie: 0x90_0000))
    world.run(30) { target.count(.targetOpen) == 1 }
    world.run(2)
    let before = management.asked.count
    let watcher = Watcher(server: 0, "lustre")
    try world.add(watcher, limits: World.limits(cookie: 0x900_0000))
    world.run(30) { watcher.map != nil }
    let asked = Array(management.asked.dropFirst(before))
    #expect(
      asked.map(\.opcode) == [
        .ldlmEnqueue, .logOpen, .ldlmEnqueue, .logOpen, .logReadHeader, .logNextBlock,
        .logNextBlock, .ldlmEnqueue, .mgsConfigRead, .ldlmEnqueue, .logOpen, .logReadHeader,
      ])
    for (opcode, name) in [
      (Opcode.logOpen, "LLOG_ORIGIN_HANDLE_CREATE request"),
      (.logReadHeader, "LLOG_ORIGIN_HANDLE_READ_HEADER request"),
      (.logNextBlock, "LLOG_ORIGIN_HANDLE_NEXT_BLOCK request"),
      (.mgsConfigRead, "MGS_CONFIG_READ request"),
    ] {
      let ours = try #require(asked.first { $0.opcode == opcode })
      let theirs = try Self.captured(name)
      #expect(ours.buffers.map(\.count) == theirs.map(\.count), "\(name)")
      for (index, (our, their)) in zip(ours.buffers, theirs).enumerated() {
        let place = zip(our, their).enumerated().first { $1.0 != $1.1 }?.offset
        #expect(place == nil, "\(name), buffer \(index + 1)")
      }
    }
  }
}
