internal import Structures
package import RDMATransport

/// A transport on which things go wrong by a plan.
///
/// Time is counted in polls of completions, so that a run repeats. Whatever happens, the contract holds: requests on a
/// queue pair complete in order and once, *released* comes last, and what was held goes out in order.
package struct FaultInjecting<Base: RDMATransport & ~Copyable>: RDMATransport, ~Copyable {
  /// A send that is not with the transport below.
  private struct Held {
    var request: SendRequest
    /// It ends with this, and not by being sent; nil for one that goes out later.
    var status: CompletionStatus?
  }

  package var base: Base
  /// How many faults struck.
  package private(set) var faultCount = 0
  private var dice: FaultDice
  private var turn: UInt64 = 0
  private var partitionEnd: UInt64 = 0
  private var completions: [(due: UInt64, completion: WorkCompletion)] = []
  private var events: [(due: UInt64, event: CMEvent)] = []
  private var receives: [(due: UInt64, request: ReceiveRequest)] = []
  private var commands: [CMCommand] = []
  private var sends: [Held] = []
  private var owners: [QueuePairHandle: CMOwner] = [:]
  /// Queue pairs whose sends are taken, and flushed, here.
  private var poisoned: Set<QueuePairHandle> = []
  /// Signaled sends with the transport below; an error of ours comes after them.
  private var outstanding: [QueuePairHandle: Int] = [:]

  package init(_ base: consuming Base, plan: FaultPlan) {
    self.base = base
    dice = FaultDice(plan)
  }

  package var capabilities: TransportCapabilities { base.capabilities }
  package var deviceName: String { base.deviceName }

  package static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError {
    Base.explainListenFailure(errno: errno, address: address)
  }
  package var wakeDescriptor: Int32 { base.wakeDescriptor }

  package mutating func allocate(
    byteCount: Int, access: MemoryAccess
  ) throws(TransportError) -> MemoryRegion {
    try base.allocate(byteCount: byteCount, access: access)
  }

  package mutating func release(_ region: MemoryRegion) { base.release(region) }
  package mutating func keepMemory() { base.keepMemory() }

  private var isPartitioned: Bool { turn < partitionEnd }

  // MARK: - Out

  package mutating func execute(_ span: Span<CMCommand>) {
    for index in 0..<span.count {
      let command = span[index]
      if let step = command.step {
        if dice.roll({ $0 == .drop(step) }) != nil {
          faultCount += 1
          continue
        }
        if isPartitioned {
          commands.append(command)
          continue
        }
      }
      if case .destroy(let owner) = command { letGo(of: owner) }
      pass(command)
    }
  }

  private mutating func pass(_ command: CMCommand) {
    let one: InlineArray<1, CMCommand> = [command]
    base.execute(one.span)
  }

  /// What is held of a connection that is destroyed goes below at once, to be flushed there.
  private mutating func letGo(of owner: CMOwner) {
    let held = receives.filter { owners[$0.request.queuePair] == owner }
    receives.removeAll { owners[$0.request.queuePair] == owner }
    for item in held { passReceive(item.request) }
    for index in sends.indices
    where owners[sends[index].request.queuePair] == owner && sends[index].status == nil {
      sends[index].status = .flushed
    }
  }

  private mutating func passReceive(_ request: ReceiveRequest) {
    let one: InlineArray<1, ReceiveRequest> = [request]
    if base.post(receives: one.span) == .posted { return }
    // Below, its queue pair is gone or full; its poster was told that it was accepted.
    queue(
      WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: 0, status: .flushed,
        operation: .receive))
  }

  package mutating func post(receives span: Span<ReceiveRequest>) -> PostResult {
    for index in 0..<span.count {
      if case .withholdReceive(let polls)? = dice.roll({
        if case .withholdReceive = $0 { true } else { false }
      }) {
        faultCount += 1
        receives.append((due: turn + UInt64(polls), request: span[index]))
        continue
      }
      if let last = receives.last {
        receives.append((due: last.due, request: span[index]))
        continue
      }
      let one: InlineArray<1, ReceiveRequest> = [span[index]]
      if case .stopped(_, let isFull, let errno) = base.post(receives: one.span) {
        return .stopped(accepted: index, queueFull: isFull, errno: errno)
      }
    }
    return .posted
  }

  package mutating func post(sends span: Span<SendRequest>) -> PostResult {
    for index in 0..<span.count {
      let request = span[index]
      let queuePair = request.queuePair
      if owners[queuePair] != nil, let status = strike(request) {
        sends.append(Held(request: request, status: status))
        poisoned.insert(queuePair)
        continue
      }
      if poisoned.contains(queuePair) {
        sends.append(Held(request: request, status: .flushed))
        continue
      }
      let isBehind = sends.contains { $0.request.queuePair == queuePair }
      if isPartitioned || isBehind {
        sends.append(Held(request: request, status: nil))
        continue
      }
      if case .stopped(_, let isFull, let errno) = passSend(request) {
        return .stopped(accepted: index, queueFull: isFull, errno: errno)
      }
    }
    return .posted
  }

  /// What a send comes to by the plan; nil when it is carried out.
  private mutating func strike(_ request: SendRequest) -> CompletionStatus? {
    let fault = dice.roll {
      switch $0 {
      case .failSend, .die, .partition: true
      default: false
      }
    }
    guard let fault else { return nil }
    faultCount += 1
    switch fault {
    case .failSend(let status): return status
    case .die: return .retryExceeded
    case .partition(let polls):
      partitionEnd = max(partitionEnd, turn + UInt64(polls))
      return nil
    default: return nil
    }
  }

  private mutating func passSend(_ request: SendRequest) -> PostResult {
    let one: InlineArray<1, SendRequest> = [request]
    let result = base.post(sends: one.span)
    if result == .posted && request.isSignaled { outstanding[request.queuePair, default: 0] += 1 }
    return result
  }

  // MARK: - In

  private mutating func queue(_ completion: WorkCompletion, delayedBy polls: Int = 0) {
    let due = max(turn + UInt64(polls), completions.last?.due ?? 0)
    completions.append((due: due, completion: completion))
  }

  package mutating func poll(completions output: inout OutputSpan<WorkCompletion>) {
    turn += 1
    releaseHeld()
    let polled = [WorkCompletion](capacity: 64) { base.poll(completions: &$0) }
    for completion in polled {
      if completion.operation != .receive, let count = outstanding[completion.queuePair] {
        outstanding[completion.queuePair] = max(count - 1, 0)
      }
      let delay = dice.roll { if case .delayCompletion = $0 { true } else { false } }
      if case .delayCompletion(let polls)? = delay {
        faultCount += 1
        queue(completion, delayedBy: polls)
      } else {
        queue(completion)
      }
    }
    endPoisoned()
    while let first = completions.first, first.due <= turn, !isPartitioned,
      output.freeCapacity > 0
    {
      output.append(first.completion)
      completions.removeFirst()
    }
  }

  /// Lets out what was held and is due.
  private mutating func releaseHeld() {
    while let first = receives.first, first.due <= turn {
      receives.removeFirst()
      passReceive(first.request)
    }
    guard !isPartitioned else { return }
    let late = commands
    commands.removeAll()
    for command in late { pass(command) }
    var kept: [Held] = []
    var blocked: Set<QueuePairHandle> = []
    for held in sends {
      let queuePair = held.request.queuePair
      if held.status != nil || blocked.contains(queuePair) {
        kept.append(held)
        continue
      }
      switch passSend(held.request) {
      case .posted: break
      case .stopped(_, let isFull, _):
        var again = held
        if !isFull { again.status = .flushed }
        kept.append(again)
        blocked.insert(queuePair)
      }
    }
    sends = kept
  }

  /// Completes what we took out of the way, when everything before it has completed.
  private mutating func endPoisoned() {
    var kept: [Held] = []
    var waiting: Set<QueuePairHandle> = []
    for held in sends {
      let queuePair = held.request.queuePair
      guard let status = held.status, !waiting.contains(queuePair),
        outstanding[queuePair, default: 0] == 0
      else {
        waiting.insert(queuePair)
        kept.append(held)
        continue
      }
      queue(
        WorkCompletion(
          id: held.request.id, queuePair: queuePair, byteCount: 0, status: status,
          operation: held.request.operation))
      // Below it ends too, so that its receives are flushed.
      if status != .flushed, let owner = owners[queuePair] { pass(.disconnect(owner: owner)) }
    }
    sends = kept
  }

  package mutating func poll(events output: inout OutputSpan<CMEvent>) {
    let polled = [CMEvent](capacity: 16) { base.poll(events: &$0) }
    for event in polled {
      if case .ready(let queuePair, _) = event.kind { owners[queuePair] = event.owner }
      var due = max(turn, events.last?.due ?? 0)
      if let step = event.step {
        if dice.roll({ $0 == .drop(step) }) != nil {
          faultCount += 1
          continue
        }
        let delay = dice.roll { if case .delay(step, _) = $0 { true } else { false } }
        if case .delay(_, let polls)? = delay {
          faultCount += 1
          due = max(due, turn + UInt64(polls))
        }
      }
      events.append((due: due, event: event))
    }
    while let first = events.first, first.due <= turn, !isPartitioned, output.freeCapacity > 0 {
      // Every completion of an owner comes before its *released*.
      if first.event.isReleased {
        guard completions.isEmpty, !hasHeld(of: first.event.owner) else { return }
        forget(first.event.owner)
      }
      output.append(first.event)
      events.removeFirst()
    }
  }

  private func hasHeld(of owner: CMOwner) -> Bool {
    sends.contains { owners[$0.request.queuePair] == owner }
  }

  private mutating func forget(_ owner: CMOwner) {
    poisoned = poisoned.filter { owners[$0] != owner }
    outstanding = outstanding.filter { owners[$0.key] != owner }
    owners = owners.filter { $0.value != owner }
  }

  // MARK: - Sleeping

  package static var pollsForConnections: Bool { Base.pollsForConnections }
  package mutating func arm() -> Bool {
    // What is held is counted in polls: there must be some.
    let isIdle =
      completions.isEmpty && events.isEmpty && receives.isEmpty && sends.isEmpty
      && commands.isEmpty && !isPartitioned
    return isIdle && base.arm()
  }

  package mutating func nextDeadline() -> UInt64? { base.nextDeadline() }
}
