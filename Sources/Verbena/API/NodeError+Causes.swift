internal import LNet
package import LustreWire
internal import NodeCore
internal import RDMATransport

extension NodeError {
  static func cancelled(_ operation: String, _ peer: NID?) -> NodeError {
    NodeError(
      code: .cancelled, operation: operation, peer: peer, explanation: "the caller was cancelled")
  }

  static func stopped(_ operation: String, _ peer: NID?) -> NodeError {
    NodeError(
      code: .stopped, operation: operation, peer: peer, explanation: "the node has stopped")
  }

  /// The device under the node is gone; `name` is empty where it has none.
  static func deviceRemoved(_ name: String) -> NodeError {
    NodeError(
      code: .transport, operation: "run", errno: 19, explanation: NodeLog.deviceRemoved(name))
  }

  init(_ error: TransportError, _ nid: NID?) {
    self.init(
      code: .transport, operation: error.call, peer: nid, errno: error.errno,
      explanation: error.explanation)
  }

  /// A call that LNet refused at once.
  init(_ error: LNetError, _ operation: String, _ peer: NID?) {
    switch error {
    case .busy:
      self.init(
        code: .limit, operation: operation, peer: peer,
        explanation: "a table of the node is full: wait for operations to end, or raise its limits")
    case .noRoute:
      self.init(
        code: .unreachable, operation: operation, peer: peer, errno: 113,
        explanation: "this node has no NID on that network (EHOSTUNREACH): give it one, or "
          + "check the network's number after the @")
    case .tooLong:
      self.init(
        code: .configuration, operation: operation, peer: peer, errno: 90,
        explanation: "longer than an LNet message may be: 1048576 bytes")
    case .unknownHandle, .exhausted, .occupied:
      self.init(
        code: .configuration, operation: operation, peer: peer,
        explanation: "the memory is not there for this: \(error)")
    }
  }

  /// What a call is refused with whose peers are all on networks that this node is not on; nil when one may be reached.
  static func withoutWay(
    to nids: [NID], _ operation: String, _ node: borrowing NodeCore
  ) -> NodeError? {
    for nid in nids {
      if nid == .loopback || node.lnet.peer(nid) != nil { return nil }
      for index in 0..<node.lnet.interfaceCount
      where node.lnet.nid(ofInterface: index).net == nid.net {
        return nil
      }
    }
    return nids.first.map { NodeError(LNetError.noRoute, operation, $0) }
  }

  /// An operation that ended with a status of the wire or of the driver: a negative errno.
  package init(status: Int32, _ operation: String, _ peer: NID?) {
    let (code, text): (Code, String) =
      switch -status {
      case 110: (.timedOut, "no answer in time (ETIMEDOUT): is the node up and does it serve this?")
      case 113:
        (.unreachable, "no way to it (EHOSTUNREACH): nobody listens there, or no such address")
      case 111: (.unreachable, "it refused the connection (ECONNREFUSED)")
      case 103: (.unreachable, "the connection broke off (ECONNABORTED)")
      case 61: (.remote, "nothing there matched (ENODATA)")
      case 116: (.unreachable, "it took us for an earlier life of ourselves (ESTALE): try again")
      case 12: (.limit, "no memory for it (ENOMEM)")
      case 125: (.cancelled, "cancelled (ECANCELED)")
      default: (.remote, WireErrno(status: status)?.name.map { "\($0)" } ?? "errno \(-status)")
      }
    self.init(code: code, operation: operation, peer: peer, errno: -status, explanation: text)
  }
}

extension UInt64 {
  /// A time so much later, in nanoseconds; the last one there is for times beyond it.
  func advanced(by duration: Duration) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(duration.nanosecondCount)
    return overflow ? .max : sum
  }
}

extension Duration {
  /// Nanoseconds; 0 for negative durations, the largest number for ones too long.
  var nanosecondCount: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return .max }
    return product &+ UInt64(attoseconds / 1_000_000_000)
  }
}
