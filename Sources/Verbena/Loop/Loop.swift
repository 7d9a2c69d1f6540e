internal import BasicContainers
internal import CLinuxShims
internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import RDMATransport
internal import Synchronization

/// How a loop waits when there is nothing to do.
struct LoopPacing: Sendable {
  /// How long an idle loop polls before it sleeps on events.
  var spin: SpinBudget
}

/// How a loop has ended.
struct LoopEnd {
  /// Why, when nobody had asked for it; else nil.
  var cause: NodeError?
  /// Buffers and exposures that callers still held.
  var unreturnedBufferCount: Int
}

/// One node on one transport, driven by one thread.
///
/// A turn: take completions and events, the work that other threads left, the timers that passed; let the
/// rooms run; hand their batches to the transport. Then, with nothing left, spin for a while (`SpinBudget`) and
/// sleep.
struct Loop<Transport: RDMATransport & ~Copyable, Program: NodeProgram & ~Copyable>: ~Copyable {
  var transport: Transport
  var node: NodeCore
  var program: Program
  var operations: Operations
  let inbox: Inbox
  private let log: NodeLog
  private(set) var pacing: LoopPacing
  private let lentMemoryPatience: Duration
  private let sleeper: Sleeper
  private var completions: RigidArray<WorkCompletion>
  private var events: RigidArray<CMEvent>
  /// Since when nothing happened, in nanoseconds; nil while something does.
  private var idleSince: UInt64?
  /// Whether the loop has slept since something happened.
  private var hasSlept = false
  /// Whether the last turn took completions.
  private var hasCompleted = false
  /// Whether something worth polling for has been sent or has come since the loop slept.
  private var hasTraffic = Transport.pollsForConnections

  /// Completions taken in one turn: enough to share a doorbell, few enough to keep timers exact.
  private static var completionsPerTurn: Int { 256 }
  private static var eventsPerTurn: Int { 32 }
  /// Looks for completions between two whole turns of an idle loop: a look costs a tenth of a turn, and events,
  /// timers and the spin time can wait for so few.
  private static var looksPerTurn: Int { 16 }

  /// Makes the transport, takes the node's memory from it, and joins the rooms.
  init(
    configuration: NodeConfiguration, inbox: Inbox, program: consuming Program,
    transport make: () throws(TransportError) -> Transport
  ) throws(NodeError) {
    var made = try Self.translating(make)
    let core = try NodeCore(
      configuration, transport: &made, now: clinux_monotonic_nanoseconds())
    let sleeper = Sleeper(made.wakeDescriptor, inbox.bell)
    transport = made
    node = core
    self.sleeper = sleeper
    self.program = program
    self.inbox = inbox
    log = NodeLog(logger: configuration.logger, device: transport.deviceName)
    operations = Operations()
    lentMemoryPatience = configuration.lentMemoryPatience
    pacing = LoopPacing(spin: SpinBudget(base: configuration.spin.nanosecondCount))
    completions = RigidArray(capacity: Self.completionsPerTurn)
    events = RigidArray(capacity: Self.eventsPerTurn)
  }

  private static func translating(
    _ make: () throws(TransportError) -> Transport
  ) throws(NodeError) -> Transport {
    do throws(TransportError) {
      return try make()
    } catch {
      throw NodeError(error, nil)
    }
  }

  /// Runs until the node has stopped and every buffer that callers hold has come back, or their time has passed.
  ///
  /// - Parameter started: finished with the device's name when the node listens on all its NIDs.
  /// - Throws: why it could not listen; then the node has stopped.
  mutating func run(started: Call<String>) throws(NodeError) -> LoopEnd {
    node.turn.now = clinux_monotonic_nanoseconds()
    node.start()
    program.started(&node)
    var isStarting = true
    var refusal: NodeError?
    var loss: NodeError?
    while !node.hasStopped && !operations.isKilled {
      look()
      let busy = turn()
      if isStarting, let outcome = startOutcome() {
        isStarting = false
        switch outcome {
        case .success: started.finish(.success(transport.deviceName))
        case .failure(let error):
          refusal = error
          node.stop()
        }
      }
      if loss == nil, node.lnd.isDeviceRemoved {
        // The device cannot go before its last user has.
        loss = .deviceRemoved(transport.deviceName)
        node.stop()
      }
      if busy { stir() } else { rest() }
    }
    finish()
    if let refusal { throw refusal }
    return LoopEnd(cause: loss, unreturnedBufferCount: operations.lentBufferCount)
  }

  /// Whether the listeners stand; nil while that is not known.
  private func startOutcome() -> Result<Bool, NodeError>? {
    var isListening = true
    for index in 0..<node.lnet.interfaceCount {
      switch node.lnd.listenState(interface: UInt8(index)) {
      case .listening: continue
      case .failed(let errno):
        return .failure(
          node.lnd.isDeviceRemoved
            ? .deviceRemoved(transport.deviceName)
            : listenFailure(errno, node.lnet.nid(ofInterface: index)))
      case .down, .starting, .stopping: isListening = false
      }
    }
    return isListening ? .success(true) : nil
  }

  private func listenFailure(_ errno: Int32, _ nid: NID) -> NodeError {
    var error = NodeError(
      Transport.explainListenFailure(
        errno: errno,
        address: SocketAddress(ipv4: nid.address, port: node.lnd.configuration.service)), nid)
    error.operation = "listen"
    return error
  }

