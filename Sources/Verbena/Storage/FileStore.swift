internal import CLinuxShims
package import RDMATransport
internal import Rings
package import Storage
package import Structures
internal import Synchronization

/// A target's store in a directory, as its loop sees it; the disk is waited for by a thread of its own.
///
/// `submit` and `poll` copy small records and never wait; waking the thread, when it sleeps, costs one system
/// call, so a loop submits at the end of its turn.
package struct FileStore: ~Copyable, TargetStore {
  /// What may be chosen.
  package struct Configuration: Sendable {
    /// Commands under way, a power of two; more wait in the target's queue.
    package var queueCapacity = 256
    /// Nanoseconds after which changes are made safe for which nobody waits. Longer is easier on the disk;
    /// clients keep their requests until then.
    package var commitInterval: UInt64 = 100_000_000

    package init() {}
  }

  private let channel: StorageChannel
  private let capacity: Int
  private var underWay = 0
  private var reportedTransno: UInt64
  /// What the target finds when it starts.
  package let image: TargetImage
  package let report: StoreReport

  /// The directory of a target under the `--data` directory.
  package static func directory(of name: String, under data: String) -> String { "\(data)/\(name)" }

  /// Opens a target's directory, or makes it, and starts the thread.
  ///
  /// Blocks for as long as the disk takes: not for loops. Throws when the directory is another target's, in use,
  /// damaged or of a newer format, and when the disk refuses.
  ///
  /// - Parameters:
  ///   - identity: whose it must be. In a new directory it is stored; in an old one only the UUID and the kind
  ///     are compared. The mount count is the store's.
  ///   - bell: an eventfd of the loop, rung when there is something to poll, and once after `hasEnded`.
  ///   - owner: who closes the bell when it goes. The store's thread keeps it: a closed bell's number may be a file's.
  package static func open(
    _ directory: String, _ identity: TargetIdentity, bell: Int32,
    keeping owner: any AnyObject & Sendable,
    _ configuration: Configuration = Configuration()
  ) throws(NodeError) -> FileStore {
    let store = try StoreFolder.open(directory, identity)
    let image = store.image
    let report = store.report
    let channel = try StorageChannel(
      capacity: configuration.queueCapacity, durable: image.lastTransno, loopBell: bell,
      bellOwner: owner)
    let hand = Guarded<DirectoryStore?>(store)
    let interval = configuration.commitInterval
    let pass = HandOver(hand)
    try LoopThread.start(name: "verbena-disk") {
      guard let store = pass.take() else { return }
      let thread = StorageThread(store: store, channel: channel, interval: interval)
      thread.run()
    }
    return FileStore(channel, configuration.queueCapacity, image, report)
  }

  private init(
    _ channel: StorageChannel, _ capacity: Int, _ image: TargetImage, _ report: StoreReport
  ) {
    self.channel = channel
    self.capacity = capacity
    self.image = image
    self.report = report
    reportedTransno = image.lastTransno
  }

  deinit { Self.stop(channel) }

  package mutating func submit(
    _ commands: inout FixedQueue<StorageCommand>, memory: inout NodeMemory, at now: UInt64
  ) {
    var isNew = false
    while underWay < capacity, let command = commands.popFirst() {
      var address: UInt64 = 0
      if let buffer = command.operation.buffer, buffer.length > 0 {
        address = memory.address(buffer)
      }
      let isPushed = channel.commands.push(
        StorageChannel.Entry(command: command, address: address))
      precondition(isPushed, "more under way than there may be")
      underWay += 1
      isNew = true
    }
    if isNew { channel.wake() }
  }

  package mutating func poll(
    _ completions: inout FixedQueue<StorageCompletion>, memory: inout NodeMemory, at now: UInt64
  ) {
    // Before the results: all that it speaks of have been pushed when it was stored.
    let durable = channel.durableTransno.load(ordering: .acquiring)
    while !completions.isFull, let result = channel.results.pop() {
      underWay -= 1
      completions.append(.ended(result))
    }
    guard durable > reportedTransno, channel.results.isEmpty, !completions.isFull else { return }
    reportedTransno = durable
    completions.append(.durable(transno: durable))
  }

  package mutating func nextDeadline() -> UInt64? { nil }

  /// Commands whose completions have not been polled.
  package var underWayCount: Int { underWay }

  /// Asks the thread to end when everything that was submitted is done and safe; completions still come.
  package func stop() { Self.stop(channel) }

  private static func stop(_ channel: StorageChannel) {
    channel.isStopping.store(true, ordering: .sequentiallyConsistent)
    clinux_eventfd_ring(channel.bell)
  }

  /// The thread has ended, and the directory is free.
  package var hasEnded: Bool { channel.hasEnded.load(ordering: .acquiring) }
}

/// Hands a store to the thread that will use it.
private final class HandOver: Sendable {
  private let store: Guarded<DirectoryStore?>

  init(_ store: consuming Guarded<DirectoryStore?>) { self.store = store }

  func take() -> DirectoryStore? { store.withLock { $0.take() } }
}
