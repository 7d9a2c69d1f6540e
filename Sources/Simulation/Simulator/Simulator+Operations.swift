internal import LNet
internal import LustreWire
internal import NodeCore
internal import RDMATransport

/// What the nodes are asked to do, and what they hear of it.
extension Simulator {
  /// Tags from here on are of memory that lies open for an operation; smaller ones are operations.
  private static var exposureTag: UInt64 { 1 << 32 }
  /// Until a ping is answered or given up.
  private static var pingTimeout: UInt64 { 60_000_000_000 }

  /// Lays memory open for every operation that is to come to a node.
  func exposeAll(at node: SimulatedNode) {
    for index in 0..<ledger.records.count { expose(index, at: node) }
  }

  func expose(_ index: Int, at node: SimulatedNode) {
    let operation = ledger[index].operation
    guard operation.to == node.number, operation.kind == .put || operation.kind == .get,
      !isOver(index),
      let run = node.driver.core.turn.memory.bulk.allocateRun(
        byteCount: max(1, operation.byteCount))
    else { return }
    let memory = run.part(offset: 0, length: operation.byteCount)
    if operation.kind == .get {
      Pattern.fill(memory, of: &node.driver.core.turn.memory, transfer: UInt64(index))
    }
    let entry = MatchEntry(
      portal: Self.portal, matchBits: UInt64(index), nid: Self.nid(operation.from))
    let descriptor = MemoryDescriptor(
      memory: memory,
      options: operation.kind == .put ? [.put, .remoteOffset] : [.get, .remoteOffset],
      tag: Self.exposureTag | UInt64(index))
    do throws(LNetError) {
      let handle = try node.use(at: fabric.now) { (core) throws(LNetError) in
        try core.lnet.expose(entry, descriptor, turn: &core.turn)
      }
      node.exposures.append(SimulatedNode.Exposure(descriptor: handle, memory: run, index: index))
    } catch {
      node.driver.core.turn.memory.release(run)
      violations.add("node \(node.number) cannot expose: \(error)", at: fabric.now)
    }
  }

  private func isOver(_ index: Int) -> Bool {
    switch ledger[index].state {
    case .waiting, .running: false
    case .ended, .void: true
    }
  }

  func begin(_ index: Int) {
    let operation = ledger[index].operation
    guard let node = nodes[operation.from] else { return ledger.void(index) }
    switch operation.kind {
    case .put, .get, .stray: transfer(index, operation, at: node)
    case .ping, .discover:
      ledger.begin(index, life: lives[operation.from], memory: .none, at: fabric.now)
      let target = Self.nid(operation.to)
      do throws(LNetError) {
        try node.use(at: fabric.now) { (core) throws(LNetError) in
          if operation.kind == .ping {
            try core.lnet.ping(
              target, timeout: Self.pingTimeout, tag: UInt64(index), turn: &core.turn)
          } else {
            try core.lnet.discover(target, tag: UInt64(index), turn: &core.turn)
          }
        }
      } catch { ledger.void(index) }
    }
    wake(operation.from, at: fabric.now)
  }

  private func transfer(_ index: Int, _ operation: Scenario.Operation, at node: SimulatedNode) {
    guard
      let run = node.driver.core.turn.memory.bulk.allocateRun(
        byteCount: max(1, operation.byteCount))
    else { return ledger.void(index) }
    let memory = run.part(offset: 0, length: operation.byteCount)
    if operation.kind == .put {
      Pattern.fill(memory, of: &node.driver.core.turn.memory, transfer: UInt64(index))
    }
    ledger.begin(index, life: lives[operation.from], memory: run, at: fabric.now)
    node.use(at: fabric.now) { core in
      let descriptor = try? core.lnet.bind(
        MemoryDescriptor(
          memory: memory, threshold: operation.kind == .stray ? 1 : 2, tag: UInt64(index)))
      guard let descriptor else {
        ledger.void(index)
        return core.turn.memory.release(run)
      }
      do throws(LNetError) {
        try send(operation, UInt64(index), from: descriptor, &core)
      } catch {
        // Refused: no event follows but the descriptor's own end, and with it the memory is free.
        ledger.void(index)
        try? core.lnet.unlink(descriptor, turn: &core.turn)
      }
    }
  }

