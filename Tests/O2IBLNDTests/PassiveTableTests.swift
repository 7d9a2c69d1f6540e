// Property: a connect request is refused with the reason of the first row of spec 02 §4.2 that it breaks,
// with the reject laid out as §3.3 says, and else answered with the CONNACK of §4.2.
// Method: requests written by hand against a driver; then rows of the driver's table are bent or left out.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct PassiveTableTests {
  @Test func everyRow() {
    for row in passiveRows { #expect(mismatch(row, O2IBTables()) == nil) }
  }

  @Test func everyBentReasonIsCaught() {
    for index in 0..<16 where !isElsewhere(O2IBTables().passive.rows[index].check) {
      var tables = O2IBTables()
      let right = tables.passive.rows[index].reason
      tables.passive.rows[index].reason = right == .noResources ? .fatal : .noResources
      #expect(isCaught(tables), "row \(index) with another reason")
    }
  }

  @Test func everyRowLeftOutIsCaught() {
    for index in 0..<16 {
      let check = O2IBTables().passive.rows[index].check
      // Without these the envelope's check, which comes after them, gives the same answer.
      if isElsewhere(check) || [.length, .probe, .interfaceKnown].contains(check) { continue }
      var tables = O2IBTables()
      tables.passive.rows[index].check = .fragments
      if check == .fragments { tables.passive.rows[index].check = .length }
      tables.passive.rows[index].reason = .fragments
      #expect(isCaught(tables), "without \(check)")
    }
  }

  /// Rows that need a node in another condition; they have tests of their own below.
  private func isElsewhere(_ check: PassiveCheck) -> Bool {
    [.interfaceActive, .device, .resources].contains(check)
  }

  private func isCaught(_ tables: O2IBTables) -> Bool {
    passiveRows.contains { mismatch($0, tables) != nil }
  }

  private func mismatch(_ row: PassiveRow, _ tables: O2IBTables) -> String? {
    var configuration = O2IBConfiguration()
    try? configuration.set("require_privileged_port", to: row.number == 1 ? 1 : 0)
    let node = OneNode(configuration: configuration, tables: tables)
    if row.number == 12 || row.number == 13 {
      node.lnd.tables = O2IBTables()
      node.accept()
      node.lnd.tables = tables
    }
    node.commands = []
    node.request(row.hello, port: row.port)
    let rejects = node.rejects()
    guard let reason = row.reason else {
      return rejects.isEmpty && node.preparedReply() != nil ? nil : "\(row.number) \(row.name)"
    }
    guard rejects.count == 1, rejects[0].reason.rawValue == reason, rejects[0].version == 0x12,
      node.preparedReply() == nil
    else { return "\(row.number) \(row.name): \(rejects)" }
    let named = rejects[0]
    let isRight =
      row.namesInterface
      ? named.incarnation == OneNode.stamp && named.parameters.queueDepth == 8
        && named.parameters.maximumFragments == 257
      : named.incarnation == 0 && named.parameters.queueDepth == 0
        && named.parameters.maximumFragments == 0
    return isRight && named.parameters.maximumMessageBytes == 4096
      ? nil : "\(row.number) \(row.name): \(named)"
  }

  // MARK: - Rows that need another node

  @Test("§4.2 row 6: EARLY while an NI of the device is not active")
  func early() {
    let second = O2IBInterface(
      index: 1, nid: .o2ib(0x0A00_0003), stamp: 0x3333, ipv4: 0x0A00_0003)
    let node = OneNode(interfaces: [OneNode.interface, second], isListening: false)
    node.lnd.start(&node.turn)
    node.endTurn()
    node.cm(1 << 32, .listening)
    node.commands = []
    // Known and active: taken, though the other NI is not.
    node.request(Hello(source: .o2ib(0x0A00_0044)))
    #expect(node.rejects().isEmpty)
    // Known and not active.
    node.request(Hello(destination: second.nid))
    #expect(node.rejects().map(\.reason) == [.early])
    // Unknown, and one is not active yet.
    node.commands = []
    node.request(Hello(destination: strange))
    #expect(node.rejects().map(\.reason) == [.early])
    #expect(node.rejects().map(\.incarnation) == [0])
    node.cm(1 << 32 | 1, .listening)
    node.commands = []
    node.request(Hello(destination: strange))
    #expect(node.rejects().map(\.reason) == [.fatal])
    #expect(node.lnd.counters.rejectsSent.early == 2)
    #expect(node.lnd.counters.rejectsSent.fatal == 1)
  }

  @Test("§4.2 row 7: an NI on another device than the request came in on")
  func device() {
    let second = O2IBInterface(
      index: 1, nid: .o2ib(0x0A00_0003), stamp: 0x3333, ipv4: 0x0A00_0003, device: 1)
    let node = OneNode(interfaces: [OneNode.interface, second])
    node.request(Hello(destination: second.nid))
    #expect(node.rejects().map(\.reason) == [.fatal])
    node.commands = []
    node.request(Hello(destination: second.nid), listener: 1)
    #expect(node.rejects().isEmpty && node.preparedReply() != nil)
  }

  @Test("§4.2 row 15: NO_RESOURCES for want of pieces, connections or peers")
  func resources() {
    let pieces = OneNode(messagePieces: 18 + 3)
    pieces.request(Hello())
    #expect(pieces.rejects().map(\.reason) == [.noResources])
    var limits = O2IBLimits.small
    limits.connections = 1
    let connections = OneNode(limits: limits)
    connections.accept()
    connections.request(Hello())
    #expect(connections.rejects().map(\.reason) == [.noResources])
    limits.connections = 4
    limits.peers = 1
    let peers = OneNode(limits: limits)
    peers.accept()
    peers.request(Hello(source: .o2ib(0x0A00_0044)))
    #expect(peers.rejects().map(\.reason) == [.noResources])
    #expect(peers.lnd.counters.rejectsSent.noResources == 1)
    #expect(peers.log.contains { $0.cause == .rejectSent && $0.peer == .o2ib(0x0A00_0044) })
    // A further connection of the peer that is known is still welcome.
    peers.commands = []
    peers.request(Hello())
    #expect(peers.preparedReply() != nil)
    #expect(pieces.release() && connections.release() && peers.release())
  }

  @Test("§4.2: the queue pair cannot hold the depth, and a smaller one is agreed on")
  func smallQueuePair() {
    let node = OneNode(configuration: depth(32))
    node.request(Hello(depth: 32))
    let owner = node.preparedReply() ?? 0
    node.ready(owner, node.granted(receives: 30))
    guard case .accept(_, let parameters)? = node.commands.last,
      let message = try? O2IBMessage(decoding: parameters.privateData.bytes),
      case .connectAcknowledge(let granted) = message.body
    else {
      Issue.record("not accepted")
      return
    }
    #expect(granted.queueDepth == 14)
    #expect(node.receives.count == 30)
    // Too small for 8: refused after all.
    node.request(Hello(depth: 32, source: .o2ib(0x0A00_0044)), handle: 2)
    node.commands.removeFirst(2)
    let second = node.preparedReply() ?? 0
    node.commands = []
    node.ready(second, node.granted(receives: 16))
    #expect(node.rejects().map(\.reason) == [.noResources])
    #expect(node.release())
  }

  @Test("§4.2: the CONNACK")
  func acknowledge() {
    let node = OneNode()
    node.request(Hello(depth: 8, fragments: 200))
    node.ready(node.preparedReply() ?? 0)
    guard case .accept(_, let parameters)? = node.commands.last,
      let message = try? O2IBMessage(decoding: parameters.privateData.bytes),
      case .connectAcknowledge(let granted) = message.body
    else {
      Issue.record("not accepted")
      return
    }
    let envelope = message.envelope
    #expect(parameters.privateData.count == 56)
    #expect(parameters.retryCount == 5 && parameters.receiverNotReadyRetryCount == 6)
    #expect(envelope.version == 0x12 && envelope.credits == 0 && envelope.byteCount == 56)
    #expect(envelope.sourceNID == OneNode.nid && envelope.sourceStamp == OneNode.stamp)
    #expect(envelope.destinationNID == OneNode.peer)
    #expect(envelope.destinationStamp == OneNode.peerStamp)
    #expect(granted.queueDepth == 8 && granted.maximumFragments == 200)
    #expect(granted.maximumMessageBytes == 4096)
    // §15.8: 2·Q + 2 receives are posted before the accept.
    #expect(node.receives.count == 18)
  }
}

func depth(_ depth: Int) -> O2IBConfiguration {
  var configuration = O2IBConfiguration()
  try? configuration.set("peer_credits", to: depth)
  return configuration
}
