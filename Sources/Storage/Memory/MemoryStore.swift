internal import LustreWire
package import RDMATransport
package import Structures

/// A store in memory: a target's disk where no directory is given, and in the simulator.
///
/// Without a plan a command is done and durable when it is polled, and nothing outlives the store. With one it
/// is a simulated disk: commands and commits take their time, fail now and then, and `crash` loses what was not
/// durable.
package struct MemoryStore: ~Copyable, TargetStore {
  // Internal, not private: other modules destroy stores, and a private type of a field does not link there.
  struct Waiting: BitwiseCopyable {
    var command: StorageCommand
    var due: UInt64
  }

  struct Done: BitwiseCopyable {
    var result: StorageResult
    /// Counts commands from 1 on.
    var number: UInt64
    var waitsForCommit: Bool
  }

  struct Commit {
    var due: UInt64
    var fails: Bool
    var state: DurableState
  }

  private var engine: TransactionEngine
  private var objects: MemoryObjects
  private let plan: DiskPlan?
  private var dice: SeededGenerator

  private var waiting: FixedQueue<Waiting>
  private var done: FixedQueue<Done>
  /// When the last accepted command is due.
  private var lastDue: UInt64 = 0
  /// Commands executed; and those of them that are durable.
  private var executed: UInt64 = 0
  private var durable: UInt64 = 0
  private var durableTransno: UInt64
  private var reportedTransno: UInt64

  /// What a crash leaves; only with a plan.
  private var safe: DurableState
  /// Transactions since then.
  private var unsafeTail: [RedoRecord] = []
  private var redoWrites: [RedoRecord.Write] = []
  private var commit: Commit?
  /// When changes for which nobody waits are to be committed.
  private var commitDeadline: UInt64?
  private var somebodyWaits = false

  /// - Parameters:
  ///   - identity: of the target; its mount count becomes 1 more.
  ///   - queueCapacity: commands under way, a power of two.
  ///   - byteCapacity: bytes of all objects, in chunks of 64 KiB.
  ///   - plan: nil for a perfect disk.
  package init(
    _ identity: TargetIdentity, queueCapacity: Int = 256, byteCapacity: UInt64 = 1 << 30,
    plan: DiskPlan? = nil
  ) {
    var identity = identity
    identity.mountCount += 1
    let image = TargetImage(identity)
    engine = TransactionEngine(image)
    objects = MemoryObjects(capacity: byteCapacity)
    self.plan = plan
    dice = SeededGenerator(seed: plan?.seed ?? 0)
    let nothing = StorageCommand(.none, ticket: 0)
    waiting = FixedQueue(capacity: queueCapacity, filler: Waiting(command: nothing, due: 0))
    done = FixedQueue(
      capacity: queueCapacity,
      filler: Done(result: StorageResult(ticket: 0), number: 0, waitsForCommit: false))
    durableTransno = 0
    reportedTransno = 0
    safe = DurableState(image: image, objects: objects, number: 0, redoCount: 0)
  }

  /// What the target finds when it starts.
  package var image: TargetImage { engine.image }
  package var counters: StoreCounters { engine.counters }

  // MARK: - The seam

  package mutating func submit(
    _ commands: inout FixedQueue<StorageCommand>, memory: inout NodeMemory, at now: UInt64
  ) {
    while waiting.count + done.count < waiting.capacity, let command = commands.popFirst() {
      lastDue = max(lastDue, now + draw(plan?.delay))
      waiting.append(Waiting(command: command, due: lastDue))
    }
  }

  package mutating func poll(
    _ completions: inout FixedQueue<StorageCompletion>, memory: inout NodeMemory, at now: UInt64
  ) {
    advanceCommit(at: now)
    while let next = waiting.first, next.due <= now {
      _ = waiting.popFirst()
      execute(next.command, &memory, at: now)
    }
    advanceCommit(at: now)
    while let first = done.first, !completions.isFull {
      if first.waitsForCommit && first.number > durable { break }
      _ = done.popFirst()
      completions.append(.ended(first.result))
    }
    let isTold = done.first.map { $0.number > durable } ?? true
    if isTold, durableTransno > reportedTransno, !completions.isFull {
      reportedTransno = durableTransno
      completions.append(.durable(transno: durableTransno))
    }
  }

  package mutating func nextDeadline() -> UInt64? {
    var deadline: UInt64?
    func consider(_ time: UInt64?) {
      if let time { deadline = min(deadline ?? time, time) }
    }
    consider(waiting.first?.due)
    consider(commit?.due ?? commitDeadline)
    return deadline
  }

  // MARK: - One command

  private mutating func execute(
    _ command: StorageCommand, _ memory: inout NodeMemory, at now: UInt64
  ) {
    let step = engine.begin(command)
    engine.end(command, errno: perform(step, &memory))
    if engine.isSealed { seal(at: now) }
    executed += 1
    let waits = command.isSync && !command.continues && engine.result.errno == 0
    done.append(Done(result: engine.result, number: executed, waitsForCommit: waits))
    guard plan != nil else {
      durable = executed
      durableTransno = engine.image.lastTransno
      return
    }
    if waits { somebodyWaits = true }
  }

  private mutating func perform(_ step: StorageStep, _ memory: inout NodeMemory) -> Int32 {
    switch step {
    case .done: return 0
    case .write(let id, let offset, let data):
      if fails() { return StorageErrno.ioError }
      let bytes = memory.bytes(data)
      guard objects.write(id, at: offset, from: bytes) else { return StorageErrno.noSpace }
      if plan != nil {
        redoWrites.append(RedoRecord.Write(id: id, offset: offset, bytes: Array(copying: bytes)))
      }
    case .clear(let id, let offset, let count):
      if fails() { return StorageErrno.ioError }
      objects.clear(id, at: offset, count: count)
      if plan != nil {
        redoWrites.append(RedoRecord.Write(id: id, offset: offset, clearedCount: count))
      }
    case .read(let id, let offset, let into):
      if fails() { return StorageErrno.ioError }
      var bytes = memory.mutableBytes(into)
      objects.read(id, at: offset, into: &bytes)
    case .take(let data): engine.changes.blobBytes.append(copying: memory.bytes(data))
    case .give(let into):
      var bytes = memory.mutableBytes(into)
      bytes.copy(from: engine.outgoing.rawBytes)
    case .statistics: engine.result.value = .statistics(statistics)
    }
    return 0
  }

  private mutating func seal(at now: UInt64) {
    let isKept = engine.failure == 0
    if isKept, plan != nil, !engine.changes.isEmpty {
      unsafeTail.append(
        RedoRecord(
          transno: engine.openTransno, list: engine.changes, writes: redoWrites, cut: engine.cut,
          destroyed: engine.destroyed))
      if commitDeadline == nil { commitDeadline = now + (plan?.commitInterval ?? 0) }
    }
    redoWrites.removeAll(keepingCapacity: true)
    let (written, cut, destroyed) = (engine.written, engine.cut, engine.destroyed)
    engine.close()
    // Bytes of a transaction that failed are taken back as far as they made an object longer.
    for id in isKept ? cut : written {
      if let object = engine.image.object(id) {
        objects.cut(id, to: object.size)
      } else {
        objects.remove(id)
      }
    }
    if isKept { for id in destroyed { objects.remove(id) } }
  }

  private var statistics: StoreStatistics {
    var value = StoreStatistics()
    value.blocks = objects.capacity / value.blockByteCount
    value.blocksFree = (objects.capacity - objects.used) / value.blockByteCount
    value.blocksAvailable = value.blocksFree
    value.objects = UInt64(StorageLimits.objectCountMax)
    value.objectsFree = value.objects - UInt64(engine.image.objectCount)
    return value
  }

  // MARK: - Time, failures and crashes

  private mutating func draw(_ range: ClosedRange<UInt64>?) -> UInt64 {
    guard let range else { return 0 }
    return range.lowerBound + dice.next(upperBound: range.upperBound - range.lowerBound + 1)
  }

  private mutating func fails() -> Bool {
    guard let plan, plan.errorsPerMillion > 0 else { return false }
    return dice.next(upperBound: 1_000_000) < UInt64(plan.errorsPerMillion)
  }

  /// Ends the commit that is due, and starts the next one if it is time.
  private mutating func advanceCommit(at now: UInt64) {
    guard let plan else { return }
    if let running = commit, running.due <= now { finish(running) }
    let isTime = somebodyWaits || (commitDeadline.map { $0 <= now } ?? false)
    guard commit == nil, isTime, !engine.isReadOnly else { return }
    somebodyWaits = false
    commitDeadline = nil
    let fails =
      plan.commitErrorsPerMillion > 0
      && dice.next(upperBound: 1_000_000) < UInt64(plan.commitErrorsPerMillion)
    commit = Commit(
      due: now + draw(plan.commitDelay), fails: fails,
      state: DurableState(
        image: engine.image, objects: objects, number: executed, redoCount: unsafeTail.count))
  }

  private mutating func finish(_ running: Commit) {
    commit = nil
    guard !running.fails else {
      failWaiters()
      return
    }
    engine.counters.commits &+= 1
    safe = running.state
    unsafeTail.removeFirst(running.state.redoCount)
    durable = running.state.number
    durableTransno = running.state.image.lastTransno
  }

  /// A commit that failed is never tried again: the disk may have dropped what it was given.
  private mutating func failWaiters() {
    engine.isReadOnly = true
    engine.counters.ioErrors &+= 1
    for _ in 0..<done.count {
      guard var entry = done.popFirst() else { break }
      if entry.waitsForCommit && entry.number > durable {
        entry.waitsForCommit = false
        entry.result.errno = StorageErrno.ioError
      }
      done.append(entry)
    }
    commitDeadline = nil
    somebodyWaits = false
  }

  /// The power fails: what was not durable is lost, but for as much of its beginning as the disk happens to
  /// have got to. Commands under way are forgotten, and so are their buffers.
  ///
  /// - Returns: what the target finds when it starts again.
  package mutating func crash() -> TargetImage {
    precondition(plan != nil, "only a simulated disk can crash")
    let kept = Int(dice.next(upperBound: UInt64(unsafeTail.count + 1)))
    for record in unsafeTail[0..<kept] { safe.apply(record) }
    if kept < unsafeTail.count, dice.next() & 1 == 0 { safe.applyBytes(unsafeTail[kept]) }
    safe.objects.trim(to: safe.image)
    var identity = safe.image.identity
    identity.mountCount += 1
    var mount = ChangeList()
    mount.changes.append(.identity(identity))
    safe.image.apply(mount, transno: 0)
    let counters = engine.counters
    engine = TransactionEngine(safe.image)
    engine.counters = counters
    objects = safe.objects
    unsafeTail.removeAll()
    redoWrites.removeAll()
    waiting.removeAll()
    done.removeAll()
    commit = nil
    commitDeadline = nil
    somebodyWaits = false
    durable = executed
    durableTransno = safe.image.lastTransno
    reportedTransno = durableTransno
    return safe.image
  }
}
