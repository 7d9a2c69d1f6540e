/// The credits of one connection, both sides of the account (spec 02 §7).
///
/// Bad input: a peer that returns more than it got, or sends without credit, is told by `false`
/// (peer violation: the connection closes). Sending without a credit of our own is our bug, and
/// traps.
package struct Credits: Equatable, Sendable, BitwiseCopyable {
  /// Q: the negotiated depth.
  package private(set) var depth: Int32
  /// C: credited messages that we may still send.
  package private(set) var available: Int32
  /// O: credits that we owe the peer, their buffers being posted again.
  package private(set) var owed: Int32
  /// R: requests of ours that may still have an answer on its way.
  package private(set) var reserved: Int32
  /// The peer's C plus what is on its way to it, as we know it: what it can still send us.
  package private(set) var granted: Int32
  /// From how many owed credits on a NOOP returns them.
  package private(set) var highWater: Int32
  /// NOOPs of ours that are not completed; at most 2, for the peer has two buffers for them.
  package private(set) var noopsInFlight: Int32

  package init(depth: Int, highWater: Int) {
    precondition(depth >= 0 && depth <= 255)
    self.depth = Int32(depth)
    available = self.depth
    owed = 0
    reserved = self.depth
    granted = self.depth
    self.highWater = Int32(highWater)
    noopsInFlight = 0
  }

  // MARK: - Receiving (§7.2)

  /// A message came with so many credits in it. False: more than we ever gave out.
  package mutating func received(returning count: UInt8) -> Bool {
    available += Int32(count)
    return available <= depth
  }

  /// The message was one that needs a credit. False: the peer had none (§15.1 turned round).
  package mutating func receivedCredited() -> Bool {
    granted -= 1
    return granted >= 0
  }

  /// A buffer is posted again; what that means for the account.
  package mutating func posted(_ effect: RepostEffect) {
    switch effect {
    case .nothing: break
    case .owe:
      owed += 1
      precondition(owed + granted <= depth, "more credits returned than received (§15.4)")
    case .unreserve:
      reserved += 1
      precondition(reserved <= depth, "a reservation given back twice")
    }
  }

  // MARK: - Sending (§7.3)

  /// A request leaves the reserved queue; false when no answer buffer is left for it.
  package mutating func reserve() -> Bool {
    guard reserved > 0 else { return false }
    reserved -= 1
    return true
  }

  /// A request that had a reservation was never sent.
  package mutating func cancelReservation() {
    reserved += 1
    precondition(reserved <= depth, "a reservation given back twice")
  }

  package var canSendCredited: Bool { available > 0 }

  /// A credited message is being posted (§15.1: never without a credit).
  package mutating func spend() {
    precondition(available > 0, "a credited message without credit (§15.1)")
    available -= 1
  }

  /// Any message is being packed: it carries everything that we owe.
  package mutating func returnOwed() -> UInt8 {
    let count = owed
    granted += count
    owed = 0
    return UInt8(truncatingIfNeeded: count)
  }

  // MARK: - NOOPs (§7.4)

  /// Whether a NOOP is due: enough is owed or the keepalive has come, nothing else carries the
  /// credits, and the peer has room for it.
  package func needsNOOP(
    keepaliveDue: Bool, hasUncredited: Bool, hasCredited: Bool
  ) -> Bool {
    (owed >= highWater || keepaliveDue)
      && !hasUncredited
      && (!hasCredited || available == 0)
      && noopsInFlight < 2
  }

  package mutating func noopPosted() { noopsInFlight += 1 }

  package mutating func noopCompleted() {
    precondition(noopsInFlight > 0)
    noopsInFlight -= 1
  }
}
