/// The limits of the verbs backend: every queue and table of the room, with its unit and reason.
enum Limits {
  /// Commands and messages between one loop and the connection manager's thread, in elements. A turn leaves
  /// at most 256 commands; more wait in order at the sender.
  static let ringCapacity = 1024
  /// Connect requests of one listener's transport that wait for an answer. More are refused: each holds
  /// an id of the kernel, and the kernel's own o2iblnd gives up after 12.5 s.
  static let waitingRequestCountMax = 256
  /// Address and route resolutions of one device at a time: each is a request to the kernel's ARP queue.
  static let resolutionsInFlightMax = 128
  /// Connect exchanges of one device at a time: the kernel's CM answers all of them on one work queue, and
  /// beyond this they only time each other out.
  static let exchangesInFlightMax = 128
  /// Commands of one loop that are handled before its neighbours' have their turn.
  static let commandsPerRound = 16
  /// Connections and listeners of one device, in any state.
  static let connectionCountMax = 1 << 17
  /// Queue pairs kept for reuse, for each transport: 28.7 KiB of kernel memory each at depth 16.
  static let pooledQueuePairCountMax = 256
  /// Queue pairs that wait for the end of TIMEWAIT, for each transport; more are destroyed at once.
  static let timeWaitCountMax = 1024
  /// Completion queues of one transport; each is as large as the configuration says.
  static let completionQueueCountMax = 32
  /// Completions taken from the device in one call, and work requests given to it in one.
  static let batchCount = 64
  /// Completion events acknowledged at once: an acknowledgement takes a lock of libibverbs.
  static let eventsPerAcknowledgement: UInt32 = 256
  /// Inline bytes that are probed for at most: larger ones only make every work request larger.
  static let inlineByteCountMax: UInt16 = 256

  // Deadlines, in nanoseconds.

  /// How much longer than the kernel's own deadline of a resolution we wait for its report.
  static let resolveGrace: UInt64 = 250_000_000
  /// An unanswered connect request: the requester has long given up (12.5 s).
  static let requestLife: UInt64 = 30_000_000_000
  /// From our disconnect to its answer. The kernel would retry for more than a minute.
  static let disconnect: UInt64 = 5_000_000_000
  /// From ERROR to the last flushed request; then the queue pair is reset and the rest is flushed by us.
  static let drain: UInt64 = 2_000_000_000
  /// The longest TIMEWAIT: the kernel's is 2 s with the packet lifetime that it assumes for RoCE.
  static let timeWait: UInt64 = 10_000_000_000
  /// How long a transport that ends waits for the connection manager's thread.
  static let detach: UInt64 = 10_000_000_000
}
