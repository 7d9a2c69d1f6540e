// The loop's side of a store behind a thread allocates nothing, whatever the thread does.
// Method: a counter under malloc, of the calling thread, reads round every submit and poll; an array is the
// positive control.
import CAllocationCounter
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import Storage
@testable import Verbena

@Suite(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
struct LoopSideTests {
  @Test func thePositiveControlCounts() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  @Test func submitAndPollAllocateNothing() async throws {
    let directory = TestDirectory()
    try await onThread {
      let bell = TestBell()
      var configuration = FileStore.Configuration()
      configuration.queueCapacity = 8
      configuration.commitInterval = 1_000_000
      var store = try FileStore.open(
        directory.target, testIdentity, bell: bell.descriptor, keeping: bell, configuration)
      let owner = TestMemory()
      var memory = owner.make()
      let run = memory.bulk.allocateRun(byteCount: 4096)
      let buffer = try #require(run)
      var commands = FixedQueue(capacity: 16, filler: StorageCommand(.none, ticket: 0))
      var completions = FixedQueue(capacity: 16, filler: StorageCompletion.durable(transno: 0))
      let id = StoredObjectID(sequence: 1, object: 1)
      commands.append(StorageCommand(.create(id, StoredAttributes()), ticket: 0, transno: 1))
      var total: UInt = 0
      var ended = 0
      var durable: UInt64 = 0
      for transno in 2...60 as ClosedRange<UInt64> {
        let write = StorageOperation.write(id, offset: transno * 4096, data: buffer)
        // Both kinds: those that somebody waits for, and those that are made safe some time.
        commands.append(
          StorageCommand(write, ticket: 1, transno: transno, isSync: transno % 3 == 0))
        let target = ended + commands.count
        while ended < target {
          let before = callocation_counter_read()
          store.submit(&commands, memory: &memory, at: transno)
          store.poll(&completions, memory: &memory, at: transno)
          if transno > 10 { total += callocation_counter_read() - before }
          while let completion = completions.popFirst() {
            switch completion {
            case .ended(let result):
              #expect(result.errno == 0)
              ended += 1
            case .durable(let transno): durable = transno
            }
          }
          if ended < target { bell.wait() }
        }
      }
      #expect(ended == 60 && durable >= 57)
      #expect(total == 0)
      store.stop()
      while !store.hasEnded { bell.wait() }
    }
  }
}
