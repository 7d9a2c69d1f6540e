internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

/// What a connect request says, as far as it can be read.
struct RequestFacts: BitwiseCopyable {
  var listener: Int
  var sourcePort: UInt16
  var byteCount: Int
  var magic: UInt32 = 0
  var version: UInt16 = 0
  var message: O2IBMessage?
  /// Our NI that it names; -1 for none.
  var interface = -1

  init(listener: Int, sourcePort: UInt16, data: PrivateData) {
    self.listener = listener
    self.sourcePort = sourcePort
    byteCount = data.count
    guard byteCount >= 6 else { return }
    let bytes = data.bytes
    magic = bytes.native(UInt32.self, at: 0)
    version = bytes.native(UInt16.self, at: 4)
    if magic == O2IBProtocol.magic.byteSwapped { version = version.byteSwapped }
    message = try? O2IBMessage(decoding: bytes)
  }

  var proposed: ProposedParameters? {
    guard let message, case .connectRequest(let parameters) = message.body else { return nil }
    return ProposedParameters(
      queueDepth: parameters.queueDepth, maximumFragments: parameters.maximumFragments,
      maximumMessageBytes: parameters.maximumMessageBytes)
  }
}

/// The three numbers of a CONNREQ.
struct ProposedParameters: BitwiseCopyable {
  var queueDepth: UInt16
  var maximumFragments: UInt16
  var maximumMessageBytes: UInt32
}

extension O2IBLND {
  mutating func listenerEvent(_ event: CMEvent, interface slot: Int, _ turn: inout Turn) {
    guard slot < interfaces.count else {
      counters.eventsIgnored += 1
      return
    }
    switch event.kind {
    case .listening:
      if interfaces[slot].listen == .starting { interfaces[slot].listen = .listening }
    case .listenFailed(let errno):
      interfaces[slot].listen = .failed(errno: errno)
      let own = interfaces[slot].given
      log(
        .listenFailed, peer: own.nid, interface: own.index, number: Int64(errno), at: turn.now)
    case .connectRequest(let request, let source, let data):
      connectRequested(request, source, data, listener: slot, &turn)
    case .released:
      if interfaces[slot].listen == .stopping { interfaces[slot].listen = .down }
    case .deviceRemoved:
      cmEvent(CMEvent(owner: 0, kind: .deviceRemoved), &turn)
    case .ready, .established, .failed, .disconnected:
      counters.eventsIgnored += 1
    }
  }

  private mutating func connectRequested(
    _ request: ConnectRequestHandle, _ source: SocketAddress, _ data: PrivateData,
    listener: Int, _ turn: inout Turn
  ) {
    counters.requestsReceived += 1
    var facts = RequestFacts(listener: listener, sourcePort: source.port, data: data)
    if let message = facts.message {
      for slot in 0..<interfaces.count
      where interfaces[slot].given.nid == message.envelope.destinationNID {
        facts.interface = slot
      }
    }
    let refusedBy = firstFailure(facts, &turn)
    guard refusedBy == nil, let message = facts.message, let proposed = facts.proposed else {
      let nid = facts.message?.envelope.sourceNID ?? NID.o2ib(source.ipv4)
      refuseRequest(request, refusedBy ?? .fatal, facts.interface, from: nid, listener, &turn)
      return
    }
    let envelope = message.envelope
    guard
      let p = findPeer(envelope.sourceNID, facts.interface)
        ?? takePeer(envelope.sourceNID, facts.interface, &turn),
      let c = takeConnection(p, depth: Int(proposed.queueDepth), &turn)
    else {
      refuseRequest(
        request, .noResources, facts.interface, from: envelope.sourceNID, listener, &turn)
      if let p = findPeer(envelope.sourceNID, facts.interface) { tidyPeer(p, &turn) }
      return
    }
    peers[p].stamp = envelope.sourceStamp
    peers[p].passiveInProgress += 1
    connections[c].peerStamp = envelope.sourceStamp
    connections[c].request = request
    connections[c].wantedDepth = proposed.queueDepth
    connections[c].wantedFragments = proposed.maximumFragments
    connections[c].maximumFragments = proposed.maximumFragments
    connections[c].setState(.replying, on: .ready, at: turn.now)
    issue(.prepare, c)
    armTimer(c, at: turn.now &+ configuration.prepareNanoseconds, &turn)
  }

