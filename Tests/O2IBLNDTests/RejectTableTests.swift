// Property: what follows a reject is what spec 02 §4.4 says.
// Method: an attempt with a waiting message is rejected in every way; then the driver's table is bent.

import LNet
import LustreWire
import RDMATransport
import Testing

@testable import O2IBLND

struct RejectTableTests {
  @Test func everyRow() {
    for row in rejectRows { #expect(aftermath(row, O2IBTables()) == row.after, "\(row.name)") }
  }

  @Test func everyBentReactionIsCaught() {
    for reason in UInt8(1)...9 {
      let right = O2IBTables().rejects[RejectReason(rawValue: reason)]
      for wrong in RejectReaction.allCases where wrong != right {
        var tables = O2IBTables()
        tables.rejects[RejectReason(rawValue: reason)] = wrong
        let isCaught = rejectRows.contains { aftermath($0, tables) != $0.after }
        #expect(isCaught, "reason \(reason) as \(wrong)")
      }
    }
  }

  @Test func rejectsAreCountedByReason() {
    for reason in UInt8(1)...9 {
      let node = OneNode(configuration: depth(16))
      node.send(.ack)
      let owner = node.prepared() ?? 0
      node.ready(owner)
      node.rejected(owner, rejectBytes(reason))
      #expect(node.lnd.counters.rejectsReceived.total == 1)
      #expect(
        node.log.contains { $0.cause == .rejectReceived && $0.number == Int64(reason) })
      #expect(node.release())
    }
  }

  @Test("§10: ten negotiable rejects in a row are answered at once, then one a second")
  func pace() {
    let node = OneNode()
    node.send(.ack)
    for attempt in 1...14 {
      let owner = node.prepared() ?? 0
      node.commands = []
      node.ready(owner)
      node.rejected(owner, rejectBytes(5))
      node.cm(owner, .released)
      if attempt <= 10 {
        #expect(node.prepared() != nil, "attempt \(attempt)")
      } else {
        #expect(node.prepared() == nil, "attempt \(attempt)")
        node.pass(seconds: 0.9)
        #expect(node.prepared() == nil)
        node.pass(seconds: 0.11)
        #expect(node.prepared() != nil)
      }
    }
    #expect(node.takeEvents(.finished).isEmpty)
    #expect(node.release())
  }

  @Test("§8.1: after a lost race the peer's own connection is used")
  func race() {
    let node = OneNode()
    let id = node.send(.ack)
    let owner = node.prepared() ?? 0
    node.ready(owner)
    node.rejected(owner, rejectBytes(1))
    #expect(node.lnd.counters.racesLost == 1)
    node.accept()
    #expect(node.sends.map(\.type) == [.immediate])
    node.completeSends()
    #expect(node.takeEvents(.finished).map(\.message) == [id])
    #expect(node.lnd.counters.connectsStarted == 1)
  }

  @Test("§8.1: the peer's request is never refused for a race; both connections stay")
  func noRace() {
    let node = OneNode()
    node.send(.ack)
    let owner = node.prepared() ?? 0
    node.ready(owner)
    let active = node.nextQueuePair
    node.accept()
    #expect(node.lnd.counters.rejectsSent.total == 0)
    node.established(owner, .acknowledge())
    #expect(node.states() == [.established, .established])
    // Both are used in turn.
    for _ in 0..<4 { node.send(.ack) }
    let used = Set(node.sends.dropFirst().map(\.request.queuePair.handle.raw))
    #expect(used == [active, node.nextQueuePair])
  }

  private func aftermath(_ row: RejectRow, _ tables: O2IBTables) -> Aftermath? {
    let node = OneNode(configuration: depth(16), tables: tables)
    node.send(.ack)
    let owner = node.prepared() ?? 0
    node.ready(owner)
    node.commands = []
    node.rejected(owner, row.bytes, reason: row.reason)
    if let again = node.prepared() {
      node.ready(again)
      guard let message = node.connectRequest(), case .connectRequest(let asked) = message.body
      else { return nil }
      return .retried(
        stamp: message.envelope.destinationStamp, depth: asked.queueDepth,
        fragments: asked.maximumFragments)
    }
    if node.takeEvents(.finished).count == 1 { return .failed }
    for quarter in 1...40 {
      node.pass(seconds: 0.25)
      if node.prepared() != nil { return .later(seconds: Double(quarter) / 4) }
    }
    return nil
  }
}
