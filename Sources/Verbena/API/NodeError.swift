public import LustreWire

/// Why a call on a node failed: what was tried, with whom, and what came of it.
public struct NodeError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure; stable, for programs.
  public enum Code: String, Sendable {
    /// The configuration names something that cannot be.
    case configuration
    /// A call of the operating system failed.
    case system
    /// The transport failed: no device, no permission, memory or port not to be had.
    case transport
    /// No connection to the peer could be made, or it refused.
    case unreachable
    /// The deadline passed.
    case timedOut
    /// The caller's task was cancelled.
    case cancelled
    /// The peer answered with a failure.
    case remote
    /// The node has reached one of its limits.
    case limit
    /// The node has stopped.
    case stopped
  }

  /// The kind of failure.
  public var code: Code
  /// The call: `ping`, `put`.
  public var operation: String
  /// The other node, when there is one.
  public var peer: NID?
  /// The errno of the cause, positive; 0 when there is none.
  public var errno: Int32
  /// The cause, with its numbers, and what the user can do about it.
  public var explanation: String

  /// - Parameter errno: positive; 0 for none.
  public init(
    code: Code, operation: String, peer: NID? = nil, errno: Int32 = 0, explanation: String
  ) {
    self.code = code
    self.operation = operation
    self.peer = peer
    self.errno = errno
    self.explanation = explanation
  }

  /// The operation, the peer and the explanation in one line.
  public var description: String {
    let whom = peer.map { " \($0)" } ?? ""
    return "\(operation)\(whom): \(explanation)"
  }
}
