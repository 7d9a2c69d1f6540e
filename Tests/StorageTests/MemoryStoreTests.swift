// A store in memory answers as the model does; a simulated disk loses nothing that it called durable.
// Method: drawn commands on store and model, with delays, failures and crashes drawn from the same seed.
import LustreWire
import Structures
import Testing

@testable import Storage

let testIdentity = TargetIdentity(
  kind: .object, name: uuid("lfs-OST0001"), uuid: uuid("lfs-OST0001_UUID"),
  fileSystem: uuid("lfs"), index: 1)

@Suite struct MemoryStoreTests {
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func answersAsTheModel(seed: UInt64) {
    var harness = StoreHarness(MemoryStore(testIdentity, byteCapacity: 64 << 20))
    var generator = CommandGenerator(seed: seed)
    harness.run(&generator, count: 400)
    harness.settle()
    #expect(harness.durableTransno == harness.model.state.lastTransno)
    #expect(harness.failures > 30, "the commands must fail now and then")
    #expect(harness.history.count > 30)
    harness.expectState(harness.store.image)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func slowDiskAnswersAsTheModel(seed: UInt64) {
    let plan = DiskPlan(seed: seed)
    var harness = StoreHarness(MemoryStore(testIdentity, queueCapacity: 16, plan: plan))
    var generator = CommandGenerator(seed: seed)
    harness.run(&generator, count: 300)
    harness.settle()
    harness.expectState(harness.store.image)
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func crashLosesNothingDurable(seed: UInt64) {
    var harness = StoreHarness(MemoryStore(testIdentity, plan: DiskPlan(seed: seed)))
    var generator = CommandGenerator(seed: seed &* 31)
    for round in 1...4 {
      harness.run(&generator, count: 40 + generator.below(60))
      // Some commands are under way when the power fails.
      for _ in 0..<generator.below(10) { _ = harness.enqueue(generator.next()) }
      harness.now += UInt64(generator.below(3_000_000))
      harness.turn()
      harness.forget()
      let image = harness.store.crash()
      #expect(image.identity.mountCount == UInt64(round + 1))
      harness.expectRecovered(image)
      generator.restart(after: image.lastTransno)
    }
  }

  @Test func failedCommitEndsAllChange() {
    var plan = DiskPlan(seed: 5)
    plan.commitErrorsPerMillion = 1_000_000
    var disk = Disk(MemoryStore(testIdentity, plan: plan))
    let id = StoredObjectID(sequence: 1, object: 1)
    #expect(disk.run(.create(id, StoredAttributes()), transno: 1).errno == 0)
    let result = disk.run(.none, isSync: true)
    #expect(result.errno == StorageErrno.ioError)
    #expect(disk.run(.destroy(id), transno: 2).errno == StorageErrno.readOnly)
    #expect(disk.run(.getAttributes(id)).errno == 0)
    #expect(disk.durableTransno == 0)
  }

  @Test func failedMovesAreEIOAndChangeNothing() {
    var plan = DiskPlan(seed: 5)
    plan.errorsPerMillion = 1_000_000
    var disk = Disk(MemoryStore(testIdentity, plan: plan))
    let id = StoredObjectID(sequence: 1, object: 1)
    #expect(disk.run(.create(id, StoredAttributes()), transno: 1).errno == 0)
    let written = disk.write(id, [1, 2, 3], transno: 2)
    #expect(written.errno == StorageErrno.ioError)
    #expect(disk.record(id)?.size == 0)
    #expect(disk.record(id)?.version == 1)
    #expect(disk.store.counters.ioErrors == 1)
  }

  @Test func fullMemoryIsENOSPCUntilSomethingGoes() {
    var disk = Disk(MemoryStore(testIdentity, byteCapacity: 4 << 16))
    let (a, b) = (StoredObjectID(sequence: 1, object: 1), StoredObjectID(sequence: 1, object: 2))
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    _ = disk.run(.create(b, StoredAttributes()), transno: 2)
    #expect(disk.write(a, [UInt8](repeating: 1, count: 4 << 16), transno: 3).errno == 0)
    #expect(disk.write(b, [1], transno: 4).errno == StorageErrno.noSpace)
    #expect(disk.record(b)?.size == 0)
    #expect(disk.store.counters.noSpace == 1)
    #expect(disk.run(.destroy(a), transno: 5).errno == 0)
    #expect(disk.write(b, [1], transno: 6).errno == 0)
    #expect(disk.durableTransno == 6)
  }
}
