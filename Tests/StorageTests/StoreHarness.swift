// Drives any store and the model beside each other, and compares every answer.
// Method: batches of drafts get buffers, are submitted, and are judged when their completions have come.
import Glibc
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import Storage

/// Memory of a node, as a transport would give it.
final class TestMemory {
  private let base: UnsafeMutableRawPointer
  private static let messageBytes = 16 * 4096
  private static let bulkBytes = 8 << 20

  init() {
    base = .allocate(byteCount: Self.messageBytes + Self.bulkBytes, alignment: 4096)
    memset(base, 0xEE, Self.messageBytes + Self.bulkBytes)
  }

  deinit { base.deallocate() }

  func make() -> NodeMemory {
    func region(_ offset: Int, _ count: Int) -> MemoryRegion {
      MemoryRegion(
        address: UInt64(UInt(bitPattern: base + offset)), byteCount: count, localKey: 1,
        remoteKey: 0)
    }
    return NodeMemory(
      messages: Arena(
        region: region(0, Self.messageBytes), pieceByteCount: 4096, isBulk: false),
      bulk: Arena(
        region: region(Self.messageBytes, Self.bulkBytes), pieceByteCount: 4096, isBulk: true))
  }
}

struct StoreHarness<Store: TargetStore & ~Copyable>: ~Copyable {
  private struct Pending {
    var command: StorageCommand
    var data: [UInt8]
    var buffer: BufferRef?
  }

  var store: Store
  var model = StoreModel()
  /// The model after each transaction that was kept.
  var history: [StoreModel.State] = [StoreModel.State()]
  var now: UInt64 = 0
  var durableTransno: UInt64 = 0
  /// The place in `history` of the last state that a completion of a waiter spoke of.
  var acknowledged = 0
  var failures = 0
  /// Told after each turn in which something ended.
  var onProgress: ((_ acknowledged: Int, _ durableTransno: UInt64) -> Void)?
  private var pending: [Pending] = []
  /// How many commands go together; apart from the commands, so that these depend on their own seed alone.
  private var pace = SeededGenerator(seed: 1)
  private let owner = TestMemory()
  var memory: NodeMemory
  private var commands: FixedQueue<StorageCommand>
  private var completions: FixedQueue<StorageCompletion>
  /// Waits until there may be something to poll.
  private let wait: () -> Void

  init(_ store: consuming Store, wait: @escaping () -> Void = {}) {
    self.store = store
    self.wait = wait
    memory = owner.make()
    commands = FixedQueue(capacity: 64, filler: StorageCommand(.none, ticket: 0))
    completions = FixedQueue(capacity: 16, filler: .durable(transno: 0))
  }

  /// Gives a draft its buffer and puts it into the queue; false when that is full.
  mutating func enqueue(_ draft: Draft) -> Bool {
    guard !commands.isFull else { return false }
    var command = draft.command
    var buffer: BufferRef?
    if let make = draft.make {
      let count = draft.data.isEmpty ? draft.room : draft.data.count
      guard let run = memory.bulk.allocateRun(byteCount: max(count, 1)) else { return false }
      buffer = run
      var bytes = memory.mutableBytes(run)
      bytes.copy(from: draft.data.rawBytes)
      command.operation = make(run.part(offset: 0, length: count))
    }
    pending.append(Pending(command: command, data: draft.data, buffer: buffer))
    commands.append(command)
    return true
  }

  /// Takes all that has come, and submits what there is room for then: no bell rings for either again.
  mutating func turn() {
    var isMore = true
    while isMore {
      store.submit(&commands, memory: &memory, at: now)
      store.poll(&completions, memory: &memory, at: now)
      isMore = !completions.isEmpty
      takeCompletions()
    }
  }

  private mutating func takeCompletions() {
    let hasEnded = !completions.isEmpty
    while let completion = completions.popFirst() {
      switch completion {
      case .durable(let transno):
        #expect(transno > durableTransno, "durable numbers rise")
        #expect(transno <= model.state.lastTransno, "nothing is durable that has not ended")
        durableTransno = transno
      case .ended(let result): judge(result)
      }
    }
    if hasEnded { onProgress?(acknowledged, durableTransno) }
  }

  /// Until everything has ended.
  mutating func settle() {
    while !pending.isEmpty {
      turn()
      guard !pending.isEmpty else { return }
      if let deadline = store.nextDeadline() { now = max(now, deadline) } else { wait() }
    }
  }

  /// Forgets what is under way, as a crash does. The store may have got to it, or not.
  mutating func forget() {
    for entry in pending {
      _ = model.run(entry.command, data: entry.data)
      if model.hasKept { history.append(model.state) }
      if let buffer = entry.buffer { memory.release(buffer) }
    }
    pending = []
    commands.removeAll()
    completions.removeAll()
  }