  /// Serves the transport until no caller holds memory of it, or their time has passed; then nothing new is taken in.
  private mutating func finish() {
    operations.isOver = true
    operations.stopAll(&node)
    // Those who wait for the program may hold memory, too.
    program.stopped(&node)
    let end = node.turn.now.advanced(by: lentMemoryPatience)
    while operations.lentBufferCount > 0, node.turn.now < end {
      let busy = turn()
      operations.stopAll(&node)
      if busy { stir() } else { rest(until: end) }
    }
    inbox.close()
    _ = takeWork()
    operations.stopAll(&node)
    if operations.lentBufferCount > 0 {
      // Whoever holds it may use it for ever; the device has no part in it any more.
      transport.keepMemory()
      log.tellUnreturned(operations.lentBufferCount)
    }
    for subscription in operations.subscriptions { subscription.finish() }
    program.ended()
  }

  /// Looks for completions only, as an idle loop does most of the time, until a whole turn is due.
  private mutating func look() {
    guard idleSince != nil, !node.needsTurn else { return }
    var lookCount = 0
    while lookCount < Self.looksPerTurn, inbox.isEmpty {
      completions.edit { transport.poll(completions: &$0) }
      if !completions.isEmpty { return }
      lookCount += 1
    }
  }

  /// One turn; false when nothing happened.
  private mutating func turn() -> Bool {
    node.turn.now = clinux_monotonic_nanoseconds()
    let completed = takeCompletions()
    if completed {
      // Answers leave before anything else is looked at.
      deliver()
      handOver()
    }
    let connected = takeConnectionEvents()
    let worked = takeWork()
    let looked = program.looked(&node)
    let expired = node.expire { owner, node in
      if owner >= NodeCore.firstProgramTimer {
        program.expired(timer: owner - NodeCore.firstProgramTimer, &node)
      } else {
        operations.expired(owner: owner, &node)
      }
    }
    node.pump()
    deliver()
    let isBusy = completed || connected || worked || looked || expired
    if isBusy {
      program.turned(&node)
      node.pump()
    }
    handOver()
    if node.hasLogRecords { log.drain(&node, operations.subscriptions) }
    return isBusy
  }

  private mutating func takeCompletions() -> Bool {
    // What a look has found comes first.
    if completions.isEmpty { completions.edit { transport.poll(completions: &$0) } }
    hasCompleted = !completions.isEmpty
    if hasCompleted {
      hasTraffic = true
      if !node.hasRoom { deliver() }
      Self.hand(&completions, to: &node)
    }
    return hasCompleted
  }

  private static func hand(
    _ completions: inout RigidArray<WorkCompletion>, to node: inout NodeCore
  ) {
    node.completed(completions.span)
    completions.removeAll()
  }

  private mutating func takeConnectionEvents() -> Bool {
    events.removeAll()
    events.edit { transport.poll(events: &$0) }
    for index in 0..<events.count {
      if !node.hasRoom { deliver() }
      node.connectionEvent(events[index])
    }
    return !events.isEmpty
  }

  private mutating func takeWork() -> Bool {
    if inbox.isEmpty { return false }
    for work in inbox.drain() {
      if !node.hasRoom { deliver() }
      work(&node, &operations)
      node.pump()
    }
    return true
  }

  /// Gives what the rooms report to whoever waits for it.
  private mutating func deliver() {
    var isAny: Bool
    repeat {
      isAny = false
      while let event = node.nextEvent() {
        if !operations.take(event, &node) { program.received(event, &node) }
        node.pump()
      }
      while let event = node.nextRPCEvent() {
        program.received(event, &node)
        node.pump()
        isAny = true
      }
      while let event = node.nextConnectionsEvent() {
        if !operations.take(event, &node) { program.received(event, &node) }
        node.pump()
        isAny = true
      }
    } while isAny
  }

  private mutating func handOver() {
    node.flush()
    if !node.turn.sends.isEmpty { hasTraffic = true }
    Self.handOver(&node, to: &transport)
  }

  /// Hands the turn's batches to the transport: receives before sends.
  private static func handOver(_ node: inout NodeCore, to transport: inout Transport) {
    while !node.turn.receives.isEmpty {
      let result = transport.post(receives: node.turn.receives.span)
      // Neither credits nor connects may go out before the buffers that they speak of are posted.
      if node.posted(receives: result) { return }
    }
    while !node.turn.sends.isEmpty {
      let result = transport.post(sends: node.turn.sends.span)
      if node.posted(sends: result) { break }
    }
    if !node.turn.commands.isEmpty {
      transport.execute(node.turn.commands.span)
      node.turn.commands.removeAll()
    }
  }

  /// Something has happened: the loop is idle no more.
  private mutating func stir() {
    // Only messages are worth a processor: connects wait for threads that want it themselves.
    if hasSlept, hasCompleted, let since = idleSince {
      pacing.spin.slept(through: node.turn.now &- since)
    }
    hasSlept = false
    idleSince = nil
  }

  /// Spins for its time, then sleeps until something is there or a deadline passes.
  private mutating func rest(until end: UInt64 = .max) {
    let now = node.turn.now
    guard let since = idleSince else {
      idleSince = now
      return
    }
    let spin = hasTraffic ? pacing.spin.nanoseconds : 0
    guard now &- since >= spin, !node.needsTurn, transport.arm() else { return }
    let deadline = min(end, node.nextDeadline() ?? .max, transport.nextDeadline() ?? .max)
    let timeout: Int64 = deadline == .max ? -1 : Int64(deadline > now ? deadline - now : 0)
    if inbox.isEmpty, sleeper.sleep(timeout: timeout) { _ = clinux_eventfd_drain(inbox.bell) }
    hasSlept = true
    hasTraffic = Transport.pollsForConnections
  }
}
