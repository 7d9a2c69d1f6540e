internal import LustreWire

/// What decides about a request that is to be sent (spec 10 §12), as plain values.
package struct SendFacts: Sendable, BitwiseCopyable {
  package var state: ImportState
  /// The import's state in which the request belongs: FULL for ordinary ones.
  package var sendState = ImportState.full
  package var isInvalid = false
  package var isInvalidating = false
  package var generation: UInt32 = 1
  package var importGeneration: UInt32 = 1
  package var isWithoutDelay = false
  /// It woke an idle import.
  package var isWaking = false
  package var isDuringReplay = false

  package init(state: ImportState) { self.state = state }
}

extension SendDecision {
  /// The conditions of spec 10 §12 in their order.
  init(_ facts: SendFacts) {
    switch facts.state {
    case .new where facts.sendState != .connecting: self = .fail(WireErrno.eio.rawValue)
    case .closed: self = .fail(WireErrno.eio.rawValue)
    default: self = Self.decideConnected(facts)
    }
  }

  private static func decideConnected(_ facts: SendFacts) -> SendDecision {
    if facts.sendState == .connecting && facts.state == .connecting {
      return facts.isInvalidating ? .fail(WireErrno.eio.rawValue) : .send
    }
    if facts.isInvalid { return .fail(WireErrno.eshutdown.rawValue) }
    if facts.generation != facts.importGeneration { return .fail(WireErrno.eio.rawValue) }
    if facts.sendState == facts.state { return .send }
    if facts.isInvalidating { return .fail(WireErrno.eio.rawValue) }
    if facts.isWithoutDelay && !facts.isWaking { return .fail(WireErrno.eagain.rawValue) }
    if facts.isDuringReplay && facts.state.isRecovering { return .send }
    return .wait
  }
}
