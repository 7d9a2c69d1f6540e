internal import CLinuxShims
internal import Rings
internal import Storage
internal import Synchronization

/// The thread that waits for a disk, so that no loop has to.
///
/// It takes commands as they come. When one of them waits for its being safe, a commit follows as soon as no
/// more commands are there, or a batch is full: one for all that wait. Otherwise a commit follows when the
/// interval has passed.
struct StorageThread: ~Copyable {
  /// Commands between two looks at the clock, and at most behind one commit.
  static let batchCount = 256

  private let channel: StorageChannel
  private let interval: UInt64
  private var store: DirectoryStore
  /// Ended, and kept back until the commit, with all behind them.
  private var held: [StorageResult] = []
  /// Which of them wait for it themselves.
  private var waiters: [Int] = []
  /// When what was done without a waiter is to be safe, in nanoseconds.
  private var deadline: UInt64?

  init(store: consuming DirectoryStore, channel: StorageChannel, interval: UInt64) {
    self.channel = channel
    self.interval = interval
    self.store = store
    held.reserveCapacity(Self.batchCount)
  }

  /// Runs until the channel says stop, and everything that was accepted is done and safe.
  consuming func run() {
    let sleeper = Sleeper(channel.bell)
    while true {
      let isStopping = channel.isStopping.load(ordering: .acquiring)
      let count = takeBatch()
      let now = clinux_monotonic_nanoseconds()
      if store.hasUncommitted && deadline == nil { deadline = now &+ interval }
      if !waiters.isEmpty || isStopping || (deadline.map { $0 <= now } ?? false) { commit() }
      if count > 0 { continue }
      if isStopping { break }
      sleep(sleeper, now)
    }
    end()
  }

  private mutating func takeBatch() -> Int {
    var count = 0
    var published = 0
    while count < Self.batchCount, let entry = channel.commands.pop() {
      count += 1
      let result = store.execute(entry.command, address: entry.address)
      let waits = entry.command.isSync && !entry.command.continues && result.errno == 0
      if !waits && held.isEmpty {
        channel.push(result)
        published += 1
      } else {
        if waits { waiters.append(held.count) }
        held.append(result)
      }
    }
    publishDurable()
    if published > 0 { clinux_eventfd_ring(channel.loopBell) }
    return count
  }

  private mutating func commit() {
    let isSafe = store.commit()
    if !isSafe {
      for at in waiters { held[at].errno = StorageErrno.ioError }
    }
    for result in held { channel.push(result) }
    held.removeAll(keepingCapacity: true)
    waiters.removeAll(keepingCapacity: true)
    deadline = nil
    publishDurable()
    clinux_eventfd_ring(channel.loopBell)
  }

  /// A commit may also come of itself, in the midst of a batch; what it made safe is said when the results that
  /// came before have been handed over.
  private func publishDurable() {
    guard held.isEmpty else { return }
    channel.durableTransno.store(store.durableTransno, ordering: .releasing)
  }

  private func sleep(_ sleeper: Sleeper, _ now: UInt64) {
    channel.isAsleep.store(true, ordering: .sequentiallyConsistent)
    if channel.commands.isEmpty && !channel.isStopping.load(ordering: .sequentiallyConsistent) {
      let left = deadline.map { $0 > now ? Int64(clamping: $0 - now) : 0 }
      _ = sleeper.sleep(timeout: left ?? -1)
    }
    channel.isAsleep.store(false, ordering: .relaxed)
    _ = clinux_eventfd_drain(channel.bell)
  }

  private consuming func end() {
    let channel = channel
    // The directory is free before anybody is told that it is.
    discardStore()
    channel.hasEnded.store(true, ordering: .releasing)
    clinux_eventfd_ring(channel.loopBell)
  }

  private consuming func discardStore() {}
}
