internal import LNet
internal import RDMATransport

/// What has become of each operation: it ends exactly once, and when it succeeds its data is whole.
///
/// It hears the events of both ends and compares; it knows nothing of how they came about.
struct OperationLedger {
  enum State: Equatable {
    case waiting
    case running
    case ended(status: Int32)
    /// Its node died, or would not begin it: nothing more is expected.
    case void
  }

  struct Record {
    var operation: Scenario.Operation
    var state = State.waiting
    /// The life of the node that began it.
    var life = 0
    var startTime: UInt64 = 0
    var endTime: UInt64 = 0
    var memory = BufferRef.none
    var sends = 0
    var responses = 0
    /// Of its ACK or REPLY.
    var responseStatus: Int32?
    var failure: Int32 = 0
    /// How often its PUT landed whole at the target.
    var landings = 0
    /// Its peer is not ours to answer for.
    var mayFail = false
  }

  private(set) var records: [Record] = []
  private(set) var endedCount = 0
  private(set) var succeededCount = 0

  mutating func add(_ operation: Scenario.Operation, mayFail: Bool = false) -> Int {
    records.append(Record(operation: operation))
    records[records.count - 1].mayFail = mayFail
    return records.count - 1
  }

  subscript(index: Int) -> Record { records[index] }

  mutating func begin(_ index: Int, life: Int, memory: BufferRef, at time: UInt64) {
    records[index].state = .running
    records[index].life = life
    records[index].memory = memory
    records[index].startTime = time
  }

  mutating func void(_ index: Int) { records[index].state = .void }

  /// The life of a node is over: what it had begun will not end.
  mutating func voidAll(node: Int) {
    for index in records.indices where records[index].operation.from == node {
      if records[index].state == .running { records[index].state = .void }
    }
  }

  var runningCount: Int { records.count { $0.state == .running } }

  func hasSucceeded(_ index: Int) -> Bool { records[index].state == .ended(status: 0) }

  // MARK: - Events

  mutating func landed(_ index: Int) { records[index].landings += 1 }

  /// An event at the node that began the operation; returns what is wrong with it.
  mutating func received(_ event: LNetEvent, _ index: Int, at time: UInt64) -> String? {
    guard records.indices.contains(index) else { return "an event of no operation" }
    if case .ended = records[index].state { return "an event after its end" }
    guard records[index].state == .running else { return "an event before its begin" }
    switch event.kind {
    case .send:
      records[index].sends += 1
      if event.status != 0 { records[index].failure = event.status }
      if records[index].sends > 1 { return "was sent twice" }
    case .acknowledge, .reply:
      records[index].responses += 1
      records[index].responseStatus = event.status
      if records[index].responses > 1 { return "was answered twice" }
      if event.status == 0, Int(event.movedLength) != records[index].operation.byteCount {
        return "moved \(event.movedLength) bytes and says that it succeeded"
      }
    case .unlink: if event.status != 0 { records[index].failure = event.status }
    case .pinged, .discovered:
      records[index].responseStatus = event.status
      return end(index, at: time)
    case .get, .put: return "a passive event at the active end"
    }
    return event.isUnlinked ? end(index, at: time) : nil
  }

  private mutating func end(_ index: Int, at time: UInt64) -> String? {
    let isAnswered = records[index].operation.kind != .stray
    let timedOut: Int32 = -110
    let failure =
      records[index].failure != 0 ? records[index].failure : isAnswered ? timedOut : 0
    let status = records[index].responseStatus ?? failure
    records[index].state = .ended(status: status)
    records[index].endTime = time
    endedCount += 1
    guard status == 0 else { return nil }
    succeededCount += 1
    if records[index].operation.kind == .put && records[index].landings == 0 {
      return "was acknowledged and never landed"
    }
    return nil
  }
}
