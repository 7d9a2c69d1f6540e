internal import LustreWire
package import RDMATransport

/// Watches every connection of a fabric and holds it against the protocol: credits, cookies, identities, buffers.
///
/// The hosts that a test plays by hand are left out: they may do what they like.
package final class WireChecker: FabricObserver {
  package let violations: Violations
  private unowned let fabric: SimulatedFabric
  private var ledgers: [ConnectionLedger] = []
  private var places: [UInt32: Int] = [:]
  private var memory = MemoryChecker()
  /// Hosts by number whose messages are not held against the protocol.
  package var lawless: Set<Int> = []
  /// Messages seen, so that a test can tell that something was checked.
  package private(set) var deliveredCount = 0
  package private(set) var writtenByteCount = 0

  package init(fabric: SimulatedFabric, violations: Violations) {
    self.fabric = fabric
    self.violations = violations
  }

  private func add(_ problem: String?, _ queuePair: SimulatedQueuePair) {
    guard let problem, !lawless.contains(queuePair.host.number) else { return }
    let place = places[queuePair.number]
    let name = place.map { ledgers[$0].name } ?? "host \(queuePair.host.number)"
    violations.add("\(name): \(problem)", at: fabric.now)
  }

  private func hasLawlessPeer(_ queuePair: SimulatedQueuePair) -> Bool {
    queuePair.connection.peerHost.map { lawless.contains($0) } ?? false
  }

  // MARK: - FabricObserver

  package func established(_ queuePair: SimulatedQueuePair) {
    guard !lawless.contains(queuePair.host.number) else { return }
    guard let accept = queuePair.connection.acceptData,
      let request = queuePair.connection.requestData,
      let accepted = try? O2IBMessage(decoding: accept.bytes),
      let requested = try? O2IBMessage(decoding: request.bytes),
      case .connectAcknowledge(let parameters) = accepted.body
    else {
      // A lawless peer's words may be anything; then we must not say a word.
      if !hasLawlessPeer(queuePair) {
        add("established without a CONNREQ and a CONNACK", queuePair)
      }
      return
    }
    var envelope = accepted.envelope
    if queuePair.connection.isActive {
      envelope.sourceNID = requested.envelope.sourceNID
      envelope.sourceStamp = requested.envelope.sourceStamp
      envelope.destinationNID = requested.envelope.destinationNID
      envelope.destinationStamp = accepted.envelope.sourceStamp
    }
    let place = ledgers.count
    ledgers.append(
      ConnectionLedger(
        name: "host \(queuePair.host.number) qp \(queuePair.number)",
        depth: Int(parameters.queueDepth), envelope: envelope))
    places[queuePair.number] = place
    if let other = queuePair.peer.flatMap({ places[$0.number] }) {
      ledgers[place].peer = other
      ledgers[other].peer = place
    }
    // What came before the last word of the set-up.
    for (bytes, early) in earlyMessages where early === queuePair {
      deliver(bytes, on: queuePair, at: place)
    }
    earlyMessages.removeAll { $0.1 === queuePair }
  }

  private var earlyMessages: [([UInt8], SimulatedQueuePair)] = []

  package func posted(receive: ReceiveRequest, on queuePair: SimulatedQueuePair) {
    add(memory.post(receive: receive, host: queuePair.host.number), queuePair)
  }

  package func posted(send: SendRequest, bytes: [UInt8], on queuePair: SimulatedQueuePair) {
    add(memory.post(send: send, host: queuePair.host.number), queuePair)
    guard !lawless.contains(queuePair.host.number), queuePair.state == .readyToSend else { return }
    guard let place = places[queuePair.number] else {
      return add("a message before the connection is established", queuePair)
    }
    guard let message = try? O2IBMessage(decoding: bytes.rawBytes) else {
      return add("a malformed message of \(bytes.count) bytes", queuePair)
    }
    add(ledgers[place].posted(message, bytes: bytes), queuePair)
  }

  package func completed(receive: ReceiveRequest, on queuePair: SimulatedQueuePair) {
    memory.complete(receive: receive, host: queuePair.host.number)
  }

  package func completed(send: SendRequest, on queuePair: SimulatedQueuePair) {
    memory.complete(send: send, host: queuePair.host.number)
  }

  package func delivered(bytes: [UInt8], on queuePair: SimulatedQueuePair) {
    deliveredCount += 1
    guard let place = places[queuePair.number] else {
      earlyMessages.append((bytes, queuePair))
      return
    }
    deliver(bytes, on: queuePair, at: place)
  }

  private func deliver(_ bytes: [UInt8], on queuePair: SimulatedQueuePair, at place: Int) {
    guard let message = try? O2IBMessage(decoding: bytes.rawBytes) else { return }
    let problem = ledgers[place].delivered(message, bytes: bytes)
    if !hasLawlessPeer(queuePair) { add(problem, queuePair) }
  }

  package func receiverWasNotReady(_ queuePair: SimulatedQueuePair) {
    guard !hasLawlessPeer(queuePair) else { return }
    add("no receive was posted for a message", queuePair)
  }

  package func changedWhilePosted(_ request: SendRequest, on queuePair: SimulatedQueuePair) {
    add("a message changed between its post and its sending", queuePair)
  }

  package func written(byteCount: Int, on queuePair: SimulatedQueuePair) {
    writtenByteCount += byteCount
    if let place = places[queuePair.number] { ledgers[place].unclaimedBytes += byteCount }
  }

  package func closed(_ host: SimulatedHost) { memory.forget(host: host.number) }

  // MARK: - At rest

  /// With nothing on the wire: every credit that one end lacks is owed by the other, fewer than would
  /// have had to be returned, and no request waits for its answer (04 F.2).
  package func checkAtRest() {
    for queuePair in fabric.livingQueuePairs() {
      guard !lawless.contains(queuePair.host.number), let place = places[queuePair.number],
        let other = queuePair.peer, let otherPlace = places[other.number],
        other.state == .readyToSend, !lawless.contains(other.host.number)
      else { continue }
      let mine = ledgers[place]
      let lacking = mine.depth - mine.credits
      let owed = ledgers[otherPlace].creditable - ledgers[otherPlace].creditsReturned
      if lacking != owed { add("lacks \(lacking) credits, the peer owes \(owed)", queuePair) }
      if owed > max(1, mine.depth / 2) { add("the peer sits on \(owed) credits", queuePair) }
      if mine.unansweredCount > 0 {
        add("\(mine.unansweredCount) requests without an answer", queuePair)
      }
    }
  }
}

extension SimulatedFabric {
  /// Established queue pairs that can send, in the order of their hosts and slots.
  func livingQueuePairs() -> [SimulatedQueuePair] {
    var result: [SimulatedQueuePair] = []
    for host in hosts where host.life == .running {
      for connection in host.connections {
        if let queuePair = connection.queuePair, queuePair.state == .readyToSend {
          result.append(queuePair)
        }
      }
    }
    return result
  }
}
