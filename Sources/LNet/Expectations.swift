internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

// Response tracking (spec 01 §10.1): who expects an ACK or REPLY stands in one list. The time to wait is the
// same for all, so that the list is in the order of the deadlines and one timer does for it.
extension LNet {
  /// A response will come, or its time will pass.
  mutating func expectResponse(descriptor index: Int, turn: inout Turn) {
    if isListed(index) { unlist(index) }
    let deadline = turn.now &+ transactionTimeout
    descriptors.cells[index].responseDeadline = deadline
    descriptors.cells[index].previousExpected = lastExpected
    descriptors.cells[index].nextExpected = noCell
    if lastExpected != noCell {
      descriptors.cells[Int(lastExpected)].nextExpected = UInt32(index)
    } else {
      firstExpected = UInt32(index)
      // Once armed the timer stays armed for the first of the list, and is put right when it expires.
      if turn.timers.deadline(of: responseTimer) == nil {
        turn.timers.arm(responseTimer, at: deadline)
      }
    }
    lastExpected = UInt32(index)
  }

  /// Nothing more is expected.
  mutating func stopExpecting(descriptor index: Int) {
    descriptors.cells[index].expectedReplies = 0
    descriptors.cells[index].expectedAcknowledgements = 0
    if isListed(index) { unlist(index) }
  }

  mutating func expireResponses(turn: inout Turn) {
    while firstExpected != noCell {
      let index = Int(firstExpected)
      let deadline = descriptors[index].responseDeadline
      guard deadline <= turn.now, hasRoom else {
        turn.timers.arm(responseTimer, at: max(deadline, turn.now))
        return
      }
      counters.responseTimeouts += 1
      let responder = descriptors[index].responder
      note(.responseTimedOut, responder, descriptors[index].id, at: turn.now)
      weaken(peer: responder, turn: &turn)
      abort(
        descriptor: index, status: Errno.timedOut, idleStatus: Errno.timedOut, turn: &turn)
    }
  }

  @inline(__always)
  private func isListed(_ index: Int) -> Bool { descriptors[index].responseDeadline != 0 }

  private mutating func unlist(_ index: Int) {
    let previous = descriptors[index].previousExpected
    let next = descriptors[index].nextExpected
    if previous != noCell {
      descriptors.cells[Int(previous)].nextExpected = next
    } else {
      firstExpected = next
    }
    if next != noCell {
      descriptors.cells[Int(next)].previousExpected = previous
    } else {
      lastExpected = previous
    }
    descriptors.cells[index].responseDeadline = 0
    descriptors.cells[index].nextExpected = noCell
    descriptors.cells[index].previousExpected = noCell
  }
}
