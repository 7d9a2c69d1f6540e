#if Verbs
internal import CLinuxShims
internal import RDMATransport
internal import Rings
internal import Synchronization

/// What a loop tells the connection manager's thread.
enum LinkCommand: BitwiseCopyable {
  case command(CMCommand)
  /// Every request of the queue pair has been delivered as a completion.
  case drained(QueuePairHandle)
  /// Receives were posted on a queue pair in ERROR: some providers flush them only when told again.
  case flush(QueuePairHandle)
  /// The transport ends: give back all that it has.
  case detach
}

/// What the connection manager's thread tells a loop.
struct LinkEvent: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// `event` is for the owner.
    case forOwner
    /// Take on the queue pair at `address`; then as `forOwner`.
    case ready
    /// The queue pair is in ERROR.
    case errored
    /// The queue pair is in ERROR and will be given back: post nothing more, and answer `drained`.
    case drain
    /// The queue pair is in RESET and will complete nothing more: complete the rest, and answer `drained`.
    case purge
    /// The completion queue at `address` is to be polled too.
    case completionQueue
    /// The loop forgets the queue pair.
    case forget
  }

  var kind: Kind
  var handle: QueuePairHandle
  var address: UInt
  var event: CMEvent

  init(
    _ kind: Kind, handle: QueuePairHandle = .none, address: UInt = 0,
    event: CMEvent = CMEvent(owner: 0, kind: .released)
  ) {
    self.kind = kind
    self.handle = handle
    self.address = address
    self.event = event
  }
}

/// The two rings between one loop and the thread of its device, and the bells that wake them.
///
/// A bell is only rung for a side that has said that it is about to sleep; it then looks at its
/// ring once more. Both orders are sequentially consistent, so one of the two sees the other.
// The rings are safe for their two threads, the flags are atomic, and the rest never changes.
final class LoopLink: @unchecked Sendable {
  let commands = SPSCRing<LinkCommand>(capacity: Limits.ringCapacity)
  let events = SPSCRing<LinkEvent>(capacity: Limits.ringCapacity)
  /// Wakes the loop.
  let bell: Int32
  let loopSleeps = Atomic<Bool>(false)
  let isDetached = Atomic<Bool>(false)
  /// Rung once when the device's thread has given everything back.
  let detachedBell: Int32
  let configuration: VerbsTransport.Configuration
  // Counters, for whoever asks.
  let createdPairs = Atomic<Int>(0)
  let reusedPairs = Atomic<Int>(0)
  let lostPairs = Atomic<Int>(0)
  let purgedPairs = Atomic<Int>(0)
  let refusedRequests = Atomic<Int>(0)
  let ignoredCommands = Atomic<Int>(0)
  let portErrors = Atomic<Int>(0)
  /// The completion queues on their way to the device's thread, and back when it has detached.
  let kit = Mutex<CompletionQueuePool.Kit?>(nil)

  func takeKit() -> CompletionQueuePool.Kit? {
    kit.withLock { kit in
      let taken = kit
      kit = nil
      return taken
    }
  }

  init(configuration: VerbsTransport.Configuration) throws(CallFailure) {
    self.configuration = configuration
    bell = try CallFailure.checkNegative("eventfd", clinux_eventfd())
    do throws(CallFailure) {
      detachedBell = try CallFailure.checkNegative("eventfd", clinux_eventfd())
    } catch {
      clinux_close(bell)
      throw error
    }
  }

  /// Wakes the loop if it sleeps.
  func wakeLoop() {
    if loopSleeps.exchange(false, ordering: .sequentiallyConsistent) { clinux_eventfd_ring(bell) }
  }

  deinit {
    clinux_close(bell)
    clinux_close(detachedBell)
  }
}
#endif
