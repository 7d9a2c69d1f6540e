/// What happened so far; every number only grows.
package struct LNetCounters: Equatable, BitwiseCopyable, Sendable {
  package var messagesSent: UInt64 = 0
  package var messagesReceived: UInt64 = 0
  package var bytesReceived: UInt64 = 0
  package var puts: UInt64 = 0
  package var gets: UInt64 = 0
  package var acknowledgements: UInt64 = 0
  package var replies: UInt64 = 0
  package var loopbackMessages: UInt64 = 0
  package var pingsAnswered: UInt64 = 0
  package var pingsSent: UInt64 = 0
  package var pushesReceived: UInt64 = 0
  package var pushesSent: UInt64 = 0
  package var resends: UInt64 = 0
  /// PUTs and GETs that waited for a credit.
  package var creditWaits: UInt64 = 0
  package var sendFailures: UInt64 = 0
  package var responseTimeouts: UInt64 = 0
  package var recoveryPings: UInt64 = 0
  /// PUTs that waited on a lazy portal.
  package var held: UInt64 = 0
  /// ACKs that were due but had no slot, or whose peer had too many under way.
  package var responsesRefused: UInt64 = 0
  /// Headers that break the protocol; their connections were closed.
  package var protocolErrors: UInt64 = 0

  // Messages that were dropped, by reason.
  package var droppedForeignNetwork: UInt64 = 0
  package var droppedForeignSource: UInt64 = 0
  package var droppedShortPayload: UInt64 = 0
  package var droppedBadPortal: UInt64 = 0
  package var droppedNoMatch: UInt64 = 0
  package var droppedTooLong: UInt64 = 0
  package var droppedUnknownHandle: UInt64 = 0
  package var droppedUnexpectedResponse: UInt64 = 0
  package var droppedHeldLimit: UInt64 = 0
  package var droppedNoMemory: UInt64 = 0
  package var droppedNoSlot: UInt64 = 0
  package var droppedBadPush: UInt64 = 0
  package var droppedStalePush: UInt64 = 0
  package var badPingInfos: UInt64 = 0
  package var peersRefused: UInt64 = 0
  package var logRecordsLost: UInt64 = 0

  package init() {}

  /// All messages that were dropped.
  package var dropped: UInt64 {
    droppedForeignNetwork + droppedForeignSource + droppedShortPayload + droppedBadPortal
      + droppedNoMatch + droppedTooLong + droppedUnknownHandle + droppedUnexpectedResponse
      + droppedHeldLimit + droppedNoMemory + droppedNoSlot + droppedBadPush + droppedStalePush
  }
}
