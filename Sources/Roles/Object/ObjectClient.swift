internal import BasicContainers
package import Connections
internal import LustreWire
package import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

/// What the object client has done.
package struct ObjectClientCounters: Equatable, Sendable, BitwiseCopyable {
  package var requests: UInt64 = 0
  package var retries: UInt64 = 0
  package var checksumMismatches: UInt64 = 0
  package var shortTransfers: UInt64 = 0

  package init() {}
}

/// Operations on objects at other nodes: a node's callers read and write through imports (spec 13).
///
/// A transfer is cut into requests as the target has granted, of which a few are under way at a time. What fails for
/// reasons that may pass is done again, later each time. The caller's memory is where the wire reads from and writes
/// to. Nothing allocates per operation.
package struct ObjectClient: ~Copyable {
  /// Requests of one operation that are under way at a time.
  static let inFlightMax = 8
  /// How often a request is made again (spec 13 §5.7).
  static let retriesMax = 10
  /// Bytes that travel in the messages themselves (spec 13 §7).
  static let shortByteCountMax = 16 << 10
  /// Bytes of one request when the target has granted no size.
  static let bulkByteCountDefault = 1 << 20
  static let second: UInt64 = 1_000_000_000
  /// When there was no room for a request, it is tried again after so long at the latest.
  static let blockedTime: UInt64 = 10_000_000

  package internal(set) var counters = ObjectClientCounters()
  var operations: RigidArray<Operation>
  var requests: RigidArray<Request>
  private var freeOperations: FixedQueue<UInt16>
  private var freeRequests: FixedQueue<UInt16>
  /// Operations whose end has not been told yet.
  var finished: FixedQueue<UInt16>
  var timer: TimerID?
  private var armedUntil: UInt64?

  struct Operation: BitwiseCopyable {
    var wish: ObjectWish
    var owner: ImportHandle
    var tag: UInt32
    var result = ObjectResult()
    /// Bytes that requests have been made for.
    var begun = 0
    /// Requests that exist.
    var live = 0
    /// What is no transfer is asked once.
    var isAsked = false
    var isDone = false
    var isUsed = false

    static let filler = Operation(wish: ObjectWish(.sync), owner: .none, tag: 0)
  }

  struct Request: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
      case free
      /// To be made, not before its time.
      case due
      case sent
      /// It has ended, and its memory may still be in use.
      case releasing
    }

    var state = State.free
    var operation: UInt16 = 0
    var handle = RequestHandle.none
    /// The part of the operation's bytes that it is about.
    var start = 0
    var count = 0
    var isShort = false
    var kind: BulkChecksumKind?
    var checksum: UInt32 = 0
    var generation: UInt32 = 0
    var retries = 0
    var dueTime: UInt64 = 0
    /// What follows when it has been released.
    var isRepeated = false
  }

  init(operations operationCount: Int, requests requestCount: Int) {
    operations = RigidArray(capacity: operationCount)
    requests = RigidArray(capacity: requestCount)
    freeOperations = FixedQueue(capacity: operationCount, filler: 0)
    freeRequests = FixedQueue(capacity: requestCount, filler: 0)
    finished = FixedQueue(capacity: operationCount, filler: 0)
    for index in 0..<operationCount {
      operations.append(.filler)
      freeOperations.append(UInt16(index))
    }
    for index in 0..<requestCount {
      requests.append(Request())
      freeRequests.append(UInt16(index))
    }
  }

  // MARK: - For callers

  /// Begins an operation; `objectDone` follows.
  ///
  /// - Parameters:
  ///   - owner: an import of an object target that has been connected once; requests wait while it is not.
  ///   - tag: the caller's number.
  /// - Returns: its place; nil when all are taken.
  package mutating func start(
    _ wish: ObjectWish, on owner: ImportHandle, tag: UInt32, _ node: inout NodeCore
  ) -> Int? {
    guard let place = freeOperations.popFirst() else { return nil }
    let index = Int(place)
    operations[index] = Operation(wish: wish, owner: owner, tag: tag)
    operations[index].isUsed = true
    if timer == nil { timer = node.makeProgramTimer(OwnerTag(.object).raw) }
    let isTransfer = wish.action == .read || wish.action == .write
    let (_, overflows) = wish.offset.addingReportingOverflow(UInt64(wish.memory.length))
    if node.connections.view(owner)?.granted.flags.isEmpty ?? true {
      operations[index].result.status = WireErrno.enotconn.status
    } else if isTransfer && (overflows || wish.memory.length > 0 && !wish.memory.isBulk) {
      operations[index].result.status = WireErrno.einval.status
    }
    advance(index, &node)
    return index
  }

  /// What has come of an operation that is done.
  package func result(_ place: Int) -> ObjectResult {
    precondition(operations[place].isUsed && operations[place].isDone, "not done")
    return operations[place].result
  }

  /// Gives up the place of an operation that is done.
  package mutating func release(_ place: Int) {
    precondition(operations[place].isUsed && operations[place].isDone, "not done")
    operations[place].isUsed = false
    freeOperations.append(UInt16(place))
  }

  /// Gives an operation up: it ends with this status, unless it has failed before, when the wire is done with its
  /// memory.
  package mutating func abandon(_ place: Int, _ status: Int32, _ node: inout NodeCore) {
    guard operations[place].isUsed, !operations[place].isDone else { return }
    if operations[place].result.status >= 0 { operations[place].result.status = status }
    for request in 0..<requests.count where Int(requests[request].operation) == place {
      switch requests[request].state {
      case .free, .releasing: break
      case .due:
        requests[request].isRepeated = false
        released(request, &node)
      case .sent:
        requests[request].isRepeated = false
        requests[request].state = .releasing
        let (handle, hasBulk) = (requests[request].handle, hasBulk(request))
        node.connections.release(handle, rpc: &node.rpc, turn: &node.turn)
        if !hasBulk { released(request, &node) }
      }
    }
    if !operations[place].isDone { advance(place, &node) }
  }

  /// Whether the wire may still use the memory of a request that was released: `released` follows then.
  func hasBulk(_ request: Int) -> Bool {
    let action = operations[Int(requests[request].operation)].wish.action
    return (action == .read || action == .write) && !requests[request].isShort
  }

  mutating func nextFinished() -> (place: Int, status: Int32, tag: UInt32)? {
    guard let place = finished.popFirst() else { return nil }
    let operation = operations[Int(place)]
    return (Int(place), operation.result.status, operation.tag)
  }

  package var operationCount: Int { operations.count - freeOperations.count }

  // MARK: - Progress

  /// Makes the requests that an operation may have now; tells its end.
  mutating func advance(_ index: Int, _ node: inout NodeCore) {
    while let next = nextPart(index, node), let place = freeRequests.popFirst() {
      operations[index].begun = next.upperBound
      operations[index].isAsked = true
      operations[index].live += 1
      var request = Request()
      request.operation = UInt16(index)
      request.start = next.lowerBound
      request.count = next.count
      requests[Int(place)] = request
      make(Int(place), &node)
    }
    guard operations[index].live == 0, !operations[index].isDone,
      operations[index].result.status < 0 || nextPart(index, node) == nil
    else {
      if operations[index].live == 0, !operations[index].isDone { arm(Self.blockedTime, &node) }
      return
    }
    operations[index].isDone = true
    finished.append(UInt16(index))
  }

  /// The part of an operation that the next request is about; nil for none now.
  private func nextPart(_ index: Int, _ node: borrowing NodeCore) -> Range<Int>? {
    let operation = operations[index]
    guard operation.result.status >= 0, operation.live < Self.inFlightMax else { return nil }
    guard operation.wish.action == .read || operation.wish.action == .write else {
      return operation.isAsked ? nil : 0..<0
    }
    let total = Int(operation.wish.memory.length)
    guard operation.begun < total else { return nil }
    let size = bulkByteCount(operation.owner, node)
    // Requests end where multiples of their size end in the object: so they are whole operations.
    let offset = operation.wish.offset &+ UInt64(operation.begun)
    let count = min(total - operation.begun, size - Int(offset % UInt64(size)))
    return operation.begun..<operation.begun + count
  }

  private func bulkByteCount(_ owner: ImportHandle, _ node: borrowing NodeCore) -> Int {
    guard let view = node.connections.view(owner), view.granted.flags.contains(.bulkSize) else {
      return Self.bulkByteCountDefault
    }
    let most = min(view.granted.bulkByteCount, view.description.bulkByteCountMax)
    return max(4096, Int(most) & ~4095)
  }

  mutating func handle(
    _ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore
  ) {
    let place = tag.detail
    switch event.kind {
    case .replied, .failed:
      guard requests[place].state == .sent, requests[place].handle == event.request else { return }
      ended(place, event, &node)
    case .released:
      guard requests[place].state == .releasing else { return }
      released(place, &node)
    default: break
    }
  }

  /// Nothing of a request is in use any more: it is made again, or is over.
  mutating func released(_ place: Int, _ node: inout NodeCore) {
    let index = Int(requests[place].operation)
    if requests[place].isRepeated, operations[index].result.status >= 0 {
      counters.retries += 1
      operations[index].result.retries += 1
      requests[place].state = .due
      requests[place].retries += 1
      let delay = UInt64(requests[place].retries) * Self.second
      requests[place].dueTime = node.turn.now + delay
      arm(delay, &node)
      return
    }
    requests[place].state = .free
    operations[index].live -= 1
    freeRequests.append(UInt16(place))
    advance(index, &node)
    retryBlocked(&node)
  }

  mutating func expired(_ node: inout NodeCore) {
    var next: UInt64?
    armedUntil = nil
    for place in 0..<requests.count where requests[place].state == .due {
      if requests[place].dueTime <= node.turn.now { make(place, &node) }
      // What found no room is tried again when something ends, and after `blockedTime`.
      if requests[place].state == .due, requests[place].dueTime > node.turn.now {
        next = min(next ?? .max, requests[place].dueTime)
      }
    }
    for index in 0..<operations.count
    where operations[index].isUsed && !operations[index].isDone && operations[index].live == 0 {
      advance(index, &node)
    }
    if let next { arm(next - node.turn.now, &node) }
  }

  /// Requests for which there was no room.
  private mutating func retryBlocked(_ node: inout NodeCore) {
    for place in 0..<requests.count
    where requests[place].state == .due && requests[place].dueTime <= node.turn.now {
      make(place, &node)
    }
  }

  mutating func arm(_ delay: UInt64, _ node: inout NodeCore) {
    guard let timer else { return }
    let deadline = node.turn.now + delay
    if let armed = armedUntil, armed > node.turn.now, armed <= deadline { return }
    armedUntil = deadline
    node.turn.timers.arm(timer, at: deadline)
  }
}