  private mutating func refuseRequest(
    _ request: ConnectRequestHandle, _ reason: RejectReason, _ interface: Int, from nid: NID,
    _ listener: Int, _ turn: inout Turn
  ) {
    if reason == .noResources { counters.resourcesExhausted += 1 }
    log(
      .rejectSent, peer: nid, interface: interfaces[listener].given.index,
      number: Int64(reason.rawValue), at: turn.now)
    refuse(request, reason, interface)
  }

  /// Queues a reject. When too many wait for room, the transport's own bound on requests answers.
  mutating func refuse(_ request: ConnectRequestHandle, _ reason: RejectReason, _ interface: Int) {
    counters.rejectsSent.count(reason)
    refusals.append(
      Refusal(request: request, reason: reason, interface: Int16(interface)))
  }

  /// The reason of the first row of the table that the request fails; nil when it passes them all.
  private mutating func firstFailure(_ facts: RequestFacts, _ turn: inout Turn) -> RejectReason? {
    for index in 0..<16 {
      let row = tables.passive.rows[index]
      if !passes(row.check, facts, &turn) { return row.reason }
    }
    return nil
  }

  private mutating func passes(
    _ check: PassiveCheck, _ facts: RequestFacts, _ turn: inout Turn
  ) -> Bool {
    switch check {
    case .privilegedPort:
      return !configuration.requiresPrivilegedPort || facts.sourcePort < 1024
    case .length: return facts.byteCount >= 6
    case .probe:
      return facts.magic != O2IBProtocol.probeMagic
        && facts.magic.byteSwapped != O2IBProtocol.probeMagic
    case .version: return facts.version == O2IBProtocol.version
    case .envelope: return facts.message != nil
    case .interfaceActive:
      if facts.interface >= 0 { return interfaces[facts.interface].listen == .listening }
      let device = interfaces[facts.listener].given.device
      for slot in 0..<interfaces.count where interfaces[slot].given.device == device {
        if interfaces[slot].listen == .starting || interfaces[slot].listen == .down {
          return false
        }
      }
      return true
    case .interfaceKnown: return facts.interface >= 0
    case .device:
      return facts.interface >= 0
        && interfaces[facts.interface].given.device == interfaces[facts.listener].given.device
    case .stamp:
      guard facts.interface >= 0, let envelope = facts.message?.envelope else { return false }
      return envelope.destinationStamp == 0
        || envelope.destinationStamp == interfaces[facts.interface].given.stamp
    case .type: return facts.proposed != nil
    case .queueDepth:
      return Int(facts.proposed?.queueDepth ?? .max) <= configuration.peerCredits
    case .emptyQueue: return facts.proposed?.queueDepth ?? 0 > 0
    case .fragments:
      return facts.proposed?.maximumFragments ?? .max <= O2IBProtocol.maximumFragments
    case .messageSize:
      return facts.proposed?.maximumMessageBytes ?? .max <= O2IBProtocol.maximumMessageBytes
    case .peerStamp: return isPresentInstance(facts, &turn)
    case .resources: return hasResources(for: facts, &turn)
    }
  }

  /// Row 13: a request of another incarnation than the one we are connected with ends those
  /// connections, and the retry of the new one is taken.
  private mutating func isPresentInstance(_ facts: RequestFacts, _ turn: inout Turn) -> Bool {
    guard facts.interface >= 0, let envelope = facts.message?.envelope,
      let p = findPeer(envelope.sourceNID, facts.interface)
    else { return true }
    let isConnected = peers[p].established > 0 || peers[p].passiveInProgress > 0
    guard isConnected, peers[p].stamp != 0, peers[p].stamp != envelope.sourceStamp else {
      return true
    }
    peers[p].stamp = envelope.sourceStamp
    closeOtherInstances(p, stamp: envelope.sourceStamp, &turn)
    return false
  }

  private mutating func hasResources(for facts: RequestFacts, _ turn: inout Turn) -> Bool {
    guard let envelope = facts.message?.envelope, let proposed = facts.proposed else {
      return false
    }
    let count = O2IBConfiguration.receiveCount(depth: Int(proposed.queueDepth))
    return !isStopping && !freeConnections.isEmpty
      && turn.memory.messages.freePieceCount >= count + limits.sendPieces
      && (freePeer >= 0 || findPeer(envelope.sourceNID, facts.interface) != nil)
  }
}
