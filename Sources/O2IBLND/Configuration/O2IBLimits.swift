/// How much of everything one driver holds. All of it is allocated when the driver is made.
package struct O2IBLimits: Sendable, Equatable {
  /// Connections in every state. Beyond it requests are refused with NO_RESOURCES.
  package var connections = 256
  /// Peers that are connected, being connected to, or waited for. Beyond it as above.
  package var peers = 256
  /// Messages on their way down, and our answers to transfers. `send` refuses when only the reserve
  /// is left.
  package var transmits = 2048
  /// Transmits that only answers and NOOPs may take.
  package var transmitReserve = 512
  /// Messages of LNet that wait for a connection to one peer.
  package var pendingPerPeer = 256
  /// Messages that LNet may hold unanswered. Beyond it the sender's connection is closed.
  package var receptions = 4096
  /// Message pieces that only sends may take: no receives of new connections out of the last ones.
  package var sendPieces = 32
  /// Work requests of a connection's send queue: a transfer with more WRITEs is posted in parts. With the two that
  /// a drain and a provider's ring add it fills a power of two, to which devices round: 64 would take twice the
  /// memory there.
  package var sendQueue = 62
  /// Bytes that we ask to be sent inline: headers, NOOPs and completions.
  package var inlineByteCount: UInt16 = 128
  /// One signaled send in so many, and the last one of each batch.
  package var signalInterval = 8
  /// Fragments that we say we take, and WRITEs that we make for one transfer at most.
  package var maximumFragments: UInt16 = 257
  /// Rare events kept until the loop has logged them.
  package var logRecords = 256
  /// Refusals of connect requests that wait for room in the batch of commands.
  package var refusals = 128

  package init() {}
}
