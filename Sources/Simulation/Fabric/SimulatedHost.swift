internal import RDMATransport
internal import Structures

/// The device of one transport and what it keeps: memory, queue pairs, connections, finished work.
package final class SimulatedHost {
  package enum Life { case running, deviceRemoved, closed }

  package let number: Int
  package let addresses: [UInt32]
  unowned let fabric: SimulatedFabric
  package private(set) var life = Life.running

  package var memory: SimulatedMemory
  var queuePairs: SlotTable<SimulatedQueuePair>
  /// In the order in which they were made.
  var connections: [SimulatedConnection] = []
  var listeners: [SimulatedListener] = []
  var requests: [PendingConnectRequest] = []
  /// When the way out is free for the next packet.
  var egressFreeAt: UInt64 = 0

  private struct Finished {
    var completion: WorkCompletion
    var queuePair: SimulatedQueuePair
    var slots: Int
    var visibleAt: UInt64
  }
  private var completions = Fifo<Finished>()
  private var lastVisible: UInt64 = 0
  private var events = Fifo<CMEvent>()

  init(number: Int, addresses: [UInt32], fabric: SimulatedFabric) {
    self.number = number
    self.addresses = addresses
    self.fabric = fabric
    memory = SimulatedMemory(firstKey: UInt32(number + 1) << 20)
    queuePairs = SlotTable(capacity: SimulatedFabric.queuePairCountMax)
  }

  /// Connections, listeners and unanswered requests.
  package var openObjectCount: Int { connections.count + listeners.count + requests.count }

  // MARK: - Finished work and events

  func complete(_ completion: WorkCompletion, of queuePair: SimulatedQueuePair, freeing: Int) {
    guard life != .closed else { return }
    let delay = fabric.draw(upTo: fabric.model.completionDelay)
    if fabric.sabotage.losesCompletion(completion) { return }
    lastVisible = max(lastVisible, fabric.now + delay)
    queuePair.unpolledCompletions += 1
    completions.append(
      Finished(
        completion: completion, queuePair: queuePair, slots: freeing, visibleAt: lastVisible))
    fabric.wake(self, at: lastVisible)
  }

  func report(_ owner: CMOwner, _ kind: CMEvent.Kind, timing: ConnectTiming = ConnectTiming()) {
    guard life != .closed else { return }
    events.append(CMEvent(owner: owner, kind: kind, timing: timing))
    fabric.wake(self, at: fabric.now)
  }

  /// Whether a poll would find something.
  package var hasWork: Bool {
    if !events.isEmpty { return true }
    guard let first = completions.first else { return false }
    return first.visibleAt <= fabric.now
  }

  func poll(completions output: inout OutputSpan<WorkCompletion>) {
    while output.freeCapacity > 0, let first = completions.first, first.visibleAt <= fabric.now {
      _ = completions.popFirst()
      output.append(first.completion)
      fabric.trace.event(
        1, UInt64(number), first.completion.id,
        UInt64(first.completion.status.rawValue) << 32 | UInt64(first.completion.byteCount))
      first.queuePair.usedSlots -= first.slots
      first.queuePair.unpolledCompletions -= 1
      releaseIfDone(first.queuePair.connection)
    }
  }

  func poll(events output: inout OutputSpan<CMEvent>) {
    while output.freeCapacity > 0, let event = events.popFirst() {
      output.append(event)
      fabric.trace.event(2, UInt64(number), event.owner, event.kind.traceNumber)
    }
  }

  /// `released` comes when everything that was posted has been polled, and is the last event.
  func releaseIfDone(_ connection: SimulatedConnection) {
    guard connection.phase == .destroyed, !connection.isReleased,
      connection.queuePair.map({ $0.unpolledCompletions == 0 }) ?? true
    else { return }
    connection.isReleased = true
    if let queuePair = connection.queuePair { queuePairs.remove(queuePair.handle.handle) }
    connection.dismantle()
    connections.removeAll { $0 === connection }
    report(connection.owner, .released)
  }

  // MARK: - Posting

  func post(receives: Span<ReceiveRequest>) -> PostResult {
    for index in 0..<receives.count {
      let request = receives[index]
      guard queuePairs.contains(request.queuePair.handle), life != .closed else {
        return .stopped(accepted: index, queueFull: false, errno: Errno.invalid)
      }
      let queuePair = queuePairs[request.queuePair.handle]
      guard queuePair.receives.count < Int(queuePair.attributes.receiveCapacity) else {
        return .stopped(accepted: index, queueFull: true, errno: Errno.noMemory)
      }
      queuePair.receives.append(request)
      fabric.observer?.posted(receive: request, on: queuePair)
      if queuePair.state == .error { queuePair.flush() }
    }
    return .posted
  }

  func post(sends: Span<SendRequest>) -> PostResult {
    for index in 0..<sends.count {
      let request = sends[index]
      guard queuePairs.contains(request.queuePair.handle), life != .closed else {
        return .stopped(accepted: index, queueFull: false, errno: Errno.invalid)
      }
      let queuePair = queuePairs[request.queuePair.handle]
      guard queuePair.accepts(request) else {
        return .stopped(accepted: index, queueFull: false, errno: Errno.invalid)
      }
      guard queuePair.usedSlots < Int(queuePair.attributes.sendCapacity) else {
        return .stopped(accepted: index, queueFull: true, errno: Errno.noMemory)
      }
      queuePair.usedSlots += 1
      let isSmall = request.operation == .send || request.isInline
      let snapshot = isSmall ? memory.gather(request.usedSegments) : nil
      if request.operation == .send, let snapshot {
        fabric.observer?.posted(send: request, bytes: snapshot, on: queuePair)
      }
      queuePair.sends.append(
        SimulatedQueuePair.Pending(
          request: request, snapshot: snapshot, response: nil))
      if queuePair.state == .error { queuePair.flush() } else { fabric.transmit(queuePair) }
    }
    return .posted
  }

  // MARK: - Ending

  /// The device is pulled out: everything on it ends, and its peers hear nothing.
  package func removeDevice() {
    guard life == .running else { return }
    life = .deviceRemoved
    fabric.trace.event(3, UInt64(number), 0, 0)
    report(0, .deviceRemoved)
    for connection in connections { connection.endWithDevice() }
    listeners = []
    requests = []
  }

  /// The process ends. With `silently` the machine goes with it; else its kernel tells the peers.
  package func close(silently: Bool) {
    guard life != .closed else { return }
    if !silently && life == .running {
      for connection in connections { connection.abandon() }
      for request in requests { fabric.refuse(request, privateData: PrivateData()) }
    }
    fabric.trace.event(4, UInt64(number), silently ? 1 : 0, 0)
    life = .closed
    fabric.observer?.closed(self)
    for connection in connections {
      if let queuePair = connection.queuePair {
        fabric.leaveOnTheWire(queuePair)
        queuePairs.remove(queuePair.handle.handle)
      }
      connection.dismantle()
    }
    connections = []
    listeners = []
    requests = []
    completions = Fifo()
    events = Fifo()
  }
}

