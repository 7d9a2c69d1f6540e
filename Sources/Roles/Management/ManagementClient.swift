package import Connections
package import LustreWire
package import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// What a management client tells the parts of its node.
enum ManagementReport {
  /// A target's registration has ended: 0, or a negative errno.
  case registered(target: Int, status: Int32, explanation: String)
  /// What a watcher has asked for is there, or has changed: `map` of the watch.
  case changed(OwnerTag)
  /// A watcher cannot be served; the status is a negative errno. Its watch has ended.
  case failed(OwnerTag, status: Int32, explanation: String)
}

/// The client of one management server, for all mounts and targets of the node that use it (spec 11 §11–§14).
///
/// Its import exists while it has users: watches and registrations.
package struct ManagementClient: ~Copyable {
  /// Watches at a time; each has up to five logs.
  package static let watchCountMax = 256
  /// For how long the server is tried until a mount or a new target fails: INITIAL_CONNECT_TIMEOUT, at_min and a
  /// ping interval (spec 11 §11).
  static let patience: UInt64 = 35_000_000_000

  package private(set) var nodes: [[NID]]
  let index: Int
  /// What the other parts are to hear, in order; `Roles` takes it after each call.
  var reports: [ManagementReport] = []

  var link = ImportHandle.none
  var isConnected = false
  private var isClosing = false
  /// The node leaves everybody: nobody uses it any more.
  private var isLeaving = false
  private var timer: TimerID?
  var watches: [ManagementWatch?] = []
  var readings: [ConfigReading?] = []
  var registrations: [Registration] = []
  /// Bulk memory of requests that were released before the wire was done with them.
  var lentBulk: [(request: RequestHandle, memory: BufferRef)] = []
  /// Cancels of locks whose watch is gone.
  private var lastCancels: [LockHandle] = []

  init(nodes: [[NID]], index: Int) {
    self.nodes = nodes
    self.index = index
  }

  /// Whether nobody has used it since its import went: it can be the client of another server then.
  var isOver: Bool {
    link == .none && !isLeaving && registrations.isEmpty && watches.allSatisfy { $0 == nil }
      && readings.allSatisfy { $0 == nil } && lentBulk.isEmpty && reports.isEmpty
  }

  /// Serves another server's users from now on; its timer and its place stay.
  mutating func turn(to nodes: [[NID]]) {
    precondition(isOver, "a management client that is in use")
    self.nodes = nodes
  }

  /// `10.0.0.1@o2ib, 10.0.0.2@o2ib`.
  var serverText: String { nodes.joined().map { $0.description }.joined(separator: ", ") }

  // MARK: - Users

  /// Reads a file system's configuration and reports `.changed` when it is known, and whenever it has changed, or
  /// `.failed`; never at once.
  ///
  /// - Parameter tag: the owner's name of the watch.
  /// - Returns: false when there is no place for it.
  package mutating func watch(
    _ fileSystem: String, _ user: ManagementUser, tag: OwnerTag, _ node: inout NodeCore
  ) -> Bool {
    let place = watches.firstIndex { $0 == nil } ?? watches.count
    guard place < Self.watchCountMax else { return false }
    if place == watches.count { watches.append(nil) }
    var watch = ManagementWatch(
      tag: tag, fileSystem: fileSystem, user: user, deadline: node.turn.now + Self.patience)
    for reading in ConfigReading.all(fileSystem, user, watch: place) {
      let slot = readings.firstIndex { $0 == nil } ?? readings.count
      if slot == readings.count { readings.append(nil) }
      readings[slot] = reading
      watch.readings.append(slot)
    }
    if let first = watch.readings.first { readings[first]?.isBegun = true }
    watches[place] = watch
    open(&node)
    if let first = watch.readings.first, isConnected { advance(first, &node) }
    rearm(&node)
    return true
  }

  /// What is known of a watch's file system; nil before the first `.changed`.
  package func map(of tag: OwnerTag) -> FileSystemMap? {
    for case let watch? in watches where watch.tag == tag {
      return watch.isComplete ? watch.map : nil
    }
    return nil
  }

  /// Ends a watch: its locks are given back, and nothing more is reported.
  package mutating func unwatch(_ tag: OwnerTag, _ node: inout NodeCore) {
    for place in watches.indices where watches[place]?.tag == tag { end(watch: place, &node) }
    closeIfUnused(&node)
    rearm(&node)
  }

  /// Gives all locks back and leaves the server.
  mutating func leave(_ node: inout NodeCore) {
    guard !isLeaving else { return }
    isLeaving = true
    for place in watches.indices where watches[place] != nil { end(watch: place, &node) }
    closeIfUnused(&node)
    rearm(&node)
  }

  /// Its import, for lists; nil while there is none.
  package var importHandle: ImportHandle? { link == .none ? nil : link }

  mutating func end(watch place: Int, _ node: inout NodeCore) {
    for slot in watches[place]?.readings ?? [] {
      guard let reading = readings[slot] else { continue }
      readings[slot] = nil
      if reading.request != .none { give(reading.request, reading.bulk, &node) }
      switch reading.lockState {
      case .held, .blocked: cancelLast(reading.lock, &node)
      case .cancelling: lastCancels.append(reading.lock)
      // An answer to an enqueue finds nobody, and is given back then.
      case .none, .asked, .resting: break
      }
    }
    watches[place] = nil
  }

  private mutating func cancelLast(_ lock: LockHandle, _ node: inout NodeCore) {
    let isSent = node.connections.cancel(
      lock, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    // What cannot be sent ends with the connection.
    if isSent { lastCancels.append(lock) }
  }

  // MARK: - The import

  private var hasUsers: Bool {
    !isLeaving && (watches.contains { $0 != nil } || registrations.contains { $0.isUser })
  }

  mutating func open(_ node: inout NodeCore) {
    if timer == nil {
      timer = node.makeProgramTimer(OwnerTag(.managementClient, index).raw)
      precondition(timer != nil, "no timer left for a management client")
    }
    guard link == .none else { return }
    var description = ImportDescription(
      proposal: Proposal(role: .mgc), target: ObdUUID("MGS") ?? ObdUUID(),
      client: .random(&node.turn.random))
    description.tag = OwnerTag(.managementClient, index).raw
    guard
      let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
    else { return }
    for nid in nodes.joined() { _ = node.connections.addConnection(nid, to: handle) }
    link = handle
    isConnected = false
    isClosing = false
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private mutating func closeIfUnused(_ node: inout NodeCore) {
    guard link != .none, !isClosing, !hasUsers, lastCancels.isEmpty else { return }
    isClosing = true
    node.connections.close(link, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  // MARK: - Events

  mutating func handle(_ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore) {
    switch event.kind {
    case .connected:
      isConnected = true
      connected(&node)
    case .lost, .attemptFailed, .evicted, .idle: isConnected = false
    case .closed: closed(event.status, &node)
    case .replied, .failed: requestEnded(event, &node)
    case .released: released(event.request, &node)
    case .lockHeld, .lockFailed, .lockBlocked, .lockReleased, .lockLost:
      lockChanged(event, &node)
    case .requested, .transferred, .acknowledged, .exportConnected, .exportGone, .called,
      .glimpsed, .lockGranted, .calledBack:
      break
    }
    closeIfUnused(&node)
    rearm(&node)
  }

  private mutating func connected(_ node: inout NodeCore) {
    for index in registrations.indices { send(registration: index, &node) }
    for slot in readings.indices where readings[slot]?.isBegun == true { advance(slot, &node) }
  }

  private mutating func closed(_ status: Int32, _ node: inout NodeCore) {
    isConnected = false
    if status < 0 {
      // Refused for good: to ask again would change nothing.
      let explanation = "the management server at \(serverText) has refused the connection"
      for place in watches.indices { fail(watch: place, status, explanation, &node) }
      for index in registrations.indices { fail(registration: index, status, explanation) }
    }
    node.connections.removeImport(link, turn: &node.turn)
    link = .none
    lastCancels = []
    if hasUsers { open(&node) }
  }

  private mutating func requestEnded(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    if let index = registrations.firstIndex(where: { $0.request == event.request }) {
      return registrationEnded(index, event, &node)
    }
    let slot = readings.firstIndex { $0?.request == event.request }
    if let slot { readEnded(slot, event, &node) }
  }

  private mutating func lockChanged(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    let lock = LockHandle(raw: event.handle)
    if let slot = readings.firstIndex(where: { $0?.lock == lock }) {
      return lockChanged(slot, event, &node)
    }
    switch event.kind {
    case .lockHeld: cancelLast(lock, &node)
    case .lockReleased, .lockLost: lastCancels.removeAll { $0 == lock }
    default: break
    }
  }

  // MARK: - Memory of bulk

  /// Releases a request, and its memory when the wire is done with it.
  mutating func give(
    _ request: RequestHandle, _ bulk: BufferRef, _ node: inout NodeCore
  ) {
    if bulk != .none { lentBulk.append((request, bulk)) }
    node.connections.release(request, rpc: &node.rpc, turn: &node.turn)
  }

  private mutating func released(_ request: RequestHandle, _ node: inout NodeCore) {
    guard let place = lentBulk.firstIndex(where: { $0.request == request }) else { return }
    node.turn.memory.release(lentBulk[place].memory)
    lentBulk.remove(at: place)
  }

  // MARK: - Time

  mutating func expired(_ tag: OwnerTag, _ node: inout NodeCore) {
    for slot in readings.indices {
      guard let due = readings[slot]?.due, due <= node.turn.now else { continue }
      readings[slot]?.due = .max
      if isConnected { advance(slot, &node) }
    }
    for place in watches.indices {
      guard let watch = watches[place], !watch.isComplete, watch.deadline <= node.turn.now else {
        continue
      }
      let status = watch.lastStatus == 0 ? WireErrno.etimedout.status : watch.lastStatus
      fail(
        watch: place, status,
        isConnected
          ? "the management server (\(serverText)) has not let us read \(watch.fileSystem)"
          : "no management server answers at \(serverText)", &node)
    }
    registrationsExpired(&node)
    closeIfUnused(&node)
    rearm(&node)
  }

  mutating func fail(
    watch place: Int, _ status: Int32, _ explanation: String, _ node: inout NodeCore
  ) {
    guard let tag = watches[place]?.tag else { return }
    reports.append(
      .failed(tag, status: status, explanation: Self.words(explanation, status)))
    end(watch: place, &node)
  }

  static func words(_ explanation: String, _ status: Int32) -> String {
    "\(explanation): " + (WireErrno(status: status).map { "\($0)" } ?? "status \(status)")
  }

  func rearm(_ node: inout NodeCore) {
    guard let timer else { return }
    var next = UInt64.max
    for case let reading? in readings { next = min(next, reading.due) }
    for case let watch? in watches where !watch.isComplete { next = min(next, watch.deadline) }
    for registration in registrations { next = min(next, registration.nextTime) }
    if next == .max {
      node.turn.timers.disarm(timer)
    } else {
      node.turn.timers.arm(timer, at: next)
    }
  }
}
