// Property: connections and peers come, wait, time out and go as spec 02 §4, §8, §10 and §11 say, and leave
// nothing behind.
// Method: a scripted peer and virtual time.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct LifeTests {
  @Test("§4.1: the CONNREQ of a first attempt, and what is prepared for it")
  func connectRequest() {
    let node = OneNode()
    node.send(.ack)
    guard case .prepare(let owner, let route, let attributes)? = node.commands.first else {
      Issue.record("nothing prepared")
      return
    }
    #expect(route.source == SocketAddress(ipv4: 0x0A00_0001, port: 1023))
    #expect(route.destination == SocketAddress(ipv4: 0x0A00_0002, port: 987))
    #expect(route.typeOfService == nil && route.resolveTimeoutMilliseconds == 5000)
    #expect(attributes.receiveCapacity == 18 && attributes.responderResources == 0)
    node.ready(owner)
    guard case .connect(_, let parameters)? = node.commands.last,
      let message = node.connectRequest(), case .connectRequest(let asked) = message.body
    else {
      Issue.record("not connected")
      return
    }
    #expect(parameters.timeoutMilliseconds == 12_500 && parameters.privateData.count == 56)
    #expect(asked == wanted(8))
    #expect(message.envelope.sourceStamp == OneNode.stamp)
    #expect(message.envelope.destinationNID == OneNode.peer)
    #expect(message.envelope.destinationStamp == 0 && message.envelope.credits == 0)
    #expect(node.release())
  }

  private func wanted(_ depth: UInt16) -> WireParameters { WireParameters(queueDepth: depth) }

  @Test("§4.1, 3: a CONNACK that is not an answer to our CONNREQ tears the connection down")
  func badAcknowledges() {
    var bad = [
      Hello.acknowledge(depth: 9), Hello.acknowledge(depth: 0), Hello(destinationStamp: 0x1111),
    ]
    var other = Hello.acknowledge()
    other.destinationStamp = 5
    bad.append(other)
    other = .acknowledge()
    other.destination = strange
    bad.append(other)
    other = .acknowledge()
    other.fragments = 258
    bad.append(other)
    other = .acknowledge()
    other.messageByteCount = 4097
    bad.append(other)
    other = .acknowledge()
    other.version = 0x11
    bad.append(other)
    other = .acknowledge()
    other.byteCount = 40
    bad.append(other)
    for hello in bad {
      let node = OneNode()
      node.send(.ack)
      let owner = node.prepared() ?? 0
      node.ready(owner)
      node.established(owner, hello)
      #expect(node.lnd.counters.badAcknowledges == 1)
      #expect(node.states() == [.closing])
      #expect(node.takeEvents(.finished).map(\.outcome) == [.localDropped])
      #expect(node.sends.isEmpty)
      #expect(node.release())
    }
  }

  @Test("§4.1, 4: what the CONNACK grants is used")
  func adoption() {
    let node = OneNode(configuration: depth(32))
    for _ in 0..<20 { node.send(.ack) }
    let owner = node.prepared() ?? 0
    node.ready(owner)
    var granted = Hello.acknowledge(depth: 10)
    granted.fragments = 3
    granted.sourceStamp = 0x9999
    node.established(owner, granted)
    #expect(node.sends.count == 10 && node.connection.maximumFragments == 3)
    #expect(node.sends.allSatisfy { $0.message?.envelope.destinationStamp == 0x9999 })
    #expect(node.connection.credits.reserved == 10)
    node.completeSends()
    #expect(node.takeEvents(.finished).count == 10)
  }

  @Test("§2: messages that come before established are kept, in their order")
  func early() {
    let node = OneNode()
    node.request(Hello())
    let owner = node.preparedReply() ?? 0
    node.ready(owner)
    for payload in [1, 2, 3] { node.deliver(PeerMessage.immediate(0, payload: payload).bytes) }
    #expect(node.events.isEmpty && node.lnd.counters.earlyMessages == 3)
    node.cm(owner, .established(privateData: PrivateData()))
    #expect(node.takeEvents(.immediate).map(\.piece.length) == [121, 122, 123])
    #expect(node.connection.credits.owed == 3)
    #expect(node.release())
  }

  @Test("§10: a message waits 22.5 s for a connection, and not longer")
  func waiting() {
    let node = OneNode()
    node.send(.ack)
    let owner = node.prepared() ?? 0
    node.ready(owner)
    node.pass(seconds: 12)
    #expect(node.takeEvents(.finished).isEmpty)
    // The exchange has its own deadline, after which the attempt is over.
    node.pass(seconds: 2)
    #expect(node.lnd.counters.connectTimeouts == 1)
    #expect(node.takeEvents(.finished).map(\.outcome) == [.networkTimeout])
    let race = OneNode()
    race.send(.ack)
    for _ in 0..<12 {
      // Rejected time and again, the message still ends in its time.
      if let owner = race.prepared() {
        race.commands = []
        race.ready(owner)
        race.rejected(owner, rejectBytes(9))
        race.cm(owner, .released)
      }
      race.pass(seconds: 2)
    }
    #expect(race.takeEvents(.finished).map(\.outcome) == [.networkTimeout])
    #expect(race.lnd.counters.waitTimeouts == 1)
    #expect(node.release() && race.release())
  }

  @Test("§11: a send that fails is dropped, and all before it in its batch have succeeded")
  func failedSend() {
    let node = OneNode()
    for _ in 0..<3 { node.send(.ack) }
    let owner = node.prepared() ?? 0
    node.ready(owner)
    node.established(owner, .acknowledge())
    #expect(node.uncompleted.map(\.isSignaled) == [false, false, true])
    node.uncompleted.removeFirst(2)
    node.completeSends(.retryExceeded)
    #expect(
      node.takeEvents(.finished).map(\.outcome) == [.success, .success, .remoteDropped])
    #expect(node.states() == [.closing] && node.release())
  }

  @Test("§10: an expired message closes the connection, and all its messages fail")
  func transmitTimeout() {
    let node = OneNode()
    node.accept()
    node.send(.get(8192))
    node.completeSends()
    node.pass(seconds: 40)
    let fresh = node.send(.ack)
    #expect(node.states() == [.established])
    node.pass(seconds: 13)
    #expect(node.states() == [.closing] && node.lnd.counters.transmitTimeouts == 1)
    #expect(node.log.contains { $0.cause == .transmitTimeout && $0.peer == OneNode.peer })
    node.flushAll()
    let finished = node.takeEvents(.finished)
    #expect(finished.map(\.outcome) == [.localError, .remoteTimeout])
    #expect(finished.first?.message == fresh && finished.allSatisfy { $0.status == -110 })
    #expect(node.takeEvents(.peerDown).map(\.peer) == [OneNode.peer])
    #expect(node.release())
  }

  @Test("§10: a NOOP after 100 s without a send, and none while there are sends")
  func keepalive() {
    let node = OneNode()
    node.accept()
    node.pass(seconds: 99)
    #expect(node.sends.isEmpty)
    node.pass(seconds: 2)
    #expect(node.sends.map(\.type) == [.noop] && node.lnd.counters.keepalivesSent == 1)
    node.completeSends()
    node.sends = []
    for _ in 0..<10 {
      node.pass(seconds: 60)
      node.send(.ack)
      node.completeSends()
      node.deliver(PeerMessage.noop(1).bytes)
    }
    #expect(node.sends.filter { $0.type == .noop }.isEmpty)
    #expect(node.release())
  }

  @Test("our own back-off: bounded, growing, by chance, and gone after a success")
  func backoff() {
    var delays: [Double] = []
    let node = OneNode()
    for failure in 1...10 {
      node.send(.ack)
      var waited = 0.0
      while node.prepared() == nil, waited < 5 {
        node.pass(seconds: 0.005)
        waited += 0.005
      }
      delays.append(waited)
      let owner = node.prepared() ?? 0
      node.commands = []
      node.rejected(owner, [], reason: 8)
      node.cm(owner, .released)
      #expect(node.takeEvents(.finished).count == 1, "failure \(failure)")
    }
    #expect(delays[0] == 0)
    for (failure, delay) in delays.dropFirst().enumerated() {
      let most = min(0.05 * Double(1 << failure), 2)
      #expect(delay >= most / 2 - 0.006 && delay <= most + 0.012, "after \(failure + 1)")
    }
    node.accept()
    #expect(node.lnd.peers[0].failures == 0 && node.lnd.peers[0].attemptAt == 0)
    #expect(node.release())
  }

  @Test(
    "§8.3: another incarnation of a peer ends the old connections, and is taken when it retries")
  func restart() {
    let node = OneNode()
    node.accept()
    node.accept()
    node.commands = []
    node.request(Hello(sourceStamp: 0x3333))
    #expect(node.rejects().map(\.reason) == [.stale])
    #expect(node.rejects().map(\.incarnation) == [OneNode.stamp])
    #expect(node.states() == [.closing, .closing])
    #expect(node.takeEvents(.peerDown).count == 1)
    node.accept(stamp: 0x3333)
    #expect(node.states() == [.closing, .closing, .established])
    #expect(node.release())
  }

  @Test("§8.3: a CONNACK of another incarnation ends the older connections")
  func restartActive() {
    let node = OneNode()
    node.send(.ack)
    let owner = node.prepared() ?? 0
    node.ready(owner)
    node.accept(stamp: 0x3333)
    node.completeSends()
    node.established(owner, .acknowledge())
    #expect(node.states() == [.established, .closing])
    #expect(node.log.contains { $0.cause == .staleIncarnation })
    #expect(node.takeEvents(.peerDown).isEmpty)
    #expect(node.release())
  }

  @Test("§8.2: conns_per_peer connections at first contact, used in turn")
  func severalConnections() {
    var configuration = O2IBConfiguration()
    try? configuration.set("conns_per_peer", to: 4)
    let node = OneNode(configuration: configuration)
    node.send(.ack)
    let owners = node.commands.compactMap { command -> CMOwner? in
      if case .prepare(let owner, _, _) = command { owner } else { nil }
    }
    #expect(owners.count == 4)
    for owner in owners { node.ready(owner) }
    for owner in owners { node.established(owner, .acknowledge()) }
    node.completeSends()
    node.sends = []
    for _ in 0..<8 { node.send(.ack) }
    let used = Dictionary(grouping: node.sends, by: \.request.queuePair.handle.raw)
    #expect(used.count == 4 && used.values.allSatisfy { $0.count == 2 })
    // One breaks: the others go on, and the peer is not down.
    node.cm(owners[1], .disconnected)
    #expect(node.takeEvents(.peerDown).isEmpty)
    node.sends = []
    for _ in 0..<6 { node.send(.ack) }
    #expect(Set(node.sends.map(\.request.queuePair.handle.raw)).count == 3)
    #expect(node.release())
  }

  @Test("§11: the peer disconnects: what it carried fails, and it is not an error")
  func hangUp() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    node.send(.get(8192))
    node.completeSends()
    for _ in 0..<9 { node.send(.ack) }
    node.cm(owner, .disconnected)
    // Two had no credit any more: they end at once, the others with the flush.
    #expect(node.takeEvents(.finished).count == 2)
    node.flushAll()
    #expect(node.takeEvents(.finished).count == 8)
    #expect(node.takeEvents(.peerDown).isEmpty)
    node.cm(owner, .released)
    #expect(node.lnd.isQuiet == false || node.lnd.connectionCount == 0)
    #expect(node.release())
  }

  @Test("§11: a send that fails closes the connection and is REMOTE_DROPPED")
  func brokenSend() {
    let node = OneNode()
    node.accept()
    node.send(.ack)
    node.send(.ack)
    node.completeSends(.retryExceeded)
    #expect(node.states() == [.closing] && node.lnd.counters.brokenSends == 1)
    let finished = node.takeEvents(.finished)
    #expect(finished.first?.outcome == .remoteDropped && finished.count == 2)
    #expect(node.log.contains { $0.cause == .sendBroken && $0.number == 12 })
    #expect(node.release())
  }

  @Test func aPostThatIsRefusedClosesTheConnection() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    node.send(.get(8192))
    node.lnd.postFailed(id: node.uncompleted[0].id, errno: 22, &node.turn)
    node.endTurn()
    #expect(node.states() == [.closing] && node.lnd.counters.postsRefused == 1)
    node.uncompleted = []
    node.flushAll()
    // Not every request will complete: the message ends with the release.
    #expect(node.takeEvents(.finished).isEmpty)
    node.cm(owner, .disconnected)
    node.cm(owner, .released)
    #expect(node.takeEvents(.finished).count == 1)
    #expect(node.release())
  }

  @Test func completionsAndEventsOfAFormerLifeAreIgnored() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    let old = node.receives[0]
    node.cm(owner, .disconnected)
    node.flushAll()
    node.cm(owner, .released)
    node.accept()
    node.complete(old, byteCount: 48)
    node.cm(owner, .disconnected)
    #expect(node.lnd.counters.staleCompletions == 1)
    #expect(node.states() == [.established])
    // A number that was never posted, or is done with.
    node.send(.ack)
    let request = node.uncompleted[0]
    node.completeSends()
    for id in [request.id, request.id + 5] {
      node.lnd.completionReceived(
        WorkCompletion(
          id: id, queuePair: request.queuePair, byteCount: 0, status: .success, operation: .send),
        &node.turn)
    }
    #expect(node.lnd.counters.staleCompletions == 3)
    #expect(node.release())
  }

  @Test("the device goes: everything on it ends, and nothing is tried again")
  func deviceRemoval() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    node.send(.get(8192))
    node.completeSends()
    node.send(.ack, to: .o2ib(0x0A00_0044))
    let other = node.prepared() ?? 0
    node.cm(owner, .deviceRemoved)
    #expect(node.states() == [.destroying, .destroying])
    node.flushAll()
    #expect(node.takeEvents(.finished).count == 2)
    node.cm(owner, .released)
    node.cm(other, .released)
    node.send(.ack)
    #expect(node.takeEvents(.finished).map(\.outcome) == [.localError])
    #expect(node.lnd.isDeviceRemoved && node.lnd.isQuiet)
    #expect(node.lnd.listenState(interface: 0) == .failed(errno: 100))
    #expect(node.turn.memory.messages.freePieceCount == node.turn.memory.messages.pieceCount)
  }

  @Test func theHistoryTellsTheWay() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    node.lnd.closePeer(OneNode.peer, interface: 0, &node.turn)
    node.cm(owner, .disconnected)
    let connection = node.connection
    let history = (0..<Int(connection.changeCount)).map { connection.history[$0] }
    #expect(history.map(\.new) == [.replying, .accepting, .established, .closing, .destroying])
    #expect(history.map(\.event) == [.ready, .ready, .established, .closed, .disconnected])
    #expect(history.allSatisfy { $0.time >= 1_000_000_000 })
    #expect(node.release())
  }
}
