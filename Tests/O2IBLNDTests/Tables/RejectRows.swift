// Spec 02 §4.4 and 04 B.1, copied by hand: what follows a reject while a message waits.

import LustreWire

/// What is seen after a reject.
enum Aftermath: Equatable {
  /// The message has failed, nothing is tried.
  case failed
  /// A new attempt at once: its CONNREQ's stamp, depth and fragments.
  case retried(stamp: UInt64, depth: UInt16, fragments: UInt16)
  /// A new attempt after so many seconds, and not before.
  case later(seconds: Double)
}

struct RejectRow {
  var name: String
  var bytes: [UInt8]
  /// The connection manager's reason: 28 is the consumer's.
  var reason: UInt16 = 28
  var after: Aftermath
}

let rejectRows: [RejectRow] = [
  RejectRow(name: "1 CONN_RACE", bytes: rejectBytes(1), after: .later(seconds: 3)),
  RejectRow(name: "2 NO_RESOURCES", bytes: rejectBytes(2), after: .failed),
  RejectRow(name: "3 FATAL", bytes: rejectBytes(3), after: .failed),
  RejectRow(
    name: "2 NO_RESOURCES with limits", bytes: rejectBytes(2, fragments: 32), after: .failed),
  RejectRow(name: "3 FATAL with limits", bytes: rejectBytes(3, fragments: 32), after: .failed),
  RejectRow(
    name: "8 INVALID_SRV_ID with limits", bytes: rejectBytes(8, fragments: 32), after: .failed),
  RejectRow(
    name: "5 CONN_STALE of version 0x11", bytes: rejectBytes(5, version: 0x11),
    after: .retried(stamp: 0, depth: 16, fragments: 257)),
  RejectRow(name: "3 FATAL of version 0x11", bytes: rejectBytes(3, version: 0x11), after: .failed),
  RejectRow(
    name: "4 CONN_UNCOMPAT of our version", bytes: rejectBytes(4),
    after: .retried(stamp: OneNode.peerStamp, depth: 16, fragments: 257)),
  RejectRow(
    name: "4 CONN_UNCOMPAT of version 0x11", bytes: rejectBytes(4, version: 0x11), after: .failed),
  RejectRow(
    name: "5 CONN_STALE", bytes: rejectBytes(5, incarnation: 0xABC),
    after: .retried(stamp: 0xABC, depth: 16, fragments: 257)),
  RejectRow(
    name: "5 CONN_STALE without incarnation", bytes: rejectBytes(5, incarnation: 0),
    after: .retried(stamp: 0, depth: 16, fragments: 257)),
  RejectRow(
    name: "6 RDMA_FRAGS", bytes: rejectBytes(6, fragments: 32),
    after: .retried(stamp: OneNode.peerStamp, depth: 16, fragments: 32)),
  RejectRow(
    name: "6 RDMA_FRAGS, no fewer", bytes: rejectBytes(6, fragments: 257), after: .failed),
  RejectRow(name: "6 RDMA_FRAGS, none", bytes: rejectBytes(6, fragments: 0), after: .failed),
  RejectRow(
    name: "7 MSG_QUEUE_SIZE", bytes: rejectBytes(7, depth: 8),
    after: .retried(stamp: OneNode.peerStamp, depth: 8, fragments: 257)),
  RejectRow(name: "7 MSG_QUEUE_SIZE, no less", bytes: rejectBytes(7, depth: 16), after: .failed),
  RejectRow(
    name: "§15.7: 7 MSG_QUEUE_SIZE, tiny", bytes: rejectBytes(7, depth: 3), after: .failed),
  RejectRow(name: "8 INVALID_SRV_ID", bytes: rejectBytes(8), after: .failed),
  RejectRow(name: "9 EARLY", bytes: rejectBytes(9), after: .later(seconds: 1)),
  RejectRow(name: "a reason without a name", bytes: rejectBytes(200), after: .failed),
  RejectRow(name: "wrong magic", bytes: rejectBytes(5, magic: 0x1111_2222), after: .failed),
  RejectRow(name: "wrong version", bytes: rejectBytes(5, version: 0x33), after: .failed),
  RejectRow(name: "no private data", bytes: [], after: .failed),
  RejectRow(
    name: "CM 10 stale connection", bytes: [], reason: 10,
    after: .retried(stamp: 0, depth: 16, fragments: 257)),
  RejectRow(name: "CM 8 nobody listens", bytes: [], reason: 8, after: .failed),
  RejectRow(name: "another CM reason", bytes: [], reason: 4, after: .failed),
]
