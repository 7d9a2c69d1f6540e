internal import RDMATransport
package import Structures

// What runs above a node on its loop may have timers of its own.
extension NodeCore {
  /// Owners from here on are timers of the node's program; smaller ones are operations of callers.
  package static var firstProgramTimer: UInt32 { 1 << 31 }

  /// Takes an entry of the node's timer wheel for its program.
  ///
  /// - Parameter owner: comes back in `expired(timer:)`; below 2³¹.
  /// - Returns: nil when all entries are taken.
  package mutating func makeProgramTimer(_ owner: UInt32) -> TimerID? {
    precondition(owner < Self.firstProgramTimer)
    return turn.timers.make(
      kind: Self.operationTimerKind, owner: owner | Self.firstProgramTimer)
  }
}
