// Property: once a node is made, a ping allocates nothing in its rooms, on either side.
// Method: a counter under malloc reads round every call that drives the rooms; an array is the positive control.
// The network between them allocates and is not counted.
import CAllocationCounter
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct AllocationTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
  func thePositiveControlCounts() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  /// A node that talks to itself: LNet's loopback delivers at once, so that both sides run in one call.
  @Test func aPingAllocatesNothing() throws {
    let world = World()
    let server = TestServer()
    try world.addBare(server)
    var way = route(to: 0)
    way.server = ProcessID(nid: .loopback)
    var total: UInt = 0
    var answered = 0
    for round in 0..<100 {
      let before = callocation_counter_read()
      try world.nodes[0].use(at: world.fabric.now) { core in
        try Self.ping(&core, over: way, &answered)
      }
      if round >= 10 { total += callocation_counter_read() - before }
    }
    #expect(answered == 100)
    #expect(total == 0)
    #expect(world.leaks() == [])
  }

  /// One ping from begin to release, both sides.
  private static func ping(
    _ core: inout NodeCore, over way: ImportRoute, _ answered: inout Int
  ) throws(RPCError) {
    let handle = try core.rpc.begin(.ping(), buffers: BufferLengths(), turn: &core.turn)
    core.rpc.send(handle, over: way)
    core.pump()
    while let event = core.nextRPCEvent() {
      switch event.kind {
      case .arrived:
        _ = core.rpc.admit(event.serverRequest, export: 0, isUrgent: true, turn: &core.turn)
      case .ready: core.rpc.reply(event.serverRequest, ReplyFields(), turn: &core.turn)
      case .replied:
        answered += 1
        core.rpc.release(event.request, turn: &core.turn)
      case .timedOut, .failed, .released, .acknowledged, .transferred: break
      }
      core.pump()
    }
  }
}
