// Property: an answer that asks for patience and comes when its connection is gone does not put off the way back.
// Method: the same loss of a connection twice, with and without such an answer, in virtual time; the times are compared.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@testable import Connections

struct LateAnswerTests {
  /// Nanoseconds from the loss of a connection until the import is FULL again.
  private func timeOfReturn(answer: Int32?) throws -> UInt64 {
    let world = World()
    let server = Server()
    let client = Client()
    try world.add(server)
    // It waits for a moment before it connects anew.
    try world.add(client, limits: World.limits(timing: .fast))
    client.connectAll()
    world.run(5) { client.states.allSatisfy { $0 == .full } }
    server.isSilent = true
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(0.1)
    #expect(server.kept.count == 1)
    server.isSilent = false
    let start = world.fabric.now
    client.use { core in
      core.connections.recover(
        client.imports[1], rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
    #expect(client.state(1) != .full)
    if let answer {
      let request = try #require(server.kept.first)
      server.use { core in
        core.rpc.reply(request, ReplyFields(status: answer), turn: &core.turn)
      }
    }
    world.run(100) { client.state(1) == .full }
    #expect(client.state(1) == .full)
    let time = world.fabric.now - start
    if answer != nil {
      world.run(5) { client.ends[1] != nil }
      #expect(client.ends[1]?.map(\.status) == [0])
    }
    return time
  }

  @Test("12 §4: a late EINPROGRESS")
  func patience() throws {
    let expected = try timeOfReturn(answer: nil)
    let found = try timeOfReturn(answer: WireErrno.einprogress.status)
    #expect(found <= expected + second / 10, "\(found) ns instead of \(expected)")
  }
}
