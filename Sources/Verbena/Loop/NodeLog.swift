internal import LNet
internal import Logging
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import Structures

/// Puts the rooms' records of rare events into words.
///
/// Levels by volume: what an operator must act on is a warning, what happens to connections is a notice or
/// debug.
struct NodeLog {
  let logger: Logger
  /// The device under the node's transport; empty for none.
  let device: String

  /// Logs what the rooms have noted since the last time, and tells the subscribers.
  func drain(_ node: inout NodeCore, _ subscriptions: [EventSubscription]) {
    while let record = node.lnd.logRecords.popFirst() {
      var (level, text) = Self.words(record)
      if record.cause == .deviceRemoved { text = Self.deviceRemoved(device) }
      tell(
        NodeEvent(kind: .init(record.cause), peer: record.peer, explanation: text), level,
        subscriptions)
    }
    while let record = node.lnet.log.popFirst() {
      let (level, text) = Self.words(record)
      tell(
        NodeEvent(kind: .init(record.kind), peer: record.nid, explanation: text), level,
        subscriptions)
    }
  }

  /// - Parameter count: buffers and exposures that the node's end has not waited for any longer.
  func tellUnreturned(_ count: Int) {
    logger.warning("\(Self.unreturned(count))")
  }

  static func unreturned(_ count: Int) -> String {
    "the node has ended, and \(count) of its buffers are still held: their memory stays with the process"
  }

  private func tell(
    _ event: NodeEvent, _ level: Logger.Level, _ subscriptions: [EventSubscription]
  ) {
    logger.log(level: level, "\(event.peer): \(event.explanation)")
    for subscription in subscriptions { subscription.take(event) }
  }

  static func words(_ record: O2IBLogRecord) -> (Logger.Level, String) {
    let number = record.number
    switch record.cause {
    case .listenFailed: return (.error, "cannot listen: \(ErrnoName(number))")
    case .established: return (.debug, "connected, queue depth \(number)")
    case .closed: return (.debug, "connection closed: \(ErrnoName(number))")
    case .closedByPeer: return (.debug, "connection closed by the peer")
    case .deviceRemoved: return (.error, deviceRemoved(""))
    case .rejectSent: return (.info, "refused its connection: \(reason(number))")
    case .rejectReceived: return (.info, "it refused our connection: \(reason(number))")
    case .rejectUnreadable:
      return (.warning, "it refused our connection with what is no o2iblnd reject")
    case .connectFailed: return (.info, "cannot connect: \(ErrnoName(number))")
    case .connectTimeout: return (.info, "connecting took too long")
    case .waitTimeout: return (.info, "messages waited too long for a connection")
    case .malformedMessage: return (.warning, "malformed message (\(number)): connection closed")
    case .staleIdentity:
      return (.warning, "message with the NIDs or stamps of another life: connection closed")
    case .creditOverflow:
      return (.warning, "it returned \(number) credits of \(record.limit): connection closed")
    case .creditOverdrawn:
      return (.warning, "it sent more than its credits allow: connection closed")
    case .unknownCookie: return (.warning, "cookie \(number) names nothing: connection closed")
    case .unexpectedType:
      return (.warning, "message of type \(number) where none may be: connection closed")
    case .statusBeyondSink:
      return (.warning, "it claims \(number) bytes of at most \(record.limit): connection closed")
    case .headerRefused: return (.warning, "LNet header against the protocol: connection closed")
    case .badAcknowledge:
      return (.warning, "its CONNACK does not fit our CONNREQ: connection closed")
    case .descriptorRefused:
      return (.warning, "RDMA descriptor of \(number) fragments refused")
    case .transmitTimeout:
      return (.warning, "a message was not completed in time: connection closed")
    case .sendBroken:
      return (.info, "a send failed, completion status \(number): connection closed")
    case .receiveBroken:
      return (.info, "a receive failed, completion status \(number): connection closed")
    case .postRefused: return (.error, "the transport refused a request: \(ErrnoName(number))")
    case .resourcesExhausted: return (.warning, "a limit of the driver is reached: \(number)")
    case .staleIncarnation:
      return (.info, "it has been started anew; its old connections are closed")
    case .depthReduced:
      return (.notice, "queue depth \(number) instead of \(record.limit): the device has no more")
    }
  }

  /// - Parameter device: its name; empty for none.
  static func deviceRemoved(_ device: String) -> String {
    "the RDMA device \(device.isEmpty ? "" : device + " ")was removed: the node stops"
  }

  private static func reason(_ number: Int64) -> String {
    "reason \(number) \(RejectReason(rawValue: UInt8(truncatingIfNeeded: number)))"
  }

  static func words(_ record: LNetLogRecord) -> (Logger.Level, String) {
    let value = record.value
    switch record.kind {
    case .protocolError: return (.warning, "LNet header against the protocol, type \(value)")
    case .foreignSource:
      return (.warning, "message in the name of \(NID(rawValue: value)): not its own NID")
    case .unexpectedResponse: return (.info, "response to nothing, object cookie \(value)")
    case .badPush: return (.warning, "push of what is no ping info")
    case .badPingInfo: return (.warning, "ping answered with what is no ping info")
    case .heldLimit: return (.warning, "too many messages wait on portal \(value)")
    case .noMemory: return (.warning, "no memory for \(value) bytes to it")
    case .discoveryFailed: return (.info, "cannot be discovered: \(ErrnoName(Int64(value)))")
    case .pushFailed: return (.info, "did not acknowledge our push: \(ErrnoName(Int64(value)))")
    case .responseTimedOut: return (.info, "ACK or REPLY did not come, object cookie \(value)")
    case .interfaceMoved:
      return (.notice, "has taken \(NID(rawValue: value)) over from another node")
    case .multiRailLost: return (.notice, "is no longer multi-rail")
    case .peerTableFull: return (.warning, "no room for \(value) more of its NIDs")
    }
  }
}

/// An errno by name, of either sign.
struct ErrnoName: CustomStringConvertible {
  private let number: Int64
  init(_ number: Int64) { self.number = abs(number) }

  private static let names: [Int64: String] = [
    0: "in order", 1: "EPERM", 2: "ENOENT", 5: "EIO", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
    14: "EFAULT", 17: "EEXIST", 19: "ENODEV", 20: "ENOTDIR", 22: "EINVAL", 28: "ENOSPC",
    30: "EROFS", 61: "ENODATA", 71: "EPROTO", 90: "EMSGSIZE", 98: "EADDRINUSE",
    99: "EADDRNOTAVAIL", 100: "ENETDOWN", 101: "ENETUNREACH", 103: "ECONNABORTED",
    104: "ECONNRESET", 108: "ESHUTDOWN", 110: "ETIMEDOUT", 111: "ECONNREFUSED",
    112: "EHOSTDOWN", 113: "EHOSTUNREACH", 116: "ESTALE", 125: "ECANCELED",
  ]

  var description: String {
    Self.names[number].map { number == 0 ? $0 : "\($0) (\(number))" } ?? "errno \(number)"
  }
}
