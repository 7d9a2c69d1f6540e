/// How the command ends, for scripts: the manual names these numbers.
package enum ExitStatus: Int32, Sendable, CaseIterable {
  case success = 0
  /// The operation was tried and failed.
  case failed = 1
  /// Some of several operations failed.
  case partial = 2
  /// The command line, a variable or the configuration is wrong.
  case usage = 64
  /// No device, or the peer cannot be reached.
  case unavailable = 69
  /// A bug of ours.
  case internalError = 70
  case timedOut = 75
  /// Something that the machine must offer is missing.
  case prerequisiteMissing = 77
  case interrupted = 130

  package var meaning: String {
    switch self {
    case .success: "success"
    case .failed: "the operation failed"
    case .partial: "some of several operations failed"
    case .usage: "wrong command line, variable or configuration"
    case .unavailable: "no device, or the peer cannot be reached"
    case .internalError: "internal error"
    case .timedOut: "timed out"
    case .prerequisiteMissing: "something that the machine must offer is missing"
    case .interrupted: "interrupted by a signal, with the result so far printed"
    }
  }
}

/// Why the command ends without success: the status for scripts and the text for people.
package struct CommandFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package let status: ExitStatus
  package let description: String

  package init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }
}
