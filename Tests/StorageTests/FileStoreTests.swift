// The store behind a thread answers in order, tells what is safe, holds back when full, and survives kill -9.
// Method: the harness over a real directory, waiting by bell; a child process that kills itself under way.
import CLinuxShims
import Foundation
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import Storage
@testable import Verbena

@Suite struct FileStoreTests {
  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func answersAsTheModel(seed: UInt64) async throws {
    let directory = TestDirectory()
    try await onThread {
      let bell = TestBell()
      var configuration = FileStore.Configuration()
      configuration.queueCapacity = 8
      configuration.commitInterval = seed % 2 == 0 ? 1_000_000 : 10_000_000_000
      let store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
      var harness = StoreHarness(store) { bell.wait() }
      var generator = CommandGenerator(seed: seed)
      harness.run(&generator, count: 200)
      _ = harness.enqueue(Draft(command: StorageCommand(.none, ticket: 1, isSync: true)))
      harness.settle()
      harness.turn()
      #expect(harness.durableTransno == harness.model.state.lastTransno)
      // It ends by itself, and only then is the directory free.
      harness.store.stop()
      while !harness.store.hasEnded { bell.wait() }
      harness.store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell)
      let image = harness.store.image
      harness.expectState(image)
      harness.store.stop()
      while !harness.store.hasEnded { bell.wait() }
    }
  }

  @Test func stopMakesSafeWhatWasSubmitted() async throws {
    let directory = TestDirectory()
    try await onThread {
      let bell = TestBell()
      var configuration = FileStore.Configuration()
      configuration.commitInterval = 1_000_000_000_000
      let store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
      var harness = StoreHarness(store) { bell.wait() }
      for transno in 1...50 as ClosedRange<UInt64> {
        let command = StorageCommand(
          .setLastID(sequence: 1, id: transno), ticket: 1, transno: transno)
        _ = harness.enqueue(Draft(command: command))
      }
      harness.turn()
      harness.store.stop()
      while !harness.store.hasEnded { bell.wait() }
      harness.settle()
      harness.turn()
      #expect(harness.durableTransno == 50)
      let again = try SyncStore(directory.target)
      #expect(again.image.lastID(sequence: 1) == 50)
    }
  }

  @Test func nobodyWaitsAndItIsSafeAllTheSame() async throws {
    let directory = TestDirectory()
    try await onThread {
      let bell = TestBell()
      var configuration = FileStore.Configuration()
      configuration.commitInterval = 1_000_000
      let store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
      var harness = StoreHarness(store) { bell.wait() }
      let command = StorageCommand(.setLastID(sequence: 1, id: 1), ticket: 1, transno: 9)
      _ = harness.enqueue(Draft(command: command))
      harness.settle()
      while harness.durableTransno < 9 {
        bell.wait()
        harness.turn()
      }
    }
  }

  @Test func fullQueueHoldsBack() async throws {
    let directory = TestDirectory()
    try await onThread {
      let bell = TestBell()
      var configuration = FileStore.Configuration()
      configuration.queueCapacity = 4
      var store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
      let owner = TestMemory()
      var memory = owner.make()
      var commands = FixedQueue(capacity: 16, filler: StorageCommand(.none, ticket: 0))
      var completions = FixedQueue(capacity: 16, filler: StorageCompletion.durable(transno: 0))
      for ticket in 0..<16 as Range<UInt32> {
        commands.append(StorageCommand(.none, ticket: ticket))
      }
      store.submit(&commands, memory: &memory, at: 0)
      #expect(commands.count == 12)
      store.submit(&commands, memory: &memory, at: 0)
      #expect(commands.count == 12, "nothing has been polled")
      var next: UInt32 = 0
      while next < 16 {
        store.poll(&completions, memory: &memory, at: 0)
        while case .ended(let result)? = completions.popFirst() {
          #expect(result.ticket == next)
          next += 1
        }
        store.submit(&commands, memory: &memory, at: 0)
        #expect(store.underWayCount <= 4)
        if next < 16 { bell.wait() }
      }
    }
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func killedLosesNothingDurable(seed: UInt64) async throws {
    let directory = TestDirectory()
    let path = directory.target
    let acknowledgements = directory.path + "/acknowledged"
    var generator = CommandGenerator(seed: seed)
    var state = StoreModel.State()
    for round in 1...2 as ClosedRange<UInt64> {
      let start = state.lastTransno
      let own = seed &* 1000 &+ round
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [
          path = path as String, acknowledgements = acknowledgements as String,
          own = own as UInt64, start = start as UInt64
        ] in
        try Victim.run(path, acknowledgements, seed: own, start: start)
      }
      let told = Victim.acknowledged(acknowledgements)
      // The child's commands again, on the model alone: what it may have got to.
      generator = CommandGenerator(seed: own, transno: start)
      try await onThread { [generator, state] in
        var generator = generator
        var harness = StoreHarness(try SyncStore(path))
        harness.goOn(from: state)
        for _ in 0..<Victim.commandCount {
          let draft = generator.next()
          _ = harness.model.run(draft.modelled, data: draft.data)
          if harness.model.hasKept { harness.history.append(harness.model.state) }
        }
        harness.acknowledged = told.acknowledged
        harness.durableTransno = max(told.durable, start)
        #expect(told.acknowledged > 0 || told.durable > start, "it was killed too early")
        harness.expectRecovered(harness.store.image)
        return harness.model.state
      }.apply(to: &state)
      try FileManager.default.removeItem(atPath: acknowledgements)
    }
  }
}