  private func send(
    _ operation: Scenario.Operation, _ matchBits: UInt64, from descriptor: DescriptorHandle,
    _ core: inout NodeCore
  ) throws(LNetError) {
    let target = ProcessID(nid: Self.nid(operation.to))
    if operation.kind != .get {
      // What is dropped is not acknowledged either (spec 01 §5.1).
      try core.lnet.put(
        PutRequest(
          descriptor: descriptor, target: target,
          portal: operation.kind == .put ? Self.portal : Self.strayPortal, matchBits: matchBits,
          wantsAcknowledge: operation.kind == .put), turn: &core.turn)
    } else {
      try core.lnet.get(
        GetRequest(
          descriptor: descriptor, target: target, portal: Self.portal, matchBits: matchBits),
        turn: &core.turn)
    }
  }

  // MARK: - Events

  func received(_ event: LNetEvent, at number: Int, core: inout NodeCore) {
    fabric.trace.event(
      21, UInt64(number) << 8 | UInt64(event.kind.rawValue), event.tag,
      UInt64(UInt32(bitPattern: event.status)))
    if event.tag >= Self.exposureTag {
      return exposed(event, Int(event.tag - Self.exposureTag), at: number, core: &core)
    }
    if event.kind == .pinged { core.lnet.release(event.ping, turn: &core.turn) }
    let index = Int(event.tag)
    guard index < ledger.records.count else {
      return violations.add("node \(number): an event of nothing", at: fabric.now)
    }
    if ledger[index].state == .void {
      if event.isUnlinked, ledger[index].memory != .none {
        core.turn.memory.release(ledger[index].memory)
      }
      return
    }
    check(ledger.received(event, index, at: fabric.now), index)
    guard case .ended(let status) = ledger[index].state else { return }
    let record = ledger[index]
    if record.operation.kind == .get, status == 0 { checkBytes(record.memory, index, core) }
    if record.memory != .none { core.turn.memory.release(record.memory) }
  }

  /// An event of memory that lies open.
  private func exposed(
    _ event: LNetEvent, _ index: Int, at number: Int, core: inout NodeCore
  ) {
    guard let node = nodes[number],
      let place = node.exposures.firstIndex(where: { $0.index == index })
    else { return violations.add("node \(number): an event of no memory", at: fabric.now) }
    let exposure = node.exposures[place]
    if event.kind == .put, event.status == 0 {
      ledger.landed(index)
      checkBytes(exposure.memory, index, core)
      if isCalm, ledger[index].landings > 1 { check("landed twice", index) }
    }
    if event.isUnlinked {
      core.turn.memory.release(exposure.memory)
      node.exposures.remove(at: place)
    }
  }

  private func checkBytes(_ run: BufferRef, _ index: Int, _ core: borrowing NodeCore) {
    let memory = run.part(offset: 0, length: ledger[index].operation.byteCount)
    if let place = Pattern.firstDifference(
      memory, of: core.turn.memory, transfer: UInt64(index))
    {
      check("has wrong bytes from \(place) on", index)
    }
  }

  func check(_ problem: String?, _ index: Int) {
    guard let problem else { return }
    let operation = ledger[index].operation
    violations.add(
      "operation \(index), \(operation.kind.rawValue) of \(operation.byteCount) bytes from node "
        + "\(operation.from) to \(operation.to): \(problem)", at: fabric.now)
  }

  /// Whether nothing in the scenario can make an operation fail or be repeated.
  var isCalm: Bool {
    !scenario.isTight && scenario.faults.isEmpty && scenario.model == scenario.model.healed
  }
}
