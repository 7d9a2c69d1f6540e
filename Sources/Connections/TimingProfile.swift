/// How fast imports notice, try and try again: two profiles by name (design §4.14).
///
/// All times are nanoseconds.
package struct TimingProfile: Equatable, Sendable, BitwiseCopyable {
  package var name: StaticString { followsConnection ? "fast" : "lustre" }

  /// The deadline of a CONNECT, before the network's latency is added (spec 12 §1).
  package var connectTimeout: UInt64
  /// How long an attempt lasts that was not sent, because the NID is not discovered (spec 11 §9.4).
  package var unsentAttemptTimeout: UInt64
  /// What is taken for the network's latency while connections are left to try, at most.
  package var switchLatencyMin: UInt64
  /// What is added after each round of all connections.
  package var switchLatencyStep: UInt64
  package var switchLatencyMax: UInt64
  /// The least time from one attempt to the next (spec 11 §9.6).
  package var attemptSpacing: UInt64
  /// From any request to the ping that follows it (spec 11 §9.7).
  package var pingInterval: UInt64
  /// The same, while a commit is expected.
  package var pingIntervalShort: UInt64
  /// How much early a ping may be.
  package var pingSlack: UInt64
  /// Until an unused import of an object target disconnects.
  package var idleTimeout: UInt64
  /// What an import waits for at most before it may call its connection rested (spec 11 §9.6).
  package var restTime: UInt64
  /// The least wait of a management client before it asks for a revoked lock again, and the random part.
  package var requeueMin: UInt64
  package var requeueJitter: UInt64
  /// The deadline of a DISCONNECT, at most.
  package var disconnectTimeout: UInt64
  /// How long a client may keep a lock that it was asked for (spec 12 §3.3): 1.5 times the time that lock
  /// callbacks are first expected to take.
  package var lockCallbackTimeout: UInt64 = 150_000_000_000
  /// Whether the loss and the return of the LND's connection start attempts, instead of deadlines only.
  package var followsConnection: Bool
  /// Before an attempt that follows such an event, at most: spreads the clients of a server.
  package var reconnectJitter: UInt64
  /// Whether a failed attempt's deadline is waited for before the next one (spec 11 §9.6).
  package var waitsOutDeadline: Bool

  private static let second: UInt64 = 1_000_000_000

  /// What the kernel's client does: the default towards real nodes (spec 11 §9.4–§9.8, 12 §1).
  package static let lustre = TimingProfile(
    connectTimeout: 5 * second, unsentAttemptTimeout: second, switchLatencyMin: 5 * second,
    switchLatencyStep: 5 * second, switchLatencyMax: 50 * second, attemptSpacing: 5 * second,
    pingInterval: 25 * second, pingIntervalShort: 7 * second, pingSlack: 5 * second,
    idleTimeout: 20 * second, restTime: 5 * second, requeueMin: 5 * second,
    requeueJitter: 5 * second, disconnectTimeout: 5 * second, followsConnection: false,
    reconnectJitter: 0, waitsOutDeadline: true)

  /// Reconnects on the LND's event, jittered, and does not wait for deadlines of what was answered.
  ///
  /// What a server sees of an idle client is as before: pings, idle time and deadlines are the same.
  package static let fast = TimingProfile(
    connectTimeout: 5 * second, unsentAttemptTimeout: second / 10, switchLatencyMin: second,
    switchLatencyStep: second, switchLatencyMax: 10 * second, attemptSpacing: second / 4,
    pingInterval: 25 * second, pingIntervalShort: 7 * second, pingSlack: 5 * second,
    idleTimeout: 20 * second, restTime: second, requeueMin: second / 10,
    requeueJitter: second / 2, disconnectTimeout: 5 * second, followsConnection: true,
    reconnectJitter: second / 10, waitsOutDeadline: false)

  package static func named(_ name: String) -> TimingProfile? {
    switch name {
    case "lustre": .lustre
    case "fast": .fast
    default: nil
    }
  }
}
