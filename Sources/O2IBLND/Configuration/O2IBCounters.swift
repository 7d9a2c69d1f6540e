package import LustreWire

/// Rejects by reason, as named on the wire.
package struct RejectCounters: Equatable, Sendable, BitwiseCopyable {
  package var connectionRace: UInt64 = 0
  package var noResources: UInt64 = 0
  package var fatal: UInt64 = 0
  package var incompatible: UInt64 = 0
  package var stale: UInt64 = 0
  package var fragments: UInt64 = 0
  package var queueDepth: UInt64 = 0
  package var invalidServiceID: UInt64 = 0
  package var early: UInt64 = 0
  package var unknown: UInt64 = 0

  package init() {}

  package mutating func count(_ reason: RejectReason) {
    switch reason {
    case .connectionRace: connectionRace += 1
    case .noResources: noResources += 1
    case .fatal: fatal += 1
    case .incompatible: incompatible += 1
    case .stale: stale += 1
    case .fragments: fragments += 1
    case .queueDepth: queueDepth += 1
    case .invalidServiceID: invalidServiceID += 1
    case .early: early += 1
    case .unknown: unknown += 1
    }
  }

  package var total: UInt64 {
    connectionRace + noResources + fatal + incompatible + stale + fragments + queueDepth
      + invalidServiceID + early + unknown
  }
}

/// What the driver has seen and done since it was made.
package struct O2IBCounters: Equatable, Sendable, BitwiseCopyable {
  // Messages.
  package var messagesSent: UInt64 = 0
  package var messagesReceived: UInt64 = 0
  package var noopsSent: UInt64 = 0
  package var noopsReceived: UInt64 = 0
  package var keepalivesSent: UInt64 = 0
  package var writesPosted: UInt64 = 0
  package var bytesWritten: UInt64 = 0
  package var naksSent: UInt64 = 0
  package var negativeDonesSent: UInt64 = 0
  package var payloadsCopied: UInt64 = 0

  // Connections.
  package var connectsStarted: UInt64 = 0
  package var connectsFailed: UInt64 = 0
  package var requestsReceived: UInt64 = 0
  package var establishedActive: UInt64 = 0
  package var establishedPassive: UInt64 = 0
  package var closed: UInt64 = 0
  package var closedByPeer: UInt64 = 0
  package var reconnects: UInt64 = 0
  package var staleConnectionRejects: UInt64 = 0
  package var racesLost: UInt64 = 0
  package var rejectsSent = RejectCounters()
  package var rejectsReceived = RejectCounters()
  package var rejectsUnreadable: UInt64 = 0
  package var earlyMessages: UInt64 = 0
  package var eventsIgnored: UInt64 = 0
  package var depthReduced: UInt64 = 0

  // What peers must not do: each closes the connection, but for `descriptorsRefused`.
  package var malformedMessages: UInt64 = 0
  package var staleIdentities: UInt64 = 0
  package var creditOverflows: UInt64 = 0
  package var creditsOverdrawn: UInt64 = 0
  package var unknownCookies: UInt64 = 0
  package var unexpectedTypes: UInt64 = 0
  package var statusBeyondSink: UInt64 = 0
  package var headersRefused: UInt64 = 0
  package var badAcknowledges: UInt64 = 0
  package var descriptorsRefused: UInt64 = 0

  // What went wrong without anybody's fault, and what was scarce.
  package var transmitTimeouts: UInt64 = 0
  package var connectTimeouts: UInt64 = 0
  package var waitTimeouts: UInt64 = 0
  package var brokenSends: UInt64 = 0
  package var brokenReceives: UInt64 = 0
  package var postsRefused: UInt64 = 0
  package var staleCompletions: UInt64 = 0
  package var staleAnswers: UInt64 = 0
  package var transmitsExhausted: UInt64 = 0
  package var receptionsExhausted: UInt64 = 0
  package var pendingExhausted: UInt64 = 0
  package var resourcesExhausted: UInt64 = 0
  package var pieceShortages: UInt64 = 0
  package var logRecordsDropped: UInt64 = 0
  package var devicesRemoved: UInt64 = 0

  package init() {}
}

/// What a log record is about.
package enum O2IBLogCause: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case listenFailed, established, closed, closedByPeer, deviceRemoved
  case rejectSent, rejectReceived, rejectUnreadable, connectFailed, connectTimeout, waitTimeout
  case malformedMessage, staleIdentity, creditOverflow, creditOverdrawn, unknownCookie
  case unexpectedType, statusBeyondSink, headerRefused, badAcknowledge, descriptorRefused
  case transmitTimeout, sendBroken, receiveBroken, postRefused, resourcesExhausted
  case staleIncarnation, depthReduced
}

/// A rare event, for the loop to log. Records name the peer and the cause; the numbers depend on
/// the cause.
package struct O2IBLogRecord: Equatable, Sendable, BitwiseCopyable {
  /// Nanoseconds of the loop's clock.
  package var time: UInt64
  package var peer: NID
  package var interface: UInt8
  package var cause: O2IBLogCause
  /// An errno, a reason, a type: what the cause is about.
  package var number: Int64
  /// A second number, such as what was allowed.
  package var limit: Int64
}
