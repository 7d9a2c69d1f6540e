package import LustreWire

/// What an active side does after a reject (spec 02 §4.4, and 04 B.1 for what real nodes lack).
package enum RejectReaction: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// The peer is not reachable so: the waiting messages fail.
  case fail
  /// Again at once, with the incarnation that the reject carried.
  case reconnect
  /// Again with the peer's version, if that is one that we speak; else fail.
  case reconnectVersion
  /// Again with the peer's fragments, if they are fewer than were tried; else fail.
  case reconnectFragments
  /// Again with the peer's depth, if it is less than was tried and not tiny; else fail.
  case reconnectDepth
  /// Again after a second.
  case reconnectLater
  /// The peer's own request is on its way and shall win; again if it does not come (§8.1).
  case awaitPeer
}

/// The reactions by reason, as data.
package struct RejectTable: Sendable, BitwiseCopyable {
  private var reactions: InlineArray<10, RejectReaction>

  package init() {
    reactions = [
      .fail,  // 0: not a reason
      .awaitPeer,  // 1 CONN_RACE
      .fail,  // 2 NO_RESOURCES
      .fail,  // 3 FATAL
      .reconnectVersion,  // 4 CONN_UNCOMPAT
      .reconnect,  // 5 CONN_STALE
      .reconnectFragments,  // 6 RDMA_FRAGS
      .reconnectDepth,  // 7 MSG_QUEUE_SIZE
      .fail,  // 8 INVALID_SRV_ID
      .reconnectLater,  // 9 EARLY
    ]
  }

  /// The reaction; a reason without a name is fatal.
  package subscript(reason: RejectReason) -> RejectReaction {
    get { reason.rawValue < 10 ? reactions[Int(reason.rawValue)] : .fail }
    set { if reason.rawValue < 10 { reactions[Int(reason.rawValue)] = newValue } }
  }
}