extension StoreModel.State {
  fileprivate func apply(to state: inout Self) { state = self }
}

extension Draft {
  /// The command as the model looks at it, which never looks into buffers.
  fileprivate var modelled: StorageCommand {
    var command = command
    let count = data.isEmpty ? room : data.count
    if let make {
      command.operation = make(
        BufferRef(slot: 0, generation: 0, offset: 0, length: UInt32(count)))
    }
    return command
  }
}

/// A process that uses a store until it kills itself, and tells what was acknowledged.
private enum Victim {
  static let commandCount = 1500

  static func run(_ path: String, _ acknowledgements: String, seed: UInt64, start: UInt64) throws {
    let bell = TestBell()
    var configuration = FileStore.Configuration()
    configuration.commitInterval = 2_000_000
    configuration.queueCapacity = 64
    let store = try FileStore.open(
      path, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
    let image = store.image
    var harness = StoreHarness(store) { bell.wait() }
    var bytes: [StoredObjectID: [UInt8]] = [:]
    for id in image.objectIDs {
      bytes[id] = harness.bytes(of: id, count: Int(image.object(id)?.size ?? 0))
    }
    harness.goOn(from: StoreModel.State(image) { id, _ in bytes[id] ?? [] })
    let file = open(acknowledgements, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    var dice = SeededGenerator(seed: seed)
    var left = 30 + Int(dice.next(upperBound: 60 as UInt64))
    harness.onProgress = { acknowledged, durable in
      let line = "\(acknowledged) \(durable)\n"
      _ = line.withCString { write(file, $0, strlen($0)) }
      left -= 1
      // The disk's thread is in the midst of something.
      if left == 0 { kill(getpid(), SIGKILL) }
    }
    var generator = CommandGenerator(seed: seed, transno: start)
    harness.run(&generator, count: commandCount - 20)
    exit(1)
  }

  static func acknowledged(_ path: String) -> (acknowledged: Int, durable: UInt64) {
    let text = String(decoding: bytes(ofFile: path), as: UTF8.self)
    let lines = text.split(separator: "\n")
    let words = lines.last?.split(separator: " ") ?? []
    guard words.count == 2 else { return (0, 0) }
    return (Int(words[0]) ?? 0, UInt64(words[1]) ?? 0)
  }
}
