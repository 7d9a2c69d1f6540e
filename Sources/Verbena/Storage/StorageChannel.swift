internal import CLinuxShims
internal import Rings
internal import Storage
internal import Synchronization

/// What a loop and the thread of a store share: two rings, a few words, two bells.
final class StorageChannel: Sendable {
  /// A command and where its buffer lies.
  struct Entry: BitwiseCopyable {
    var command: StorageCommand
    var address: UInt64
  }

  /// Never fuller than the loop lets it be: commands under way, at either end, are counted by the loop.
  let commands: SPSCRing<Entry>
  let results: SPSCRing<StorageResult>
  /// Everything up to here is safe; stored after the results it speaks of have been pushed.
  let durableTransno: Atomic<UInt64>
  /// The thread sleeps, or is about to: whoever brings work rings.
  let isAsleep = Atomic<Bool>(false)
  let isStopping = Atomic<Bool>(false)
  /// The thread has let the directory go.
  let hasEnded = Atomic<Bool>(false)
  /// Wakes the thread.
  let bell: Int32
  /// Wakes the loop; it is the loop's own.
  let loopBell: Int32
  /// Who closes it when it goes.
  private let bellOwner: any AnyObject & Sendable

  init(
    capacity: Int, durable: UInt64, loopBell: Int32, bellOwner: any AnyObject & Sendable
  ) throws(NodeError) {
    commands = SPSCRing(capacity: capacity)
    results = SPSCRing(capacity: capacity)
    durableTransno = Atomic(durable)
    self.loopBell = loopBell
    self.bellOwner = bellOwner
    bell = clinux_eventfd()
    guard bell >= 0 else {
      throw NodeError(
        code: .system, operation: "open store", errno: -bell,
        explanation: "eventfd: errno \(-bell)")
    }
  }

  deinit { if bell >= 0 { clinux_close(bell) } }

  /// Thread only.
  func push(_ result: StorageResult) {
    precondition(results.push(result), "more ended than were under way")
  }

  /// Wakes the thread if it sleeps. Loop only.
  func wake() {
    // The ring's tail was stored before, and the thread looks at it again after it has said that it sleeps:
    // one of the two sees the other.
    guard isAsleep.load(ordering: .sequentiallyConsistent) else { return }
    isAsleep.store(false, ordering: .relaxed)
    clinux_eventfd_ring(bell)
  }
}
