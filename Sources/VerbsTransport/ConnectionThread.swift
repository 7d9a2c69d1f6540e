#if Verbs
internal import CLinuxShims
internal import CRDMA
internal import RDMATransport
internal import Rings
internal import Structures
internal import Synchronization

/// The thread of one device, which makes every call of librdmacm and verbs that can block.
///
/// It sleeps on the event channel, on the device's asynchronous events, on its bell and on its own
/// deadlines, and talks with the loops through their links alone.
// The object is made by `start`, handed to its thread, and touched by that thread only.
final class ConnectionThread: @unchecked Sendable {
  let device: OpenDevice
  var links: [LinkState] = []
  /// By key; the key plus one is the context of the connection's id.
  var connections: [Connection?] = []
  private var freeKeys: [Int] = []
  /// By queue pair number, for the device's asynchronous events.
  var keysByPair: [UInt32: Int] = [:]
  var timers: TimerWheel
  var now: UInt64
  /// Active sides that wait for their turn, in order.
  var waitingToResolve = FixedQueue<Int>(capacity: Limits.connectionCountMax, filler: 0)
  var waitingToConnect = FixedQueue<Int>(capacity: Limits.connectionCountMax, filler: 0)
  var resolutionsInFlight = 0
  var exchangesInFlight = 0
  /// The next connect request, of any link: an event of a waiting one says its number alone.
  var nextRequest: UInt64 = 1
  /// When unanswered connect requests are looked for next, in nanoseconds.
  private var nextRequestCheck: UInt64 = .max

  private init(device: OpenDevice) {
    self.device = device
    now = clinux_monotonic_nanoseconds()
    timers = TimerWheel(capacity: Limits.connectionCountMax, now: now)
  }

  static func start(for device: OpenDevice) throws(CallFailure) {
    let state = ConnectionThread(device: device)
    // SAFETY: the one reference is handed to the new thread, which takes it.
    let context = unsafe Unmanaged.passRetained(state).toOpaque()
    var thread: UInt = 0
    let result = unsafe clinux_thread_start(
      &thread, "rdma-cm",
      { context in
        guard let context = unsafe context else { return nil }
        let state = unsafe Unmanaged<ConnectionThread>.fromOpaque(context).takeRetainedValue()
        state.run()
        return nil
      }, context)
    if result < 0 {
      // SAFETY: no thread was made, so nobody else takes the reference.
      unsafe Unmanaged<ConnectionThread>.fromOpaque(context).release()
      throw CallFailure(call: "pthread_create", errno: -result)
    }
  }

  /// Whether the device is gone.
  var isRemoved: Bool { device.isRemoved.load(ordering: .relaxed) }

  // MARK: - The round

  private func run() {
    while true {
      let ready = sleepUntilSomethingHappens()
      now = clinux_monotonic_nanoseconds()
      welcomeArrivals()
      handleCommands()
      if ready & 2 != 0 { while let event = device.channel.next() { handle(event) } }
      if ready & 4 != 0 { while let event = nextAsyncEvent() { handle(event) } }
      expireDeadlines()
      startWaiting()
      for link in links { link.flush() }
      if isRemoved && links.isEmpty && device.closeIfUnused() { break }
    }
  }

  /// - Returns: what is ready to be read: the bell (1), the event channel (2), the device's own events (4).
  private func sleepUntilSomethingHappens() -> Int32 {
    device.threadSleeps.store(true, ordering: .sequentiallyConsistent)
    let hasWork =
      links.contains { !$0.link.commands.isEmpty } || device.hasArrivals
    var timeout: Int64 = -1
    if hasWork {
      timeout = 0
    } else if links.contains(where: \.hasSpill) {
      // A full ring has no bell of its own.
      timeout = 1_000_000
    } else if let next = nextDeadline() {
      let time = clinux_monotonic_nanoseconds()
      timeout = next > time ? Int64(min(next - time, 1 << 60)) : 0
    }
    // The kernel keeps a removed device's in error for ever.
    let asynchronous = isRemoved ? -1 : device.asyncDescriptor
    let ready = clinux_poll_sleep(
      device.bell, device.channel.descriptor, asynchronous, timeout)
    device.threadSleeps.store(false, ordering: .sequentiallyConsistent)
    if ready & 1 != 0 { _ = clinux_eventfd_drain(device.bell) }
    return max(ready, 0)
  }

