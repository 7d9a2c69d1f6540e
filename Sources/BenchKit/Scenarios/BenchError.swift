/// Why a measurement could not be brought to its end.
package struct BenchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The errno, positive; 0 when data was wrong.
  package let errno: Int32
  package let description: String

  package init(errno: Int32, _ description: String) {
    self.errno = errno
    self.description = description
  }

  /// What a phase ended with, in words; nil when it came to its end and all data was right.
  package init?(_ outcome: BenchOutcome, _ phase: BenchPhase) {
    let isConnecting = outcome.stage == .connecting
    let what =
      isConnecting
      ? "connect \(phase.target)"
      : "\(phase.operation.word) of \(Quantity.text(bytes: phase.byteCount)) bytes to \(phase.target)"
    if outcome.mismatchCount > 0 {
      self.init(
        errno: 0, "\(what): \(outcome.mismatchCount) transfers arrived with a wrong checksum")
      return
    }
    let reason: String
    switch -outcome.status {
    case 0: return nil
    case 11, 105: reason = "the node's tables are full: ask for fewer in flight"
    case 12: reason = "no memory left: ask for fewer in flight, or smaller ones"
    case 61: reason = "nothing there takes it (ENODATA): is it a node of Verbena?"
    case 101: reason = "no network to it (ENETUNREACH)"
    case 103: reason = "the connection broke off (ECONNABORTED)"
    case 110:
      let asked =
        switch outcome.stage {
        case .opening: "to the first question"
        case .running: "under way, after \(phase.progress(outcome.count))"
        case .closing: "to the question whether all has arrived"
        case .connecting: "to the CONNECT"
        }
      let doubt =
        isConnecting ? "does it serve the target, and live?" : "is it a node of Verbena, and alive?"
      reason = "no answer in time (ETIMEDOUT) \(asked): \(doubt)"
    case 111: reason = "it refused the connection (ECONNREFUSED)"
    case 113: reason = "no way to it (EHOSTUNREACH)"
    default: reason = "errno \(-outcome.status)"
    }
    self.init(errno: -outcome.status, "\(what): \(reason)")
  }
}
