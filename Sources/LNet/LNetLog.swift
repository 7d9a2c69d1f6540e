package import LustreWire
internal import Structures

/// A rare event that an operator may want to read about: what, whom it concerns, one number.
package struct LNetLogRecord: Equatable, BitwiseCopyable, Sendable {
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A header breaks the protocol; `value` is its type.
    case protocolError
    /// A header's source is not the node that sent it; `value` is the NID it claims.
    case foreignSource
    /// A response from a node that was not asked; `value` is the object cookie.
    case unexpectedResponse
    /// A push that is no legal ping info, or a node without multi-rail.
    case badPush
    /// A ping reply that is no legal ping info.
    case badPingInfo
    /// Too many PUTs wait on the lazy portal `value`.
    case heldLimit
    /// No memory for `value` bytes that the node wants to send.
    case noMemory
    /// A node could not be discovered; `value` is the errno, positive.
    case discoveryFailed
    /// A push was not acknowledged; `value` is the errno, positive.
    case pushFailed
    /// An ACK or REPLY did not come in time; `value` is the object cookie.
    case responseTimedOut
    /// A NID moved to this node from another; `value` is the NID.
    case interfaceMoved
    /// A node that had several rails no longer says so.
    case multiRailLost
    /// No room for `value` further NIDs of this node.
    case peerTableFull
  }

  /// Nanoseconds, as the turn's.
  package var time: UInt64
  package var kind: Kind
  package var nid: NID
  package var value: UInt64
}

extension LNet {
  /// Keeps a record; when nobody takes them the oldest goes.
  mutating func note(_ kind: LNetLogRecord.Kind, _ nid: NID, _ value: UInt64, at time: UInt64) {
    if log.isFull {
      _ = log.popFirst()
      counters.logRecordsLost += 1
    }
    log.append(LNetLogRecord(time: time, kind: kind, nid: nid, value: value))
  }
}