  private func nextDeadline() -> UInt64? {
    guard let timer = timers.nextDeadline() else {
      return nextRequestCheck == .max ? nil : nextRequestCheck
    }
    return min(timer, nextRequestCheck)
  }

  private func welcomeArrivals() {
    for link in device.takeArrivals() {
      guard let kit = link.takeKit() else { continue }
      let state = LinkState(link, kit: kit)
      links.append(state)
      if isRemoved { state.report(0, .deviceRemoved) }
    }
  }

  private func handleCommands() {
    var index = 0
    while index < links.count {
      let link = links[index]
      var budget = Limits.commandsPerRound
      var isDetached = false
      while budget > 0, !isDetached, let command = link.link.commands.pop() {
        budget -= 1
        switch command {
        case .command(let command): execute(command, for: link)
        case .drained(let handle): drained(handle, on: link)
        case .flush(let handle): flushAgain(handle, on: link)
        case .detach: isDetached = true
        }
      }
      if isDetached {
        links.remove(at: index)
        detach(link)
      } else {
        index += 1
      }
    }
  }

  // MARK: - Connections

  func connection(_ key: Int) -> Connection? {
    connections.indices.contains(key) ? connections[key] : nil
  }

  func connection(of owner: CMOwner, on link: LinkState) -> Connection? {
    link.owners[owner].flatMap { connection($0) }
  }

  /// A new connection or listener; nil when there are too many.
  func makeConnection(
    _ owner: CMOwner, on link: LinkState, phase: Connection.Phase,
    attributes: QueuePairAttributes = QueuePairAttributes(sendCapacity: 0, receiveCapacity: 0)
  ) -> Connection? {
    precondition(link.owners[owner] == nil, "two connections of one owner")
    let key = freeKeys.popLast() ?? connections.count
    guard key < Limits.connectionCountMax, let timer = timers.make(kind: 0, owner: UInt32(key))
    else { return nil }
    let connection = Connection(
      key: key, link: link, owner: owner, timer: timer, phase: phase, attributes: attributes)
    connection.stepStart = now
    if key == connections.count {
      connections.append(connection)
    } else {
      connections[key] = connection
    }
    link.owners[owner] = key
    return connection
  }

  /// Forgets a connection of which nothing is left.
  func forget(_ connection: Connection) {
    timers.free(connection.timer)
    connections[connection.key] = nil
    freeKeys.append(connection.key)
  }

  /// Ends the present step and begins the next; how long it took, in nanoseconds.
  func endStep(_ connection: Connection) -> UInt32 {
    let time = clinux_monotonic_nanoseconds()
    let duration = time &- connection.stepStart
    connection.stepStart = time
    return UInt32(clamping: duration)
  }

  func arm(_ connection: Connection, after duration: UInt64) {
    timers.arm(connection.timer, at: now &+ duration)
  }

  // MARK: - Deadlines

  private func expireDeadlines() {
    while let expiry = timers.expire(at: now) {
      guard let connection = connection(Int(expiry.owner)) else { continue }
      deadlinePassed(connection)
    }
    if now >= nextRequestCheck { dropOldRequests() }
  }

  func watchRequests() {
    nextRequestCheck = min(nextRequestCheck, now &+ Limits.requestLife)
  }

  /// Refuses the connect requests that nobody has answered.
  private func dropOldRequests() {
    nextRequestCheck = .max
    for link in links {
      for (handle, request) in link.requests {
        if request.deadline <= now {
          link.requests[handle] = nil
          refuse(request.id)
        } else {
          nextRequestCheck = min(nextRequestCheck, request.deadline)
        }
      }
    }
  }

  private func deadlinePassed(_ connection: Connection) {
    switch connection.phase {
    case .resolvingAddress: abort(connection, step: .resolveAddress)
    case .resolvingRoute: abort(connection, step: .resolveRoute)
    case .waitingToConnect, .connecting: abort(connection, step: .connect)
    case .accepting: abort(connection, step: .accept)
    case .disconnecting: ended(connection)
    case .draining: purge(connection)
    case .timeWait: endTimeWait(connection)
    case .listening, .waitingToResolve, .ready, .prepared, .established, .ended: break
    }
  }

  private func abort(_ connection: Connection, step: ConnectStep) {
    // The peer may have taken the request on already, and would take this number for a stale connection.
    if connection.phase == .connecting { connection.needsTimeWait = true }
    fail(connection, ConnectFailure(step: step, errno: 110))
    // Without its id the kernel stops its own retries.
    connection.id?.destroy()
    connection.id = nil
  }
}
#endif
