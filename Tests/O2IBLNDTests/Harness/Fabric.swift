// Several drivers joined by a transport of plain memory: queue pairs, a connection manager, faults by seed. What
// a real transport would answer with silence or an error, this one records as a violation.

import BasicContainers
import LNet
import LustreWire
import RDMATransport
import Structures

@testable import O2IBLND

/// One side of a connection in the fabric.
struct EndPoint {
  enum State { case preparing, ready, connected, broken, gone }
  var node: Int
  var owner: CMOwner
  var state = State.preparing
  var peer = -1
  var receives: [ReceiveRequest] = []
  /// Posted, not yet carried out.
  var sends: [SendRequest] = []
  /// Taken by the send queue, and not yet given back by a completion.
  var occupied = 0
  /// Carried out without a completion since the last one.
  var silent = 0
  var sendCapacity = 0
}

final class Fabric {
  var nodes: [FabricNode] = []
  var points: [EndPoint] = []
  /// A connect request's active side.
  var requests: [Int] = []
  var random: SeededGenerator
  var now: UInt64 = 1_000_000_000
  var violations: [String] = []
  /// In thousandths: a request is refused, an address does not resolve, a connection breaks in a turn.
  var refusals = 0
  var unreachable = 0
  var breaks = 0

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  func chance(_ thousandths: Int) -> Bool {
    thousandths > 0 && Int(random.next() % 1000) < thousandths
  }

  func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

  // MARK: - Turns

  /// One turn of one node: some of what waits for it, then what it wants.
  func turn(_ n: Int) {
    let node = nodes[n]
    node.turn.now = now
    while let expiry = node.turn.timers.expire(at: now) {
      node.lnd.timerExpired(expiry, &node.turn)
    }
    // Events and completions are told apart in any mixture, each in its own order.
    var budget = 1 + below(40)
    while budget > 0, !(node.cmEvents.isEmpty && node.completions.isEmpty) {
      budget -= 1
      if node.completions.isEmpty || (!node.cmEvents.isEmpty && below(3) == 0) {
        node.lnd.cmEvent(node.cmEvents.removeFirst(), &node.turn)
      } else {
        let completion = node.completions.removeFirst()
        node.lnd.completionReceived(completion, &node.turn)
      }
      node.takeEvents(self)
    }
    node.act(self)
    node.lnd.flush(&node.turn)
    node.takeEvents(self)
    execute(n)
  }

  private func execute(_ n: Int) {
    let node = nodes[n]
    for index in 0..<node.turn.receives.count {
      let request = node.turn.receives[index]
      let q = Int(request.queuePair.handle.raw)
      switch points[q].state {
      case .ready, .connected: points[q].receives.append(request)
      case .broken: complete(q, request, .flushed, 0)
      case .preparing, .gone: violations.append("a receive on a queue pair that is not there")
      }
    }
    for index in 0..<node.turn.sends.count {
      let request = node.turn.sends[index]
      let q = Int(request.queuePair.handle.raw)
      points[q].occupied += 1
      if points[q].occupied > points[q].sendCapacity { violations.append("send queue overrun") }
      switch points[q].state {
      case .connected: points[q].sends.append(request)
      case .broken: completeSend(q, request, .flushed)
      case .ready, .preparing, .gone: violations.append("a send before established")
      }
    }
    for index in 0..<node.turn.commands.count { command(node.turn.commands[index], n) }
    node.turn.receives.removeAll()
    node.turn.sends.removeAll()
    node.turn.commands.removeAll()
  }

  // MARK: - Data

  /// Carries out some of what is posted.
  func move() {
    for q in points.indices where points[q].state == .connected {
      if chance(breaks) {
        breakPair(q)
        continue
      }
      var count = below(6)
      while count > 0, points[q].state == .connected, !points[q].sends.isEmpty {
        count -= 1
        carry(q)
      }
    }
  }

  private func carry(_ q: Int) {
    let request = points[q].sends[0]
    let peer = points[q].peer
    let source = request.segments.0
    if request.operation == .rdmaWrite {
      let memory = nodes[points[peer].node].memory
      guard
        memory.allowsWrite(
          key: request.remoteKey, address: request.remoteAddress, byteCount: Int(source.length))
      else {
        violations.append("a WRITE outside the sink")
        breakPair(q)
        return
      }
      pointer(request.remoteAddress).copyMemory(
        from: pointer(source.address), byteCount: Int(source.length))
    } else {
      guard !points[peer].receives.isEmpty else {
        violations.append("receiver not ready (§15.8)")
        breakPair(q)
        return
      }
      let receive = points[peer].receives.removeFirst()
      pointer(receive.segment.address).copyMemory(
        from: pointer(source.address), byteCount: Int(source.length))
      complete(peer, receive, .success, source.length)
    }
    points[q].sends.removeFirst()
    if request.isSignaled {
      completeSend(q, request, .success)
    } else {
      points[q].silent += 1
    }
  }

