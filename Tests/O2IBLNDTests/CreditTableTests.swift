// Property: the account of a connection moves as the tables of spec 02 §7.2 and §7.3 say.
// Method: a scripted peer drives the driver through every row; then every entry of its tables is bent.

import LNet
import LustreWire
import Structures
import Testing

@testable import O2IBLND

struct CreditTableTests {
  @Test func everyRowOfReceiving() {
    for row in receiveRows {
      #expect(receiveMismatch(row, O2IBTables()) == nil)
    }
  }

  @Test func everyRowOfSending() {
    for row in sendRows {
      #expect(sendMismatch(row, O2IBTables()) == nil)
    }
  }

  @Test func everyBentReceiveRuleIsCaught() {
    for row in receiveRows {
      let right = O2IBTables().credits[row.cause]
      for wrong in [RepostEffect.nothing, .owe, .unreserve] where wrong != right {
        var tables = O2IBTables()
        tables.credits[row.cause] = wrong
        #expect(receiveMismatch(row, tables) != nil, "\(row.cause) as \(wrong)")
      }
    }
  }

  @Test func everyBentSendRuleIsCaught() {
    for row in sendRows {
      let right = O2IBTables().credits[row.type]
      for wrong in [O2IBCreditClass.none, .credited, .reserved] where wrong != right {
        var tables = O2IBTables()
        tables.credits[row.type] = wrong
        #expect(sendMismatch(row, tables) != nil, "\(row.type) as \(wrong)")
      }
    }
  }

  // MARK: - Rows

  /// A node with room in both directions of its account: a message of the peer is held, and a GET of ours
  /// is outstanding.
  private func node(_ tables: O2IBTables) -> OneNode {
    let node = OneNode(tables: tables)
    node.answer = nil
    node.accept()
    node.deliver(PeerMessage.immediate().bytes)
    node.deliver(PeerMessage.immediate().bytes)
    node.send(.get(8192))
    node.completeSends()
    node.events = []
    return node
  }

  private func idleNode() -> OneNode {
    let node = OneNode()
    node.accept()
    return node
  }

  private func receiveMismatch(_ row: ReceiveRow, _ tables: O2IBTables) -> String? {
    let node = node(tables)
    // What the row needs beforehand.
    var cookie: UInt64 = 0
    switch row.cause {
    case .putAcknowledgeReceived, .putNakReceived:
      node.send(.put(8192))
      node.completeSends()
      cookie = lastCookie(node, offset: 120)
    case .getDoneReceived:
      node.send(.get(8192))
      node.completeSends()
      cookie = lastCookie(node, offset: 120)
    case .putDone:
      node.deliver(PeerMessage.putRequest(5).bytes)
      acceptPut(node)
      node.completeSends()
      cookie = lastCookie(node, offset: 56)
    case .immediateConsumed, .putAcknowledged, .putRefused, .getAnswered, .noopReceived: break
    }
    let before = node.connection.credits
    let returned = node.sends.reduce(0) { $0 + Int32($1.credits) }
    switch row.cause {
    case .immediateConsumed:
      node.deliver(PeerMessage.immediate().bytes)
      answerLast(node, .consumed)
    case .putAcknowledged:
      node.deliver(PeerMessage.putRequest(5).bytes)
      acceptPut(node)
    case .putRefused:
      node.deliver(PeerMessage.putRequest(5).bytes)
      answerLast(node, .refusePut(status: 0))
    case .putDone: node.deliver(PeerMessage.completion(0xD5, cookie, 8192).bytes)
    case .getAnswered:
      node.deliver(PeerMessage.getRequest(5, [(8192, 0x1000)]).bytes)
      answerLast(node, .refuseGet(status: -61))
    case .putAcknowledgeReceived:
      node.deliver(PeerMessage.putAcknowledge(cookie, 6, [(8192, 0x1000)]).bytes)
    case .putNakReceived: node.deliver(PeerMessage.completion(0xD3, cookie, 0).bytes)
    case .getDoneReceived: node.deliver(PeerMessage.completion(0xD7, cookie, 8192).bytes)
    case .noopReceived: node.deliver(PeerMessage.noop(0).bytes)
    }
    let after = node.connection.credits
    let owed =
      after.owed - before.owed + node.sends.reduce(0) { $0 + Int32($1.credits) } - returned
    let reserved = after.reserved - before.reserved
    return owed == row.owed && reserved == row.reserved
      ? nil : "\(row.cause): ΔO \(owed), ΔR \(reserved)"
  }

  private func sendMismatch(_ row: SendRow, _ tables: O2IBTables) -> String? {
    // The requests that come before are sent under the right rules; only `row`'s own is bent.
    let node = row.type == .noop ? idleNode() : node(O2IBTables())
    var cookie: UInt64 = 0
    if row.type == .putDone {
      node.send(.put(8192))
      node.completeSends()
      cookie = lastCookie(node, offset: 120)
    }
    node.lnd.tables = tables
    node.sends = []
    let before = node.connection.credits
    switch row.type {
    case .noop: node.pass(seconds: 101)
    case .immediate: node.send(.ack)
    case .putRequest: node.send(.put(8192))
    case .getRequest: node.send(.get(8192))
    case .putNak:
      deliverRaw(node, PeerMessage.putRequest(5))
      answerLast(node, .refusePut(status: 0))
    case .putAcknowledge:
      deliverRaw(node, PeerMessage.putRequest(5))
      acceptPut(node)
    case .getDone:
      deliverRaw(node, PeerMessage.getRequest(5, [(8192, 0x1000)]))
      answerLast(node, .refuseGet(status: -61))
    case .putDone:
      deliverRaw(node, PeerMessage.putAcknowledge(cookie, 6, [(8192, 0x1000)]))
    case .connectRequest, .connectAcknowledge: break
    }
    guard node.sends.contains(where: { $0.type == row.type }) else {
      return "\(row.type): not sent"
    }
    let after = node.connection.credits
    let credits = after.available - before.available
    // PUT_ACK gives a reservation back before PUT_DONE goes out.
    let reserved = after.reserved - before.reserved - (row.type == .putDone ? 1 : 0)
    return credits == row.credits && reserved == row.reserved
      ? nil : "\(row.type): ΔC \(credits), ΔR \(reserved)"
  }

  private func deliverRaw(_ node: OneNode, _ message: PeerMessage) { node.deliver(message.bytes) }
}

/// The cookie in the last message that was posted.
func lastCookie(_ node: OneNode, offset: Int) -> UInt64 {
  guard let last = node.sends.last else { return .max }
  return last.bytes.span.bytes.native(UInt64.self, at: offset)
}

/// Answers the last reception.
func answerLast(_ node: OneNode, _ answer: ReceptionAnswer) {
  guard let event = node.events.last(where: { $0.reception.raw != .none }) else { return }
  node.events.removeAll { $0.reception == event.reception }
  node.lnd.answer(event.reception, answer, &node.turn)
  node.endTurn()
}

func acceptPut(_ node: OneNode, byteCount: Int = 8192, ticket: UInt32 = 77) {
  guard let sink = node.turn.memory.bulk.allocateRun(byteCount: byteCount) else { return }
  answerLast(node, .acceptPut(sink: sink, ticket: ticket))
}