  mutating func goOn(from state: StoreModel.State) {
    model = StoreModel(state)
    history = [state]
    acknowledged = 0
    durableTransno = state.lastTransno
  }

  private mutating func judge(_ result: StorageResult) {
    let entry = pending.removeFirst()
    #expect(result.ticket == entry.command.ticket, "completions come in order")
    let answer = model.run(entry.command, data: entry.data)
    #expect(result.errno == answer.errno, "\(entry.command.operation)")
    if result.errno != 0 { failures += 1 }
    if model.hasKept { history.append(model.state) }
    if entry.command.isSync, result.errno == 0 { acknowledged = history.count - 1 }
    if let bytes = answer.bytes, let buffer = entry.buffer {
      #expect(result.count == UInt64(bytes.count), "\(entry.command.operation)")
      let found = [UInt8](copying: memory.bytes(buffer)).prefix(bytes.count)
      let isEqual = found.elementsEqual(bytes)
      #expect(isEqual, "\(entry.command.operation)")
    }
    if let record = answer.record {
      guard case .object(let found) = result.value else {
        Issue.record("no attributes")
        return
      }
      #expect(found == record)
    }
    if let buffer = entry.buffer { memory.release(buffer) }
  }

  /// Submits `count` drawn commands, a few under way at a time.
  mutating func run(_ generator: inout CommandGenerator, count: Int) {
    var done = 0
    while done < count {
      for _ in 0...pace.next(upperBound: 20 as UInt64) {
        let draft = generator.next()
        done += 1
        while !enqueue(draft) { settle() }
      }
      // The last transaction comes to its end.
      while done >= count, !generator.isBetween {
        let draft = generator.next()
        while !enqueue(draft) { settle() }
      }
      turn()
      if pace.next(upperBound: 3 as UInt64) == 0 { settle() }
    }
  }

  /// The bytes of an object as the store has them.
  mutating func bytes(of id: StoredObjectID, count: Int) -> [UInt8] {
    guard count > 0, let run = memory.bulk.allocateRun(byteCount: count) else { return [] }
    defer { memory.release(run) }
    _ = commands.append(StorageCommand(.read(id, offset: 0, into: run), ticket: 7))
    var found: UInt64?
    while found == nil {
      store.submit(&commands, memory: &memory, at: now)
      store.poll(&completions, memory: &memory, at: now)
      while let completion = completions.popFirst() {
        if case .ended(let result) = completion { found = result.errno == 0 ? result.count : 0 }
      }
      if found != nil { break }
      if let deadline = store.nextDeadline() { now = max(now, deadline) } else { wait() }
    }
    return Array([UInt8](copying: memory.bytes(run)).prefix(Int(found ?? 0)))
  }

  /// Whether an image and the bytes behind it are the state of the model.
  mutating func expectState(_ image: TargetImage) {
    var bytes: [StoredObjectID: [UInt8]] = [:]
    for id in image.objectIDs {
      bytes[id] = self.bytes(of: id, count: Int(image.object(id)?.size ?? 0))
    }
    let state = StoreModel.State(image) { id, _ in bytes[id] ?? [] }
    // Apart, as states are too long to be printed.
    let isEqual = state == model.state
    #expect(isEqual)
  }

  /// Whether what a crash left is a state of the history not older than what was acknowledged, and its bytes
  /// are those of that state or a later one; goes on from there.
  mutating func expectRecovered(_ image: TargetImage) {
    var bytes: [StoredObjectID: [UInt8]] = [:]
    for id in image.objectIDs {
      bytes[id] = self.bytes(of: id, count: Int(image.object(id)?.size ?? 0))
    }
    let state = StoreModel.State(image) { id, _ in bytes[id] ?? [] }
    let least = max(
      acknowledged, history.firstIndex { $0.lastTransno >= durableTransno } ?? history.count)
    let place = history.indices.last { history[$0].equalsButForBytes(state) }
    guard let place, place >= least else {
      Issue.record(
        "state \(place.map { "\($0)" } ?? "of none") after the crash, not before \(least)")
      return
    }
    for (id, object) in state.objects {
      guard let old = history[place].objects[id]?.bytes, old != object.bytes else { continue }
      for (index, byte) in object.bytes.enumerated() where old[index] != byte {
        let isKnown = model.writes.contains {
          $0.id == id && $0.offset <= index && index - $0.offset < $0.bytes.count
            && $0.bytes[index - $0.offset] == byte
        }
        // Or it is older: what a failed transaction wrote in place may be lost again.
        let isOld = history[...place].contains {
          guard let older = $0.objects[id]?.bytes, index < older.count else { return false }
          return older[index] == byte
        }
        guard isKnown || isOld else {
          Issue.record("byte \(index) of \(id) was never written")
          return
        }
      }
    }
    goOn(from: state)
  }
}