extension SendRequest {
  var usedSegments: [Segment] {
    switch segmentCount {
    case 0: []
    case 1: [segments.0]
    default: [segments.0, segments.1]
    }
  }

  var byteCount: Int { usedSegments.reduce(0) { $0 + Int($1.length) } }
}

extension SimulatedQueuePair {
  /// Whether its send queue can ever take the request.
  func accepts(_ request: SendRequest) -> Bool {
    guard state == .readyToSend || state == .error else { return false }
    guard request.operation != .receive, request.segmentCount <= attributes.sendSegments else {
      return false
    }
    if request.isInline {
      guard request.operation != .rdmaRead,
        request.byteCount <= Int(attributes.inlineByteCount)
      else { return false }
    }
    return request.operation != .rdmaRead || initiatorDepth > 0
  }
}

extension CMEvent.Kind {
  var traceNumber: UInt64 {
    switch self {
    case .listening: 1
    case .listenFailed(let errno): 2 | UInt64(UInt32(bitPattern: errno)) << 8
    case .connectRequest: 3
    case .ready: 4
    case .established: 5
    case .failed(let failure):
      6 | UInt64(failure.step.rawValue) << 8 | UInt64(failure.rejectReason) << 16
    case .disconnected: 7
    case .released: 8
    case .deviceRemoved: 9
    }
  }
}

/// The errno values of Linux that the simulated devices report.
enum Errno {
  static var noMemory: Int32 { 12 }
  static var invalid: Int32 { 22 }
  static var addressInUse: Int32 { 98 }
  static var addressNotAvailable: Int32 { 99 }
  static var noDevice: Int32 { 19 }
  static var connectionReset: Int32 { 104 }
  static var timedOut: Int32 { 110 }
  static var connectionRefused: Int32 { 111 }
  static var hostUnreachable: Int32 { 113 }
}