  private func complete(
    _ q: Int, _ request: ReceiveRequest, _ status: CompletionStatus, _ byteCount: UInt32
  ) {
    nodes[points[q].node].completions.append(
      WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: byteCount, status: status,
        operation: .receive))
  }

  private func completeSend(_ q: Int, _ request: SendRequest, _ status: CompletionStatus) {
    points[q].occupied -= points[q].silent + 1
    points[q].silent = 0
    nodes[points[q].node].completions.append(
      WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: 0, status: status,
        operation: request.operation))
  }

  /// Puts a queue pair into ERROR and flushes it.
  private func flush(_ q: Int) {
    guard points[q].state == .connected || points[q].state == .ready else { return }
    points[q].state = .broken
    for request in points[q].sends { completeSend(q, request, .flushed) }
    for request in points[q].receives { complete(q, request, .flushed, 0) }
    points[q].sends = []
    points[q].receives = []
  }

  /// A connection is lost; each side learns of it in its own way.
  func breakPair(_ q: Int) {
    let peer = points[q].peer
    flush(q)
    event(q, .disconnected)
    guard peer >= 0 else { return }
    flush(peer)
    event(peer, .disconnected)
  }

  private func event(_ q: Int, _ kind: CMEvent.Kind) {
    guard points[q].state != .gone else { return }
    nodes[points[q].node].cmEvents.append(CMEvent(owner: points[q].owner, kind: kind))
  }

  // MARK: - The connection manager

  private func point(_ n: Int, _ owner: CMOwner) -> Int? {
    points.lastIndex { $0.node == n && $0.owner == owner && $0.state != .gone }
  }

  private func command(_ command: CMCommand, _ n: Int) {
    switch command {
    case .listen(let owner, _, _):
      nodes[n].cmEvents.append(CMEvent(owner: owner, kind: .listening))
      nodes[n].isListening = true
    case .prepare(let owner, _, let attributes):
      if chance(unreachable) {
        points.append(EndPoint(node: n, owner: owner))
        event(points.count - 1, .failed(ConnectFailure(step: .resolveAddress, errno: 113)))
      } else {
        make(n, owner, attributes)
      }
    case .prepareReply(let owner, let request, let attributes):
      let active = requests[Int(request.raw)]
      make(n, owner, attributes)
      points[points.count - 1].peer = active
      if points[active].state == .gone {
        points[points.count - 1].peer = -1
      } else {
        points[active].peer = points.count - 1
      }
    case .connect(let owner, let parameters): connect(n, owner, parameters.privateData)
    case .accept(let owner, let parameters): accept(n, owner, parameters.privateData)
    case .reject(let request, let data): fail(requests[Int(request.raw)], data)
    case .rejectPrepared(let owner, let data):
      if let q = point(n, owner), points[q].peer >= 0 { fail(points[q].peer, data) }
    case .disconnect(let owner):
      if let q = point(n, owner) {
        if points[q].state == .connected { breakPair(q) } else { event(q, .disconnected) }
      }
    case .destroy(let owner): destroy(n, owner)
    }
  }

  private func make(_ n: Int, _ owner: CMOwner, _ attributes: QueuePairAttributes) {
    let q = points.count
    points.append(EndPoint(node: n, owner: owner, state: .ready))
    points[q].sendCapacity = Int(attributes.sendCapacity)
    event(q, .ready(QueuePairHandle(handle: Handle(raw: UInt32(q))), granted: attributes))
  }

  private func connect(_ n: Int, _ owner: CMOwner, _ data: PrivateData) {
    guard let q = point(n, owner) else { return }
    guard let message = try? O2IBMessage(decoding: data.bytes),
      let target = nodes.firstIndex(where: { $0.nid == message.envelope.destinationNID }),
      nodes[target].isListening
    else {
      event(q, .failed(ConnectFailure(step: .connect, errno: 111, rejectReason: 8)))
      return
    }
    if chance(refusals) {
      event(q, .failed(ConnectFailure(step: .connect, errno: 111, rejectReason: 10)))
      return
    }
    requests.append(q)
    nodes[target].cmEvents.append(
      CMEvent(
        owner: 1 << 32,
        kind: .connectRequest(
          ConnectRequestHandle(raw: UInt64(requests.count - 1)),
          source: SocketAddress(ipv4: 1, port: 1023), privateData: data)))
  }

  private func accept(_ n: Int, _ owner: CMOwner, _ data: PrivateData) {
    guard let q = point(n, owner) else { return }
    let active = points[q].peer
    guard active >= 0, points[active].state == .ready else {
      event(q, .failed(ConnectFailure(step: .accept, errno: 110)))
      return
    }
    let count = UInt16(points[q].receives.count)
    if count < 18 { violations.append("accepted with \(count) receives (§15.8)") }
    points[q].state = .connected
    points[active].state = .connected
    event(q, .established(privateData: PrivateData()))
    event(active, .established(privateData: PrivateData(data.bytes, paddedTo: 196)))
  }

  private func fail(_ q: Int, _ data: PrivateData) {
    event(
      q,
      .failed(
        ConnectFailure(
          step: .connect, errno: 111, rejectReason: 28,
          privateData: PrivateData(data.bytes, paddedTo: 148))))
  }

  private func destroy(_ n: Int, _ owner: CMOwner) {
    if owner >> 32 != 0 {
      nodes[n].isListening = false
      nodes[n].cmEvents.append(CMEvent(owner: owner, kind: .released))
      return
    }
    guard let q = point(n, owner) else {
      violations.append("destroyed what is not there")
      return
    }
    let peer = points[q].peer
    flush(q)
    if peer >= 0, points[peer].peer == q, points[peer].state == .connected {
      flush(peer)
      event(peer, .disconnected)
    }
    // Released is the last word: it comes behind every completion.
    nodes[n].released.append(CMEvent(owner: owner, kind: .released))
    points[q].state = .gone
  }
}
