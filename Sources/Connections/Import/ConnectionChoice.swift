package import LustreWire

/// What LNet's discovery says of a NID (spec 11 §9.4).
package enum PeerReadiness: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Unknown, under way or just asked for.
  case pending
  /// Discovered and up to date, without discovery, or our own.
  case ready
  /// The ping failed.
  case unreachable
}

/// One way to a target: a NID, and what came of it.
package struct ImportConnection: Equatable, Sendable, BitwiseCopyable {
  package var nid: NID
  /// When it was tried last; 0 for never. Nanoseconds.
  package var lastAttempt: UInt64 = 0
  /// Attempts over it, those that were never sent among them; `connects` of the tools' nids_stats.
  package var attempts: UInt16 = 0
  /// How many of them were answered, with success or not.
  package var replied: UInt16 = 0
  package var readiness = PeerReadiness.pending

  package init(nid: NID) { self.nid = nid }
}

/// How the next attempt is made.
package struct ConnectionAttempt: Equatable, Sendable, BitwiseCopyable {
  package var nid: NID
  /// False where the NID is not discovered: such an attempt counts, but is never sent (2.17).
  package var isSent: Bool
  package var deadline: UInt64
}

/// The ways to a target, in order, and the choice among them (spec 11 §9.4).
package struct ConnectionList: Sendable, BitwiseCopyable {
  /// How many NIDs an import knows of its target: two nodes with four NIDs each.
  package static let countMax = 8

  private var cells: InlineArray<8, ImportConnection>
  private var used: UInt8 = 0
  private var chosen: UInt8 = 0
  /// When an attempt succeeded last; 0 for never. Nanoseconds.
  package private(set) var lastSuccess: UInt64 = 0
  /// What is taken for the network's latency in deadlines of CONNECTs, in nanoseconds.
  package private(set) var latency: UInt64 = 0

  package init() {
    cells = InlineArray(repeating: ImportConnection(nid: .any))
  }

  package var count: Int { Int(used) }
  package var current: ImportConnection? { used == 0 ? nil : cells.span[Int(chosen)] }

  package subscript(index: Int) -> ImportConnection {
    precondition(index >= 0 && index < count, "no such connection")
    return cells[index]
  }

  /// Appends a NID; false when the list is full. One that is known stays where it is.
  @discardableResult
  package mutating func append(_ nid: NID) -> Bool {
    for index in 0..<count where cells[index].nid == nid { return true }
    guard count < Self.countMax else { return false }
    cells[count] = ImportConnection(nid: nid)
    used += 1
    return true
  }

  /// Chooses the connection of the next attempt.
  ///
  /// - Parameters:
  ///   - repeats: the last attempt was answered EBUSY or EAGAIN: the same again.
  ///   - measured: the network's latency as measured, in nanoseconds.
  ///   - readiness: what discovery says of a NID now.
  /// - Returns: nil for an import without NIDs.
  package mutating func attempt(
    at now: UInt64, repeats: Bool, measured: UInt64, _ profile: TimingProfile,
    readiness: (NID) -> PeerReadiness
  ) -> ConnectionAttempt? {
    guard count > 0 else { return nil }
    let choice = repeats ? refreshed(Int(chosen), readiness) : select(readiness)
    adjustLatency(choice, repeats: repeats, measured: measured, profile)
    chosen = UInt8(choice)
    // A cell is read and written whole: an accessor that yields would allocate in a debug build.
    var cell = cells[choice]
    cell.lastAttempt = max(now, 1)
    cell.attempts &+= 1
    cells[choice] = cell
    let isSent = cell.readiness == .ready
    let patience = isSent ? profile.connectTimeout + latency : profile.unsentAttemptTimeout
    return ConnectionAttempt(nid: cell.nid, isSent: isSent, deadline: now + patience)
  }

  /// The NID of the current attempt has been discovered meanwhile.
  mutating func noteDiscovered() {
    guard used > 0 else { return }
    var cell = cells[Int(chosen)]
    cell.readiness = .ready
    cells[Int(chosen)] = cell
  }

  private mutating func refreshed(_ index: Int, _ readiness: (NID) -> PeerReadiness) -> Int {
    var cell = cells[index]
    cell.readiness = readiness(cell.nid)
    cells[index] = cell
    return index
  }

  private mutating func select(_ readiness: (NID) -> PeerReadiness) -> Int {
    var oldest: Int?
    var fresh: Int?
    for index in 0..<count {
      var cell = cells[index]
      let before = cell.readiness
      let now = readiness(cell.nid)
      cell.readiness = now
      cells[index] = cell
      if now == .ready && before != .ready { return index }
      if now == .unreachable { continue }
      let last = cell.lastAttempt
      if oldest.map({ last < cells[$0].lastAttempt }) ?? true { oldest = index }
      if fresh == nil && now == .ready && last <= lastSuccess { fresh = index }
    }
    return fresh ?? oldest ?? 0
  }

  /// While some connection is untried, a dead one must not cost more than the least patience; once
  /// all have been tried and it is the head's turn again, patience grows (§9.4 point 4).
  private mutating func adjustLatency(
    _ choice: Int, repeats: Bool, measured: UInt64, _ profile: TimingProfile
  ) {
    if repeats {
      latency = max(latency, min(measured, profile.switchLatencyMax))
      return
    }
    let isFirstRound = (0..<count).contains { cells[$0].lastAttempt <= lastSuccess }
    if isFirstRound {
      latency = min(max(latency, measured), profile.switchLatencyMin)
    } else if choice == 0 {
      latency = min(latency + profile.switchLatencyStep, profile.switchLatencyMax)
    }
  }

  /// Whether another connection than the present one has not been tried for so long.
  package func hasRested(at now: UInt64, for time: UInt64) -> Bool {
    (0..<count).contains { $0 != Int(chosen) && cells[$0].lastAttempt + time <= now }
  }

  /// An answer (`answered`) was a success: its connection becomes the head (§9.4 point 5).
  package mutating func succeeded(at now: UInt64, measured: UInt64) {
    guard count > 0 else { return }
    let winner = cells[Int(chosen)]
    for index in stride(from: Int(chosen), to: 0, by: -1) { cells[index] = cells[index - 1] }
    cells[0] = winner
    chosen = 0
    lastSuccess = max(now, 1)
    latency = measured
  }

  /// The attempt was answered, whatever the answer was.
  package mutating func answered() {
    guard count > 0 else { return }
    var cell = cells[Int(chosen)]
    cell.replied &+= 1
    cells[Int(chosen)] = cell
  }
}
