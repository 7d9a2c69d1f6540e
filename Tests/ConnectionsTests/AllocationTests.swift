// Property: submitting requests allocates nothing in this room, once the node is made.
// Method: a counter under malloc reads before and after each call into a node's core; an array is the positive
// control. The first rounds are not counted: the runtime makes its descriptions of types then.
@testable import NodeWorld
import CAllocationCounter
import LustreWire
import NodeCore
import PtlRPC
import Testing

@testable import Connections

struct AllocationTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
  func positiveControl() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  @Test func requests() throws {
    let (world, _, client) = try mounted()
    var total: UInt = 0
    let mdc = client.imports[1]
    for round in 0..<30 {
      // Closures of the test would count; what is measured lies between the two readings.
      total += client.use { core -> UInt in
        let before = callocation_counter_read()
        let draft = core.connections.draft(on: mdc, .mdsStatfs)
        if let handle = try? core.connections.begin(
          draft, on: mdc, buffers: BufferLengths(), tag: 1, rpc: &core.rpc, turn: &core.turn)
        {
          core.connections.submit(
            handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
        }
        let used = callocation_counter_read() - before
        // The rooms below have tests of their own.
        core.pump()
        return used
      }
      // The request of every third round is under way when its connection is given up, and waits for the next.
      if round % 3 == 0 {
        client.use { core in
          core.connections.recover(mdc, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
        }
      }
      world.run(2)
      if round < 3 { total = 0 }
    }
    #expect(client.state(1) == .full)
    #expect(client.view(1)?.connectionCount == 11)
    #expect(client.ends[1]?.count == 30)
    #expect(total == 0)
  }
}
