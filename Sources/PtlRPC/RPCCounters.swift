/// What has happened since the start, for operators and tests.
package struct RPCCounters: Equatable, BitwiseCopyable, Sendable {
  // Requests of ours.

  /// Put on the wire, resends among them.
  package var requestsSent: UInt64 = 0
  /// Of these, sent again.
  package var requestsResent: UInt64 = 0
  package var repliesReceived: UInt64 = 0
  /// Early replies that moved a deadline.
  package var earlyRepliesReceived: UInt64 = 0
  /// Early replies whose checksum or form is wrong (spec 10 §8.3).
  package var earlyRepliesDiscarded: UInt64 = 0
  /// Replies that came after the request had ended, or twice.
  package var repliesLate: UInt64 = 0
  /// Replies that make no sense; the request has failed.
  package var repliesMalformed: UInt64 = 0
  /// Replies longer than their buffer; the request was sent again with a larger one (spec 10 §6.3).
  package var repliesTruncated: UInt64 = 0
  package var requestsTimedOut: UInt64 = 0
  /// Requests that LNet could not send.
  package var sendsFailed: UInt64 = 0

  // Requests of peers.

  package var requestsReceived: UInt64 = 0
  /// Dropped by the checks of spec 10 §2.2, among them those without a payload.
  package var requestsMalformed: UInt64 = 0
  /// Dropped for another flavour than null (spec 10 §7).
  package var requestsSecured: UInt64 = 0
  /// Dropped as the table was full.
  package var requestsWithoutSlot: UInt64 = 0
  /// Dropped with `pb_timeout` 0 (spec 10 §10, 4).
  package var requestsWithoutTimeout: UInt64 = 0
  /// Dropped by their admission: stale connection and the like.
  package var requestsDropped: UInt64 = 0
  /// Resends of a request that is still being executed (spec 10 §10, 5).
  package var duplicatesInProgress: UInt64 = 0
  /// Dropped at the head of the queue: past their deadline (spec 10 §10, 7).
  package var requestsExpired: UInt64 = 0
  package var repliesSent: UInt64 = 0
  /// Of these, errors of the RPC layer: type 4712.
  package var errorRepliesSent: UInt64 = 0
  package var earlyRepliesSent: UInt64 = 0
  /// Deadlines that passed before an early reply could be sent.
  package var earlyRepliesMissed: UInt64 = 0
  /// Replies that LNet could not send.
  package var repliesFailed: UInt64 = 0
  /// Requests copied out of their sender's receive buffer, as they take long.
  package var requestsCopied: UInt64 = 0

  // Bulk.

  package var bulkOperations: UInt64 = 0
  package var bulkBytes: UInt64 = 0
  package var bulkFailures: UInt64 = 0

  package init() {}
}
