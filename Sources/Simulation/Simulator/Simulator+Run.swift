internal import LNet
internal import NodeCore
internal import O2IBLND
internal import RDMATransport
internal import Structures

/// The phases of a run.
extension Simulator {
  private static var second: UInt64 { 1_000_000_000 }
  /// The longest that an operation may take: two lives of an LNet message and a driver's own deadlines.
  private static var operationBound: UInt64 { 150 * second }
  /// The longest that it may take after everything is healed until each node reaches each other one.
  private static var healingBound: UInt64 { 200 * second }
  /// The longest that it may take on a quiet network.
  private static var calmBound: UInt64 { second }
  private static var stopBound: UInt64 { 100 * second }

  /// Runs everything.
  package func run() -> Report {
    runOperations()
    if violations.isEmpty { heal() }
    if violations.isEmpty { checkLiveness() }
    if violations.isEmpty { rest() }
    if violations.isEmpty { stop() }
    return report
  }

  package var report: Report {
    var report = Report()
    report.violations = violations.all.map { $0.description }
    report.trace = fabric.trace
    report.operationCount = ledger.records.count
    report.succeededCount = ledger.succeededCount
    report.voidCount = ledger.records.count { $0.state == .void }
    report.messageCount = checker.deliveredCount
    report.duration = fabric.now - Self.startTime
    return report
  }

  /// Safety: operations and faults at their times.
  package func runOperations() {
    // Time for the listeners.
    let start = Self.startTime + 10_000_000
    for (index, operation) in scenario.operations.enumerated() {
      schedule(.operation(index), at: start + operation.time * 1000)
    }
    for (index, fault) in scenario.faults.enumerated() {
      schedule(.fault(index), at: start + fault.time * 1000)
    }
    run(until: start + scenario.duration * 1000)
  }

  /// Everything is whole again: links, machines, the network's manners. Then every operation ends in time.
  package func heal() {
    fabric.model = fabric.model.healed
    fabric.mendAllLinks()
    for number in nodes.indices {
      if let node = nodes[number], node.host.life != .running { kill(number, silently: false) }
      if let node = nodes[number], node.frozenUntil > fabric.now {
        node.frozenUntil = fabric.now
        node.turnTime = .max
        wake(number, at: fabric.now)
      }
      start(number)
    }
    // When nothing can have gone wrong, what was not done at once will not be done.
    run(until: fabric.now + Self.calmBound) { self.ledger.runningCount == 0 }
    if isCalm { checkCalm() }
    run(until: fabric.now + Self.operationBound) { self.ledger.runningCount == 0 }
    for index in 0..<ledger.records.count where ledger[index].state == .running {
      let age = (fabric.now - ledger[index].startTime) / Self.second
      check("has not ended \(age) s on", index)
    }
  }

  private func checkCalm() {
    for index in 0..<ledger.records.count where !ledger[index].mayFail {
      let record = ledger[index]
      switch record.state {
      case .ended(0):
        guard record.endTime - record.startTime > Self.calmBound else { continue }
        check("took \((record.endTime - record.startTime) / 1_000_000) ms", index)
      case .ended(let status): check("failed with \(status) though nothing was wrong", index)
      case .waiting, .running, .void: check("was not done though nothing was wrong", index)
      }
    }
  }

  /// Liveness: each node reaches each other one, in every way.
  package func checkLiveness() {
    let deadline = fabric.now + Self.healingBound
    var open: [Scenario.Operation] = []
    for from in nodes.indices {
      for to in nodes.indices where from != to {
        open.append(Scenario.Operation(time: 0, kind: .ping, from: from, to: to))
        open.append(Scenario.Operation(time: 0, kind: .put, from: from, to: to, byteCount: 64))
        open.append(Scenario.Operation(time: 0, kind: .get, from: from, to: to, byteCount: 8192))
      }
    }
    while !open.isEmpty, fabric.now < deadline, violations.isEmpty {
      var indices: [Int] = []
      for operation in open {
        let index = ledger.add(operation)
        indices.append(index)
        if let target = nodes[operation.to] { expose(index, at: target) }
        begin(index)
      }
      run(until: deadline) { self.ledger.runningCount == 0 }
      open = []
      for index in indices where !ledger.hasSucceeded(index) {
        open.append(ledger[index].operation)
        if fabric.now >= deadline { check("still fails after everything was healed", index) }
      }
      // Not again at once: what failed may need a moment.
      if !open.isEmpty { run(until: fabric.now + Self.second) }
    }
  }

  /// With nothing to do the wire comes to rest, and the credits are where they belong.
  package func rest() {
    run(until: fabric.now + 5 * Self.second)
    // LNet's own pings of what was unwell go on: look when none is on its way.
    run(until: fabric.now + Self.second) { self.isQuiet }
    checker.checkAtRest()
  }

  /// Nothing is on the wire, and no node has anything to do at once.
  private var isQuiet: Bool {
    guard fabric.livingQueuePairs().allSatisfy({ $0.sends.isEmpty }) else { return false }
    return nodes.allSatisfy { node in
      node.map { !$0.host.hasWork && $0.turnTime > fabric.now + 100_000 } ?? true
    }
  }

  /// All nodes stop in order and leave nothing behind.
  package func stop() {
    for node in nodes {
      guard let node else { continue }
      node.use(at: fabric.now) { core in
        for exposure in node.exposures {
          try? core.lnet.unlink(exposure.descriptor, turn: &core.turn)
        }
        core.stop()
      }
      wake(node.number, at: fabric.now)
    }
    // A ping of LNet's own that nobody will answer any more ends by its own deadline.
    run(until: fabric.now + Self.stopBound) {
      self.nodes.allSatisfy { $0?.leaks.isEmpty ?? true }
    }
    for node in nodes {
      guard let node else { continue }
      for leak in node.leaks { violations.add("node \(node.number): \(leak)", at: fabric.now) }
    }
  }
}

extension SimulatedNode {
  /// What is still taken although the node has stopped.
  package var leaks: [String] {
    var result: [String] = []
    func expect(_ count: Int, _ what: String) {
      if count != 0 { result.append("\(count) \(what) left") }
    }
    if !driver.core.hasStopped { result.append("has not stopped") }
    expect(
      idlePieces.messages - driver.core.turn.memory.messages.freePieceCount, "message pieces")
    expect(idlePieces.bulk - driver.core.turn.memory.bulk.freePieceCount, "bulk pieces")
    expect(driver.core.lnet.messageCount, "messages")
    expect(driver.core.lnet.operationCount, "transfers")
    expect(driver.core.lnet.descriptorCount, "descriptors")
    expect(driver.core.lnet.entryCount, "match entries")
    expect(driver.core.lnet.pingCount, "pings")
    expect(driver.core.lnet.messagesInPlaceCount, "messages in place")
    expect(driver.core.lnet.heldMessageCount, "held messages")
    expect(exposures.count, "exposures")
    expect(host.openObjectCount, "connections and listeners")
    return result
  }
}
