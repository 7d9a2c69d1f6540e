internal import LNet
internal import LustreWire
internal import NodeCore
internal import RDMATransport

// The operations of a phase: when each begins, and what its end counts as.
extension BenchClient {
  /// Takes memory and a descriptor for each operation that may be under way.
  mutating func prepare(_ node: inout NodeCore) -> Bool {
    for index in 0..<min(phase.inFlight, phase.warmupCount + phase.count) {
      var slot = Slot()
      if phase.byteCount > 0 {
        guard let memory = node.turn.memory.bulk.allocateRun(byteCount: phase.byteCount) else {
          return false
        }
        slot.memory = memory
        var bytes = node.turn.memory.mutableBytes(memory)
        TransferPattern.fill(&bytes)
      }
      let descriptor = MemoryDescriptor(
        memory: phase.byteCount > 0 ? slot.memory : anchor, unlinksWhenExhausted: false,
        tag: Self.firstSlotTag + UInt64(index))
      guard let handle = try? node.lnet.bind(descriptor) else {
        if slot.memory != .none { node.turn.memory.release(slot.memory) }
        return false
      }
      slot.descriptor = handle
      slots.append(slot)
    }
    // The first slot is taken first.
    idleSlots = Array(slots.indices.reversed())
    patternChecksum =
      phase.byteCount > 0 ? TransferChecksum.of(node.turn.memory.bytes(slots[0].memory)) : 0
    return true
  }

  /// Whether operations are to begin that have not.
  private mutating func hasMore(at now: UInt64) -> Bool {
    guard startedCount < phase.warmupCount + phase.count, !desk.isStopped else { return false }
    return phase.durationNanoseconds == 0 || startedCount <= phase.warmupCount
      || now &- beganAt < phase.durationNanoseconds
  }

  /// Begins operations in the slots that are free: all of them, or as many as are due by now.
  mutating func startDue(_ node: inout NodeCore) {
    let now = node.turn.now
    while stage == .running, hasMore(at: now), !isWarmingUp, let index = idleSlots.last {
      let due = pace?.time(of: startedCount) ?? now
      guard due <= now else { return arm(at: due, &node) }
      idleSlots.removeLast()
      start(index, dueAt: due, &node)
    }
    if stage == .running, finishedCount == startedCount, !hasMore(at: now) { close(&node) }
  }

  /// Whether those that count wait for the last one before them: what began before the time that is taken of all
  /// would make the rate better than the latencies allow. An open loop begins them when they are due.
  private var isWarmingUp: Bool {
    pace == nil && startedCount == phase.warmupCount && finishedCount < startedCount
  }

  private mutating func start(_ index: Int, dueAt due: UInt64, _ node: inout NodeCore) {
    slots[index].startedAt = node.turn.now
    slots[index].dueAt = due
    slots[index].isBusy = true
    slots[index].isCounted = startedCount >= phase.warmupCount
    if startedCount == phase.warmupCount { beganAt = due }
    startedCount += 1
    let descriptor = slots[index].descriptor
    do throws(LNetError) {
      switch phase.operation {
      case .pingPong:
        try node.lnet.put(request(.echo, descriptor, slot: index), turn: &node.turn)
      case .stream: try node.lnet.put(request(.discard, descriptor), turn: &node.turn)
      case .put:
        let checksum = phase.isChecked ? stamp(index, &node) : 0
        try node.lnet.put(
          request(.data, descriptor, headerData: checksum), turn: &node.turn)
      case .get:
        try node.lnet.get(
          GetRequest(
            descriptor: descriptor, target: ProcessID(nid: phase.target),
            portal: BenchWire.service,
            matchBits: BenchWire.matchBits(.pattern, session: session)), turn: &node.turn)
      case .acknowledged, .rpc, .session:
        // A program with imports does these.
        finish(status: -95, &node)
      }
    } catch {
      finish(status: Self.status(error), &node)
    }
  }

  /// Makes the data differ from that of every other transfer, and computes its checksum.
  private mutating func stamp(_ index: Int, _ node: inout NodeCore) -> UInt64 {
    sequence &+= 1
    var bytes = node.turn.memory.mutableBytes(slots[index].memory)
    if bytes.byteCount >= 8 { bytes.storeBytes(of: sequence, toByteOffset: 0, as: UInt64.self) }
    return TransferChecksum.of(node.turn.memory.bytes(slots[index].memory))
  }

  /// An event of a slot's descriptor: the end of its operation, or a part on the way there.
  mutating func ended(_ index: Int, _ event: LNetEvent, _ node: inout NodeCore) {
    if event.status != 0 { return finish(status: event.status, &node) }
    switch (phase.operation, event.kind) {
    case (.stream, .send), (.put, .send): break
    case (.get, .reply):
      if phase.isChecked, phase.byteCount > 0,
        TransferChecksum.of(node.turn.memory.bytes(slots[index].memory)) != patternChecksum
      {
        outcome.mismatchCount += 1
      }
    default: return
    }
    count(index, &node)
  }

  mutating func count(_ index: Int, _ node: inout NodeCore) {
    let now = node.turn.now
    finishedCount += 1
    slots[index].isBusy = false
    if slots[index].isCounted {
      outcome.count += 1
      countedAt = now
      let elapsed = now &- slots[index].startedAt
      let isHalved = phase.operation == .pingPong && pace == nil
      outcome.latency.record(isHalved ? elapsed / 2 : elapsed)
      if pace != nil { outcome.correctedLatency.record(now &- slots[index].dueAt) }
      desk.note(outcome.count)
    }
    idleSlots.append(index)
    startDue(&node)
  }
}
