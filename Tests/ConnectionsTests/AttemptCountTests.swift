// Property: of every attempt it is known whether its CONNECT was put on the wire and whether it was answered.
// Method: a client's attempts at a server that answers, at a node that hosts no targets, and at one that has died.
import LNet
import LustreWire
import NodeCore
import Testing

@testable import Connections
@testable import NodeWorld

struct AttemptCountTests {
  @Test func anAnswerIsCountedOnce() throws {
    let (world, _, client) = try mounted()
    let counters = client.use { $0.connections.counters }
    #expect(counters.attempts == 3 && counters.attemptsFailed == 0)
    let connections = try #require(client.view(2)).connections
    // As the tools of a real client show it: { connects: 1, replied: 1 }.
    #expect(connections[0].attempts == 1)
    #expect(connections[0].replied == 1)
    #expect(world.leaks().isEmpty)
  }

  @Test func silenceIsNotAbsence() throws {
    let world = World()
    // A node, but no service of it takes CONNECTs.
    try world.add(Program())
    let client = Client(objectTargets: 0)
    try world.add(client)
    client.connectAll()
    world.run(60) { client.use { $0.connections.counters.attemptsUnanswered } >= 2 }
    let counters = client.use { $0.connections.counters }
    #expect(counters.attemptsUnanswered >= 2)
    #expect(counters.attemptsUnconnected == 0)
    #expect(counters.attemptsFailed == counters.attemptsUnanswered)
  }

  @Test func whatFindsNoConnectionWasNotSent() throws {
    let (world, _, client) = try mounted(timing: .fast)
    let before = client.use { $0.connections.counters }
    world.kill(0)
    world.run(60) { client.use { $0.connections.counters.attemptsUnconnected } >= 2 }
    let counters = client.use { $0.connections.counters }
    #expect(counters.attemptsUnconnected >= 2)
    #expect(counters.attemptsUnanswered == before.attemptsUnanswered)
  }
}
