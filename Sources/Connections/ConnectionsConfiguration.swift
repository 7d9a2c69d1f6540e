/// How much of everything the room may keep. Nothing grows after the start.
package struct ConnectionsCapacity: Equatable, Sendable {
  /// Connections to targets elsewhere.
  package var imports = 32
  /// Targets that live here.
  package var targets = 16
  /// Clients of all targets together.
  package var exports = 64
  /// Locks that clients hold at targets here, and that imports hold elsewhere.
  package var locks = 256
  package var heldLocks = 128
  /// Locks of one client at one target, so that none takes all places.
  package var locksPerExport = 8192
  /// Replies of all clients together that are kept in case that they are asked for again: without a place a request
  /// that comes again is executed again. Not used by nodes without exports.
  package var savedReplies = 1024
  /// Events that nobody has taken yet, a power of two.
  package var events = 1024

  package init() {}

  /// Nothing: a node that speaks LNet, or PtlRPC without connections.
  package static var none: ConnectionsCapacity {
    var capacity = ConnectionsCapacity()
    capacity.imports = 0
    capacity.targets = 0
    capacity.exports = 0
    capacity.locks = 0
    capacity.heldLocks = 0
    capacity.savedReplies = 0
    capacity.events = 1
    return capacity
  }

  /// Entries in the node's timer wheel.
  package var timerCount: Int { imports + locks }
}

/// Who the node is, as far as this room is concerned.
package struct ConnectionsConfiguration: Sendable {
  package var capacity: ConnectionsCapacity
  package var timing: TimingProfile
  /// Where cookies begin: random, so that no two lives of a node share any (spec 11 §2).
  package var firstCookie: UInt64
  /// What requests say of their sender's process; informational.
  package var processID: Int32

  package init(
    capacity: ConnectionsCapacity = ConnectionsCapacity(), timing: TimingProfile = .lustre,
    firstCookie: UInt64, processID: Int32 = 0
  ) {
    self.capacity = capacity
    self.timing = timing
    self.firstCookie = firstCookie
    self.processID = processID
  }

  package static var none: ConnectionsConfiguration {
    ConnectionsConfiguration(capacity: .none, firstCookie: 0)
  }
}

/// What has happened, by kind.
package struct ConnectionsCounters: Equatable, Sendable, BitwiseCopyable {
  // Imports.
  /// NIDs of targets for which their imports have no place.
  package var connectionsLeftOut: UInt64 = 0
  /// CONNECTs given to LNet.
  package var attempts: UInt64 = 0
  /// Attempts for which no CONNECT was made, because their NID was not discovered in time.
  package var attemptsUnsent: UInt64 = 0
  /// Of `attempts`: ended with an error, of whatever kind.
  package var attemptsFailed: UInt64 = 0
  /// Of those: no connection to the NID came about, or it ended, so that the CONNECT was not put on the wire.
  package var attemptsUnconnected: UInt64 = 0
  /// Of those: put on the wire, and not answered in time.
  package var attemptsUnanswered: UInt64 = 0
  package var connects: UInt64 = 0
  package var evictions: UInt64 = 0
  package var pingsSent: UInt64 = 0
  package var disconnectsSent: UInt64 = 0
  package var requestsDelayed: UInt64 = 0
  package var requestsResent: UInt64 = 0
  /// Events that say nothing in the import's state: legitimate races.
  package var eventsIgnored: UInt64 = 0
  /// Events for which there was no room: a call from above brought about too many.
  package var eventsLost: UInt64 = 0
  // Exports.
  package var connectsGranted: UInt64 = 0
  package var connectsRefused: UInt64 = 0
  /// Connects and requests of an older connection: dropped.
  package var requestsStale: UInt64 = 0
  package var requestsWithoutExport: UInt64 = 0
  package var requestsRefused: UInt64 = 0
  package var pingsAnswered: UInt64 = 0
  /// Requests that came again and whose saved replies are there (spec 10 §10, 8.7).
  package var repliesFound: UInt64 = 0
  /// Modifying requests whose replies could not be kept, as all places were taken.
  package var repliesUnsaved: UInt64 = 0
  package var exportsEvicted: UInt64 = 0
  package var exportsDisconnected: UInt64 = 0
  // Locks.
  /// Locks refused because all places were taken.
  package var locksExhausted: UInt64 = 0
  /// Locks refused because their client has as many as one may have.
  package var locksOverBound: UInt64 = 0
  package var locksCancelled: UInt64 = 0
  /// Locks looked at to see who stands in whose way: what the table of locks costs.
  package var lockSteps: UInt64 = 0
  /// Callbacks, and news of granted locks, for which there was no room at once; each try counts.
  package var lockCallsDelayed: UInt64 = 0
  package var callbacksSent: UInt64 = 0
  package var callbacksAnswered: UInt64 = 0
  /// Callbacks about locks that were gone already.
  package var callbacksUnknown: UInt64 = 0
  /// Clients evicted because they did not answer a callback, or did not give a lock up.
  package var evictionsByLock: UInt64 = 0
  /// Clients evicted because nothing was heard of them (spec 12 §3.1).
  package var evictionsBySilence: UInt64 = 0
  /// Connects refused because there was no place for another export.
  package var exportsExhausted: UInt64 = 0

  package init() {}
}
